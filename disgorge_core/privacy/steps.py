"""Private steps (Abadi et al. 2016, Algorithm 1): g = (Σ_i∈B g_i min(1, C/‖g_i‖) + N(0, σ²C² I)) / (q n).

Each record is in the batch B with probability q, by itself (Poisson sampling, as accountants assume): by a
number that is drawn from seed, step and record, so that a record's own draws stay as they are when others
leave. The sum is divided by the expected size of a batch, which no record changes. Per-record gradients
come from torch.func, in blocks, for every network that is a list of layers; texts and heads behind a
backbone among them. Networks are trained in evaluation mode: dropout does nothing, and a batch norm would
mix records, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from disgorge_core import compute
from disgorge_core.errors import BadModel
from disgorge_core.training.blueprint import learning
from disgorge_core.training.inputs import Inputs, gathered, network_input, read_by, targets
from disgorge_core.training.loop import BATCH_NORMS, check_weights
from disgorge_core.training.losses import losses
from disgorge_core.training.optimiser import Optimiser, rate
from disgorge_core.training.order import drawn, salt, uniform
from disgorge_core.training.task import Task
from disgorge_core.training.ticker import Ticker, check_finite
from disgorge_core.types import Array, Recipe, Report

POISSON, NOISE = 101, 102  # what a number is drawn for; those of training.order are small
MEMORY = 64 * 2**20  # bytes of per-record gradients at a time


@dataclass(frozen=True)
class Steps:
    """How many private steps, at which sampling rate, noise multiplier and clip; n is known to all."""

    count: int
    rate: float
    noise: float
    clip: float
    records: int


def train(task: Task, inputs: Inputs, recipe: Recipe, steps: Steps, report: Report) -> None:
    """Train the task's network in place; raises BadModel, Diverged, and Cancelled from the report."""
    check_network(task)
    network, inputs = task.network.eval(), read_by(inputs, task.preprocessing)
    names = learning(network, recipe)
    parameters = [network.get_parameter(name) for name in names]
    noise = torch.Generator().manual_seed(int(salt(task.seed, NOISE) >> np.uint64(1)))
    optimiser = Optimiser(recipe, parameters)
    each = _each(network, names, inputs.task)
    ticker = Ticker(report, steps.count * steps.rate * steps.records)
    with compute.threads(recipe.threads):
        for step in range(steps.count):
            epoch = step * recipe.epochs // steps.count
            rows = task.rows[chosen(inputs.keys[task.rows], task.seed, step, steps.rate)]
            total, loss = _clipped(each, task, inputs, rows, recipe, epoch, steps.clip, names)
            scale = steps.noise * steps.clip
            grads = [
                (s + scale * torch.randn(s.shape, generator=noise, dtype=s.dtype))
                / (steps.rate * steps.records)
                for s in total
            ]
            check_finite(loss, recipe, epoch, task.label)
            optimiser.step(parameters, grads, float(rate(recipe, step, steps.count)))
            ticker.step(len(rows), loss, f"epoch {epoch + 1} of {recipe.epochs}")
    check_weights(list(network.state_dict().values()), recipe, task.label)


def check_network(task: Task) -> None:
    """Raise BadModel for a network without gradients of single records."""
    if task.layers is None:
        raise BadModel(
            "A private training needs a network that is a list of layers.",
            "Choose another architecture, or train only a head behind the network.",
        )
    if any(isinstance(part, BATCH_NORMS) for part in task.network.modules()):
        raise BadModel(
            "A batch norm mixes the records of a batch, so no record's part can be limited.",
            "Choose group norm in its place.",
        )


def chosen(keys: Array, seed: int, step: int, share: float) -> Array:
    """Bool (n,): the records of one step."""
    return uniform(drawn(keys, seed, step, POISSON), 1)[:, 0] < share


Each = Callable[[dict[str, Tensor], Tensor, Tensor], tuple[dict[str, Tensor], Tensor]]


def _each(network: nn.Module, names: list[str], kind: str) -> Each:
    """Gradients and losses of single records, for weights, inputs (b, ...) and targets (b,)."""
    fixed = {n: t.detach() for n, t in network.state_dict().items() if n not in names}

    def one(theta: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        z = functional_call(network, {**fixed, **theta}, (x[None],))
        return losses(z, y[None], kind).sum()

    return vmap(grad_and_value(one), in_dims=(None, 0, 0))


def _clipped(
    each: Each, task: Task, inputs: Inputs, rows: Array, recipe: Recipe, epoch: int, clip: float,
    names: list[str],
) -> tuple[list[Tensor], float]:  # fmt: skip
    """Sum of the clipped gradients of these rows, and their mean loss."""
    theta = {name: task.network.get_parameter(name).detach() for name in names}
    total = [torch.zeros_like(value) for value in theta.values()]
    size = sum(value.numel() * value.element_size() for value in theta.values())
    block, loss = max(1, MEMORY // max(1, size)), 0.0
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        raw = gathered(inputs, part, recipe, task.seed, epoch)
        x = network_input(task.preprocessing, inputs, raw, recipe.dtype)
        grads, values = each(theta, x, targets(inputs, part, recipe.dtype))
        factor = factors(list(grads.values()), clip)
        for s, g in zip(total, grads.values(), strict=True):
            s += torch.tensordot(factor, g, dims=1)
        loss += float(values.sum())
    return total, loss / max(1, len(rows))


def factors(grads: list[Tensor], clip: float) -> Tensor:
    """min(1, C / ‖g_i‖) (b,) for the gradients of b records."""
    squares = sum((g.flatten(1).square().sum(1) for g in grads), start=torch.zeros(()))
    return (clip / squares.sqrt().clamp(min=torch.finfo(squares.dtype).tiny)).clamp(max=1.0)
