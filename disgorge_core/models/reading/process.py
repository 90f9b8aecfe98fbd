"""Lets the limited process read a model's file, and takes over what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from disgorge_core.errors import BadModel
from disgorge_core.limited.process import Bounds, run_apart
from disgorge_core.models.reading.tensors import Header, Placed, header_of

ANSWERS = "disgorge_core.models.reading.answer"
BOUNDS = Bounds(memory=2**30, disk=8 * 2**30, cpu=120, wall=300)
KINDS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "BOOL": torch.bool,
}  # fmt: skip


def read_state_dict(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of a file of `torch.save`, and notes; raises BadModel."""
    with tempfile.TemporaryDirectory() as room:
        bounds = Bounds(memory=2**30 + 3 * path.stat().st_size, disk=BOUNDS.disk, cpu=BOUNDS.cpu,
                        wall=BOUNDS.wall)  # fmt: skip
        said = run_apart(f"{ANSWERS}:state_dict", path, Path(room), bounds, BadModel)
        state, _ = read_tensors(Path(room) / "weights.safetensors")
        return state, tuple(said["notes"])


@contextmanager
def checked_folder(path: Path) -> Iterator[Path]:
    """A saved model's folder, or a zip of it unpacked for a while, that was checked; raises BadModel."""
    with tempfile.TemporaryDirectory() as room:
        said = run_apart(f"{ANSWERS}:folder", path, Path(room), BOUNDS, BadModel)
        yield Path(said["place"])


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Header]:
    """All tensors of a file in the layout of safetensors, and its header; raises BadModel."""
    header = header_of(path)
    with path.open("rb") as file:
        state = {}
        for placed in header.tensors:
            file.seek(placed.start)
            state[placed.name] = _tensor(placed, bytearray(file.read(placed.bytes)))
    return state, header


def _tensor(placed: Placed, content: bytearray) -> Tensor:
    if not content:
        return torch.empty(placed.shape, dtype=KINDS[placed.kind])
    return torch.frombuffer(content, dtype=KINDS[placed.kind]).reshape(placed.shape)
