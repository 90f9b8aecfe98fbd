"""Many trainings of one shape at once: parameters (K, out, in), batched matrix products, one backward.

Model k sees exactly the batches of its own kept records, at its own learning rate, through its own
preprocessing; models that have finished leave the stack, so the work follows the records kept. Tables
are encoded once, with the categories of all models: where a model has not seen a category its scale and
its weights are 0, which no gradient ever moves, and the column is cut away when the model is taken out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import dropwhile

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from disgorge_core.models.layers import ACTIVATIONS, KINDS, module_names
from disgorge_core.training.blueprint import learning
from disgorge_core.training.dropout import mask, seeds_of
from disgorge_core.training.inputs import (
    BACKBONE,
    Inputs,
    gathered,
    normalised,
    positions,
    targets,
)
from disgorge_core.training.loop import check_weights
from disgorge_core.training.losses import losses
from disgorge_core.training.optimiser import Optimiser, rate
from disgorge_core.training.task import Task
from disgorge_core.training.ticker import Ticker, check_finite
from disgorge_core.training.walk import Step, Walk
from disgorge_core.types import Array, Layer, Recipe

NORMS = ("groupnorm", "layernorm")
MEMORY = 256 * 2**20  # bytes that one stack may take
Parameters = dict[str, Tensor]


def stackable(layers: tuple[Layer, ...] | None, kind: str) -> bool:
    """Whether a layer list is made of what a stack can compute: its first weights must be linear.

    Dropout may stand before them where all models have the same inputs, as its masks follow their order.
    """
    if layers is None:
        return False
    before = {"flatten"} if kind == "table" else {"flatten", "dropout"}
    kinds = list(dropwhile(before.__contains__, (layer.kind for layer in layers)))
    known = {"linear", "dropout", "flatten", *ACTIVATIONS, *NORMS}
    return bool(kinds) and kinds[0] == "linear" and set(kinds) <= known


def chunks(tasks: Sequence[Task], inputs: Inputs, recipe: Recipe) -> list[list[Task]]:
    """Cut trainings into stacks that fit into memory, those of similar size together."""
    tasks = sorted(tasks, key=lambda task: -len(task.rows))
    width = int(np.prod(inputs.raw.shape[1:]))
    units = sum(p.shape[0] for p in tasks[0].network.parameters()) + 4 * width
    weights = sum(p.numel() for p in tasks[0].network.parameters())
    each = 8 * len(tasks[0].rows) + 8 * recipe.batch * units + 32 * weights
    size = max(1, MEMORY // each)
    return [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]


def train(tasks: Sequence[Task], inputs: Inputs, recipe: Recipe, ticker: Ticker) -> None:
    """Train the tasks' networks in place; tasks sorted by records, most first."""
    stack = _Stack(tasks, inputs, recipe)
    walk = Walk(tasks, inputs, recipe)
    for step in range(int(walk.steps[0])):
        batch = walk.at(step)
        rates = rate(recipe, step, walk.steps[: batch.models])
        each = stack.step(batch, rates)
        _check(each, batch, tasks, recipe)
        many = f", {batch.models} models" if len(tasks) > 1 else ""
        message = f"epoch {batch.epoch[0] + 1} of {recipe.epochs}{many}"
        ticker.step(batch.records, float(each.mean()), message)
    stack.write_back()


def _check(each: Tensor, batch: Step, tasks: Sequence[Task], recipe: Recipe) -> None:
    if math.isfinite(float(each.sum())):
        return
    for k in range(batch.models):
        check_finite(float(each[k]), recipe, int(batch.epoch[k]), tasks[k].label)


class _Stack:
    """Weights, optimiser and preprocessing of K models, the model being the first axis of each."""

    def __init__(self, tasks: Sequence[Task], inputs: Inputs, recipe: Recipe) -> None:
        self.tasks, self.inputs, self.recipe = tasks, inputs, recipe
        self.layers = tasks[0].layers or ()
        places = [_places(task, inputs) for task in tasks]
        self.held = np.unique(np.concatenate(places))  # inputs that any of the models has
        self.places = [np.searchsorted(self.held, own) for own in places]
        self.whole = {name: self._stacked(name) for name in _names(tasks[0])}
        self.shift, self.scale = self._preprocessing()
        self.learning = learning(tasks[0].network, recipe)
        self.optimiser = Optimiser(recipe, [self.whole[name] for name in self.learning])

    def step(self, batch: Step, rates: Array) -> Tensor:
        """One step of the first models; gives their mean losses (K,)."""
        active = {name: whole[: batch.models].detach() for name, whole in self.whole.items()}
        parameters = [active[name].requires_grad_() for name in self.learning]
        self.optimiser.keep_first(batch.models)
        z = forward(self.layers, active, self._input(batch), self._masks(batch))
        loss = losses(z, targets(self.inputs, batch.rows, self.recipe.dtype), self.inputs.task)
        each = (loss * torch.from_numpy(batch.weight).to(loss.dtype)).sum(1)
        grads = torch.autograd.grad(each.sum(), parameters)
        self.optimiser.step(parameters, grads, rates)
        return each.detach()

    def write_back(self) -> None:
        """Write each model's weights into its own network, without the columns it has not seen."""
        first = _first(self.layers)
        for k, task in enumerate(self.tasks):
            state = {name: whole[k] for name, whole in self.whole.items()}
            state[first] = state[first][:, torch.from_numpy(self.places[k])]
            task.network.load_state_dict(state)
            check_weights(list(state.values()), self.recipe, task.label)

    def _stacked(self, name: str) -> Tensor:
        values = [task.network.get_parameter(name).detach() for task in self.tasks]
        if name == _first(self.layers):
            values = [self._padded(*pair) for pair in zip(values, self.places, strict=True)]
        return torch.stack(values)

    def _padded(self, weight: Tensor, places: Array) -> Tensor:
        padded = weight.new_zeros(len(weight), len(self.held))
        padded[:, torch.from_numpy(places)] = weight
        return padded

    def _preprocessing(self) -> tuple[Array, Array]:
        """Shift and scale (K, 1, width), both 0 for inputs that a model does not have."""
        both = np.zeros((2, len(self.tasks), 1, len(self.held)))
        pixels = int(np.prod(self.inputs.raw.shape[2:]))
        for k, (task, places) in enumerate(zip(self.tasks, self.places, strict=True)):
            for part, values in zip(both, _values(task), strict=True):
                part[k, 0, places] = np.repeat(values, pixels)
        return both[0], both[1]

    def _input(self, batch: Step) -> Tensor:
        if self.recipe.augment == "none" or self.inputs.kind != "image":
            raw = self.inputs.raw[batch.rows]
        else:
            raw = np.stack([self._changed(batch, k) for k in range(batch.models)])
        raw = raw.reshape(*batch.rows.shape, -1)
        if len(self.held) < raw.shape[2]:
            raw = np.take(raw, self.held, axis=2)
        models = slice(batch.models)
        return normalised(raw, self.shift[models], self.scale[models], self.recipe.dtype)

    def _changed(self, batch: Step, k: int) -> Array:
        seed, epoch = self.tasks[k].seed, int(batch.epoch[k])
        return gathered(self.inputs, batch.rows[k], self.recipe, seed, epoch)

    def _masks(self, batch: Step) -> Masks:
        return Masks(self.inputs.keys[batch.rows], [task.seed for task in self.tasks], batch.epoch)


class Masks:
    """Dropout masks of one step, for keys (K, B), seeds and epochs of the models."""

    def __init__(self, keys: Array, seeds: Sequence[int], epochs: Array) -> None:
        self.keys, self.seeds, self.epochs, self.layer = keys, seeds, epochs.tolist(), 0

    @cached_property
    def salts(self) -> Array:
        """What each model's masks start from, (K, 1)."""
        pairs = zip(self.seeds, self.epochs, strict=False)
        return np.array([[seeds_of(seed, epoch)] for seed, epoch in pairs], dtype=np.uint64)

    def over(self, h: Tensor, p: float) -> Tensor:
        """The next dropout layer over h (K, B, units)."""
        factors = mask(self.keys, self.salts, self.layer, h.shape[-1], p)
        self.layer += 1
        return h * torch.from_numpy(factors).to(h.dtype)


def forward(layers: Sequence[Layer], weights: Parameters, h: Tensor, masks: Masks) -> Tensor:
    """Outputs (K, B, c) for inputs (K, B, d)."""
    for layer, name in zip(layers, module_names(layers), strict=True):
        if layer.kind == "linear":
            h = _linear(h, weights[f"{name}.weight"], weights.get(f"{name}.bias"))
        elif layer.kind in NORMS:
            h = _norm(layer, h, weights[f"{name}.weight"], weights[f"{name}.bias"])
        elif layer.kind == "dropout":
            h = masks.over(h, float(layer.options.get("p", 0.5)))
        elif layer.kind != "flatten":
            h = KINDS[layer.kind](**layer.options)(h)
    return h


def _linear(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return torch.bmm(h, weight.transpose(1, 2))
    return torch.baddbmm(bias[:, None], h, weight.transpose(1, 2))


def _norm(layer: Layer, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    groups = int(layer.options.get("groups", 1))
    eps = float(layer.options.get("eps", 1e-5))
    flat = functional.group_norm(h.flatten(0, 1), groups, eps=eps).view_as(h)
    return flat * weight[:, None] + bias[:, None]


def _names(task: Task) -> list[str]:
    return [name for name, _ in task.network.named_parameters()]


def _first(layers: Sequence[Layer]) -> str:
    names = module_names(layers)
    return next(
        f"{n}.weight" for n, layer in zip(names, layers, strict=True) if layer.kind == "linear"
    )


def _places(task: Task, inputs: Inputs) -> Array:
    if inputs.kind in ("image", BACKBONE):
        return np.arange(int(np.prod(inputs.raw.shape[1:])))
    return positions(task.preprocessing.columns, inputs.columns)


def _values(task: Task) -> tuple[Array, Array]:
    return task.preprocessing.shift, task.preprocessing.scale
