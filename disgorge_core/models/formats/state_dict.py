"""PyTorch state dicts. The pickle inside is read word by word before PyTorch may touch the file.

`torch.load(weights_only=True)` has had holes (CVE-2025-32434, CVE-2026-24747), and even what it allows
can fill the memory. So a file passes only if it is an uncompressed zip, no larger inside than outside,
whose pickle names nothing but tensors, their storages and ordered dicts.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.weights import STATE_DICT, Weights, checked
from disgorge_core.registry import MODEL_FORMATS

LARGEST_PICKLE = 16 * 2**20
MOST_MEMBERS = 100_000
STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
ALLOWED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    *(f"torch {kind}Storage" for kind in STORAGES),
}
INSIDE = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
)
BROKEN_ZIP = (
    zipfile.BadZipFile, StopIteration, OSError, EOFError, NotImplementedError,
    ValueError, RuntimeError, KeyError, IndexError, struct.error, zlib.error,
)  # fmt: skip
REMEDY = f"Write it with {STATE_DICT}."


@MODEL_FORMATS.register
class StateDict:
    """A `.pt` or `.pth` file written by `torch.save(model.state_dict(), ...)`."""

    name = "state_dict"
    title = "PyTorch state dict"
    suffixes = (".pt", ".pth", ".bin", ".ckpt")
    order = 20

    def sniff(self, path: Path) -> bool:
        """Is it a zip or a pickle?"""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(2)
        return head == b"PK" or head[:1] == b"\x80" or path.suffix.lower() in self.suffixes

    def read(self, path: Path) -> Weights:
        """Its tensors in the order of the network; raises BadModel, and runs nothing of the file."""
        _check_zip(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                content = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, OSError, ValueError, KeyError, TypeError,
                EOFError, AttributeError, IndexError, AssertionError):  # fmt: skip
            raise BadModel("The state dict is damaged.", REMEDY) from None
        state, notes = _unwrapped(content)
        if sum(v.numel() * v.element_size() for v in state.values()) > 4 * path.stat().st_size:
            raise BadModel("The tensors claim more numbers than the file holds.", REMEDY)
        return checked({k: _plain(k, v) for k, v in state.items()}, ordered=True, notes=notes)


def _check_zip(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(2)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, path.stat().st_size)
            name = next(m.filename for m in members if m.filename.endswith("data.pkl"))
            _check_pickle(archive.read(name))
    except BROKEN_ZIP:
        raise _no_state_dict(head) from None


def _no_state_dict(head: bytes) -> BadModel:
    if head == b"PK":
        return BadModel("The file is a zip but no state dict, or it was cut short.", REMEDY)
    if head[:1] == b"\x80":
        return BadModel("The file is a pickle, which could run code, so it was not opened.", REMEDY)
    return BadModel("The file is no PyTorch state dict.", REMEDY)


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        raise BadModel("The file is TorchScript, which is compiled code.", REMEDY)
    if any("archive_format" in name or "/models/" in name for name in names):
        raise BadModel("The file is a torch.export archive (.pt2), which can run code.", REMEDY)
    if len(names) > MOST_MEMBERS or len(set(names)) < len(names):
        raise BadModel("The file is a zip but no state dict.", REMEDY)
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > size:
        raise BadModel("The file is compressed, so its true size is not known.", REMEDY)


def _check_pickle(content: bytes) -> None:
    if len(content) > LARGEST_PICKLE:
        raise BadModel("The list of tensors in the file is too long.", REMEDY)
    try:
        for op, value, _ in pickletools.genops(content):
            if op.name in ("GLOBAL", "INST") and value not in ALLOWED:
                raise _foreign(str(value))
            if op.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"):
                raise _foreign("an object")
    except (ValueError, UnicodeError, IndexError):
        raise BadModel("The state dict is damaged.", REMEDY) from None


def _foreign(name: str) -> BadModel:
    shown = ".".join(name.split())[:80]
    shown = shown if shown.isprintable() else "an object"
    return BadModel(
        f"The file holds {shown}, not tensors only: a whole module or other objects were saved.",
        REMEDY,
    )


def _unwrapped(content: Any) -> tuple[Mapping[str, Tensor], tuple[str, ...]]:
    """The tensors of a state dict, or of a checkpoint that has one under a usual name."""
    notes: tuple[str, ...] = ()
    for _ in range(3):
        if _is_state(content):
            return content, notes
        inner = [
            k
            for k in INSIDE
            if isinstance(content, Mapping) and isinstance(content.get(k), Mapping)
        ]
        if not inner:
            break
        content, notes = content[inner[0]], (*notes, f"The weights stood under {inner[0]!r}.")
    raise BadModel("The file holds no dictionary of tensors.", REMEDY)


def _is_state(content: Any) -> bool:
    return isinstance(content, Mapping) and all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()
    )


def _plain(name: str, value: Tensor) -> Tensor:
    """An ordinary tensor of its own; one that claims more numbers than it stores is refused."""
    ordinary = type(value) in (Tensor, nn.Parameter) and value.layout == torch.strided
    if not ordinary or value.device.type != "cpu":
        raise BadModel(f"The weights {name[:80]!r} are no plain tensor.", REMEDY)
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise BadModel(f"The weights {name[:80]!r} claim more numbers than the file holds.", REMEDY)
    return value.detach().clone(memory_format=torch.contiguous_format)
