"""From "which architecture" to fresh networks: the same draw for a single and for a stacked training."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.data.words import look_up
from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.whole import Whole
from disgorge_core.models.layers import build, for_width, head_of, initialise
from disgorge_core.params import make, values_of
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.training.order import WORD, drawn, uniform
from disgorge_core.types import Column, Dataset, Layer, Model, Preprocessing, Recipe
from disgorge_core.types.data import key_of

SPREAD = 0.1  # of the start vectors of words: uniform ±SPREAD
Architecture = str | Sequence[Layer] | Model | nn.Module


@dataclass(frozen=True, eq=False)
class Blueprint:
    """What a model is built from, without weights: a registered `item`, a layer list or a module.

    `given` (of a model that reads these `columns`) holds the weights that stay where only the head
    learns; `stated` is preprocessing that was stated in advance and is not fitted again; `scaling` is
    how a table's columns are fitted.
    """

    outputs: int
    item: Any = None
    plain: tuple[Layer, ...] | None = None
    module: nn.Module | None = None
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: nn.Module | None = None
    columns: tuple[Column, ...] = ()
    stated: Preprocessing | None = None
    scaling: str = "standard"

    def layers(self, shape: tuple[int, ...]) -> tuple[Layer, ...] | None:
        """The layer list for inputs of a shape; None for a wrapped module."""
        if self.plain is not None:
            return for_width(self.plain, shape)
        return None if self.item is None else tuple(self.item.layers(shape, self.outputs))

    def fresh(self, shape: tuple[int, ...], seed: int) -> nn.Module:
        """A network with weights drawn from the seed; raises BadModel if a part cannot be redrawn."""
        layers = self.layers(shape)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if isinstance(self.module, Whole):
                return self.module.at_start(seed)
            return _redrawn(self.module) if layers is None else _drawn(layers, seed)


def blueprint(
    architecture: Architecture, data: Dataset, settings: Mapping[str, Any] | None = None
) -> Blueprint:
    """Read an architecture: a registry name, a layer list, an existing model, or a module."""
    outputs = 1 if data.task == "regression" else len(data.classes)
    if isinstance(architecture, str):
        item = make(ARCHITECTURES[architecture], settings or {})
        _check_fits(item, data)
        return Blueprint(outputs, item=item, name=architecture, settings=values_of(item))
    if isinstance(architecture, Model):
        return _of_model(architecture, outputs)
    if isinstance(architecture, nn.Module):
        return Blueprint(outputs, module=architecture, given=architecture)
    return Blueprint(outputs, plain=tuple(architecture))


def _check_fits(item: Any, data: Dataset) -> None:
    if data.kind not in item.kinds or data.task not in item.tasks:
        fitting = [
            name
            for name, other in zip(ARCHITECTURES, ARCHITECTURES.values(), strict=True)
            if data.kind in other.kinds and data.task in other.tasks
        ]
        what = {"image": "pictures", "text": "texts"}.get(data.kind, "tables")
        raise BadModel(
            f"{item.title} is not made for {data.task} of {what}.", f"Choose {', '.join(fitting)}."
        )


def _of_model(model: Model, outputs: int) -> Blueprint:
    p = model.preprocessing
    closed = model.regime == "closed form"
    return Blueprint(
        outputs,
        item=make(ARCHITECTURES[model.architecture], model.architecture_settings)
        if closed
        else None,
        plain=None if closed else model.layers,
        module=model.network if model.layers is None else None,
        name=model.architecture,
        settings=model.architecture_settings,
        given=model.network,
        columns=p.columns,
        stated=None if p.fitted else p,
        scaling=p.scaling,
    )


def _drawn(layers: tuple[Layer, ...], seed: int) -> nn.Module:
    """Drawn in float64, so that both number formats start from the same weights."""
    network = build(layers).double()
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def _redrawn(module: nn.Module | None) -> nn.Module:
    assert module is not None
    network = copy.deepcopy(module)
    for name, part in network.named_modules():
        redraw = getattr(part, "reset_parameters", getattr(part, "_reset_parameters", None))
        if callable(redraw):
            redraw()
        elif any(p is not None for p in part._parameters.values()):
            raise BadModel(
                f"The part {name or type(part).__name__!r} of the network holds weights that cannot "
                "be drawn afresh.",
                "Give its class a reset_parameters method.",
            )
    return network


def carry(
    target: nn.Module, own: tuple[Column, ...], source: nn.Module, theirs: tuple[Column, ...]
) -> None:
    """Copy weights; inputs of a table that the source does not know start at 0.

    A word that the source does not know starts where the source has its unknown words.
    """
    state = {name: value.detach().clone() for name, value in source.state_dict().items()}
    if own != theirs and own and theirs:
        words = word_weight(target)
        first = words or first_weight(target)
        state[first] = (_words_moved if words else _columns_moved)(state[first], own, theirs)
    try:
        target.load_state_dict(state)
    except RuntimeError:
        raise BadModel(
            "The start weights do not fit the architecture.",
            "Start from a model of the same shape.",
        ) from None


def first_weight(network: nn.Module) -> str:
    """Name of the weight of the first linear layer."""
    return next(f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.Linear))


def word_weight(network: nn.Module) -> str:
    """Name of the weight that holds the vectors of words, empty where there is none."""
    found = (f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.Embedding))
    return next(found, "")


def draw_words(network: nn.Module, known: Sequence[str], seed: int) -> None:
    """Draw the vector of each word from the seed and the word itself: uniform ±SPREAD, none at 0.

    So a word starts alike whatever the other words are that a model knows.
    """
    name = word_weight(network)
    if not name:
        return
    weight = network.get_parameter(name)
    keys = np.array([key_of(word) for word in ("", *known)], dtype=np.uint64)
    vectors = SPREAD * (2 * uniform(drawn(keys, seed, WORD), weight.shape[1]) - 1)
    with torch.no_grad():
        weight[0] = 0
        weight[1:] = torch.from_numpy(vectors).to(weight.dtype)


def _words_moved(weight: Tensor, own: tuple[Column, ...], theirs: tuple[Column, ...]) -> Tensor:
    return weight[torch.from_numpy(look_up(theirs[0].values or (), own[0].values or ()))]


def _columns_moved(weight: Tensor, own: tuple[Column, ...], theirs: tuple[Column, ...]) -> Tensor:
    place = {name: i for i, name in enumerate(_inputs_of(theirs))}
    moved = torch.zeros(len(weight), sum(c.width for c in own), dtype=weight.dtype)
    for i, name in enumerate(_inputs_of(own)):
        if name in place:
            moved[:, i] = weight[:, place[name]]
    return moved


def _inputs_of(columns: tuple[Column, ...]) -> list[tuple[str, str]]:
    return [(c.name, v) for c in columns for v in (c.values if c.values is not None else ("",))]


def learning(network: nn.Module, recipe: Recipe) -> list[str]:
    """Names of the parameters that learn; the others are frozen."""
    names = [name for name, _ in network.named_parameters()]
    if recipe.trainable == "all":
        return names
    head = {id(p) for p in head_of(network).parameters()}
    return [name for name, p in network.named_parameters() if id(p) in head]
