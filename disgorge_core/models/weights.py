"""Weights from a file: named tensors, before it is known what network they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from disgorge_core.errors import BadModel
from disgorge_core.types import Dataset, Layer, Preprocessing, Recipe

LARGEST = 2 * 2**30  # bytes of a file
MOST_TENSORS = 10_000
HALF = (torch.float16, torch.bfloat16)
KNOWN = (torch.float32, torch.float64, torch.int64, *HALF)
STATE_DICT = "torch.save(model.state_dict(), 'model.pt')"


@dataclass(frozen=True, eq=False)
class Weights:
    """Tensors by name; `ordered` if in the order of the network, `layers` if the file names them.

    A format that knows more answers the other questions itself: preprocessing, the classes in the order
    of the outputs (in the dataset's names), the recipe for n training records, and the architecture,
    settings and regime that the model would have had if it had been trained here.
    """

    state: Mapping[str, Tensor]
    ordered: bool
    layers: tuple[Layer, ...] | None = None
    notes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    recipe: Callable[[int], Recipe] | None = None
    architecture: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    regime: str = "plain"


class Unmatched(Protocol):
    """What a file holds whose weights depend on the dataset's columns."""

    def matched(self, data: Dataset) -> Weights:
        """Its weights for this dataset; raises BadModel where the two do not belong together."""
        ...


def checked(
    state: Mapping[str, Tensor],
    ordered: bool,
    layers: tuple[Layer, ...] | None = None,
    notes: tuple[str, ...] = (),
) -> Weights:
    """Weights in float32 or float64 that are all finite; raises BadModel that names the tensor."""
    if not state:
        raise BadModel("The file holds no weights.", f"Write it with {STATE_DICT}.")
    if len(state) > MOST_TENSORS:
        raise BadModel(
            f"The file holds {len(state):,} tensors.", f"Stay below {MOST_TENSORS:,} of them."
        )
    for name, value in state.items():
        _check(name, value)
    halves = [name for name, value in state.items() if value.dtype in HALF]
    if halves:
        said = f"{len(halves):,} tensors in half precision were widened to float32."
        notes = (*notes, said)
    wide = {k: v.float() if v.dtype in HALF else v for k, v in state.items()}
    return Weights(wide, ordered, layers, notes)


def _check(name: str, value: Tensor) -> None:
    shown = name[:80]
    if not name.isprintable():
        raise BadModel(f"A tensor is named {shown!r}.", "Use plain names.")
    if value.dtype not in KNOWN:
        raise BadModel(
            f"The weights {shown!r} are {str(value.dtype).removeprefix('torch.')}.",
            "Save the model in float32: model.float().",
        )
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise BadModel(
            f"The weights {shown!r} hold values that are infinite or not a number.",
            "Take a checkpoint from before the training diverged.",
        )


def check_size(size: int, limit: int) -> None:
    """Raises BadModel for empty and oversized files."""
    if not size:
        raise BadModel("The file is empty.", f"Write it with {STATE_DICT}.")
    if size > limit:
        raise BadModel(
            f"The file has {size / 2**20:,.1f} MB, the limit is {limit / 2**20:,.1f} MB.",
            "Use a smaller model, or raise the limit.",
        )
