"""Where a network stops at a record, in plain words: the layer, what it wants and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.residual import UnequalBranches
from disgorge_core.types import Array

FORWARD_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError)
REMEDY = "Check the preprocessing and the layer list."
WANTED = {  # which of a layer's numbers its input must have, and on which axis
    nn.Linear: ("in_features", -1, "numbers"),
    nn.Conv2d: ("in_channels", 1, "channels"),
    nn.BatchNorm2d: ("num_features", 1, "channels"),
    nn.BatchNorm1d: ("num_features", 1, "numbers"),
    nn.GroupNorm: ("num_channels", 1, "channels"),
}
AXES = {nn.Conv2d: 4, nn.BatchNorm2d: 4}
ONE = {2: "row of numbers", 3: "list of rows", 4: "picture"}


def in_plain_words(networks: nn.ModuleList, answer: Callable[[], Array]) -> Array:
    """What `answer` gives by these networks; raises BadModel that says at which layer they cannot go on."""
    last: list[tuple[str, nn.Module, Any]] = []

    def note(name: str) -> Callable[..., None]:
        return lambda module, given: last.__setitem__(slice(None), [(name, module, given[:1])])

    leaves = [(n, m) for n, m in networks.named_modules() if not any(True for _ in m.children())]
    handles = [module.register_forward_pre_hook(note(name)) for name, module in leaves]
    try:
        return answer()
    except UnequalBranches as error:
        raise BadModel(
            f"The network cannot read a record of this dataset: {error}.", REMEDY
        ) from None
    except FORWARD_ERRORS:
        said = _said(*last[0]) if last else "the preprocessing does not fit it"
        raise BadModel(
            f"The network cannot read a record of this dataset: {said}.", REMEDY
        ) from None
    finally:
        for handle in handles:
            handle.remove()


def _said(name: str, module: nn.Module, given: Any) -> str:
    own = name.partition(".")[2][:60]  # without the member's number
    where = f"its {type(module).__name__} layer {own!a}" if own else "the network itself"
    value = given[0] if given else None
    if not isinstance(value, Tensor):
        return f"it stops at or behind {where}"
    axes = AXES.get(type(module), value.ndim)
    if value.ndim != axes:
        return f"{where} reads a {ONE[axes]} and is given a {_shape(value)}"
    option, axis, unit = WANTED.get(type(module), ("", 0, ""))
    wanted = getattr(module, option, None)
    if wanted is None or value.ndim < 2 or value.shape[axis] == wanted:
        return f"it stops at or behind {where}, which is given a {_shape(value)}"
    return f"{where} reads {wanted:,} {unit} and is given {value.shape[axis]:,}"


def _shape(value: Tensor) -> str:
    """One record's shape in words."""
    sides = " by ".join(f"{side:,}" for side in value.shape[1:])
    return f"{ONE.get(value.ndim, 'block of numbers')} of {sides}" if sides else "number"
