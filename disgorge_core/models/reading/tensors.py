"""Tensors in one file, in the layout of safetensors: what its header says must be exactly what is there.

A JSON header names each tensor's type, shape and place; the places follow each other without gap or
overlap up to the end of the file. The specification asks for that, so a file that lies is seen before
anything is allocated, and reading it takes as much memory as the file has bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from disgorge_core.errors import BadModel

SIZES = {  # bytes of a number
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
MOST_HEADER = 8 * 2**20
MOST_TENSORS = 10_000
MOST_SIDE, MOST_AXES = 2**40, 8
REMEDY = "Write it again: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."


@dataclass(frozen=True)
class Placed:
    """One tensor of a file: its type, its shape, and where its first byte stands in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int

    @property
    def bytes(self) -> int:
        """Bytes that it takes."""
        return SIZES[self.kind] * math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a file holds: its tensors in the header's order, and texts about them."""

    tensors: tuple[Placed, ...]
    about: Mapping[str, str]


def header_of(path: Path) -> Header:
    """The header, if it fits the file byte for byte; raises BadModel."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 1 < length <= min(size - 8, MOST_HEADER):
            _refuse("does not begin with a header that fits into it")
        said = _object(file.read(length))
    about = said.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        _refuse("has a header whose notes are no texts")
    if len(said) > MOST_TENSORS:
        raise BadModel(
            f"The file holds {len(said):,} tensors.", f"Stay below {MOST_TENSORS:,} of them."
        )
    tensors = tuple(_placed(name, value, 8 + length) for name, value in said.items())
    _check_places(tensors, 8 + length, size)
    return Header(tensors, about)


def _refuse(what: str) -> NoReturn:
    raise BadModel(f"The safetensors file is damaged or cut short: it {what}.", REMEDY)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        _refuse("has a header that is not JSON")
    if not isinstance(found, dict):
        _refuse("has a header that is not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("names something twice in its header")
    return found


def _placed(name: str, value: Any, first: int) -> Placed:
    shown = ascii(name[:60])
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        _refuse(f"does not say the type, shape and place of {shown}")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not _numbers(shape, MOST_AXES) or not _numbers(offsets, 2) or len(offsets) != 2:
        _refuse(f"gives {shown} a shape or place that is none")
    if not isinstance(kind, str) or kind not in SIZES:
        raise BadModel(
            f"The weights {shown} are of the unknown type {str(kind)[:20]!a}.",
            "Save the model in float32: model.float().",
        )
    placed = Placed(name, kind, tuple(shape), first + offsets[0])
    if offsets[1] - offsets[0] != placed.bytes:
        _refuse(f"claims a shape of {shown} that does not fit its bytes")
    return placed


def _numbers(value: Any, most: int) -> bool:
    whole = isinstance(value, list) and len(value) <= most
    return whole and all(type(n) is int and 0 <= n <= MOST_SIDE for n in value)


def _check_places(tensors: tuple[Placed, ...], first: int, size: int) -> None:
    at = first
    for tensor in sorted(tensors, key=lambda t: (t.start, t.bytes)):
        if tensor.start != at:
            _refuse("has tensors that overlap or leave a gap")
        at += tensor.bytes
    if at != size:
        _refuse("does not end where its header says")


def write_header(file: BinaryIO, tensors: Iterable[tuple[str, str, tuple[int, ...]]]) -> None:
    """The header of (name, type, shape) of tensors that are then written one after another."""
    said: dict[str, Any] = {}
    at = 0
    for name, kind, shape in tensors:
        end = at + SIZES[kind] * math.prod(shape)
        said[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    content = json.dumps(said).encode()
    file.write(len(content).to_bytes(8, "little") + content)
