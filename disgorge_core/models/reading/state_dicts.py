"""A file of `torch.save`, written out as plain tensors: no larger inside than outside, nothing unpickled.

PyTorch's own `torch.load(weights_only=True)` has had holes (CVE-2025-32434, CVE-2026-24747), and even
what it allows can fill the memory; so it never sees the file.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from disgorge_core.errors import BadModel
from disgorge_core.limited.refusal import DAMAGE
from disgorge_core.models.reading.tensors import MOST_TENSORS, SIZES, write_header
from disgorge_core.models.reading.words import REMEDY, Storage, Strided, value_of

MOST_MEMBERS = 100_000
BLOCK = 2**22
INSIDE = (
    "state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params",
)  # fmt: skip
State = Mapping[str, Strided]


def write_plain(path: Path, target: Path) -> list[str]:
    """Write the tensors of a file into another, in their order, and give notes; raises BadModel."""
    with path.open("rb") as file:
        head = file.read(2)
    try:
        with zipfile.ZipFile(path) as archive:
            return _written(archive, path.stat().st_size, target)
    except (*DAMAGE, StopIteration, RuntimeError):
        raise _no_state_dict(head) from None


def _no_state_dict(head: bytes) -> BadModel:
    if head == b"PK":
        return BadModel("The file is a zip but no state dict, or it was cut short.", REMEDY)
    if head[:1] == b"\x80":
        return BadModel("The file is a pickle, which could run code, so it was not opened.", REMEDY)
    return BadModel("The file is no PyTorch state dict.", REMEDY)


def _written(archive: zipfile.ZipFile, size: int, target: Path) -> list[str]:
    members = archive.infolist()
    _check_members(members, size)
    pickled = next(m.filename for m in members if m.filename.endswith("data.pkl"))
    state, notes = _unwrapped(value_of(archive.read(pickled)))
    _check_sizes(state, size)
    folder = pickled.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise BadModel("The file was written by a machine of another byte order.", REMEDY)
    storages = {t.storage: _stored(archive, f"{folder}data/", t.storage) for t in state.values()}
    with target.open("wb") as file:
        write_header(file, ((name, t.storage.kind, t.shape) for name, t in state.items()))
        for tensor in state.values():
            _write(tensor, storages[tensor.storage], file)
    return notes


def _stored(archive: zipfile.ZipFile, folder: str, storage: Storage) -> npt.NDArray[Any]:
    """The numbers of a storage, on the disk; they are moved as they are, whatever they mean."""
    member = archive.getinfo(f"{folder}{storage.key}")
    size = SIZES[storage.kind]
    if member.file_size != storage.count * size:
        raise BadModel("A storage in the file is not as large as the file says.", REMEDY)
    with archive.open(member) as file:
        while file.read(BLOCK):  # to the end, where its checksum is compared
            pass
    if not storage.count:
        return np.empty(0, f"u{size}")
    path = str(archive.filename)
    return np.memmap(path, f"u{size}", "r", _start(path, member), (storage.count,))


def _start(path: str, member: zipfile.ZipInfo) -> int:
    """Where the content of a member that is not compressed begins."""
    with Path(path).open("rb") as file:
        file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + name + extra


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        raise BadModel("The file is TorchScript, which is compiled code.", REMEDY)
    if any("archive_format" in name or "/models/" in name for name in names):
        raise BadModel("The file is a torch.export archive (.pt2), which can run code.", REMEDY)
    if len(names) > MOST_MEMBERS or len(set(names)) < len(names):
        raise BadModel("The file is a zip but no state dict.", REMEDY)
    packed = any(
        m.compress_type != zipfile.ZIP_STORED or m.compress_size != m.file_size for m in members
    )
    if packed or sum(member.file_size for member in members) > size:
        raise BadModel("The file is compressed, so its true size is not known.", REMEDY)


def _unwrapped(content: Any) -> tuple[State, list[str]]:
    """The tensors of a state dict, or of a checkpoint that has one under a usual name."""
    notes: list[str] = []
    for _ in range(3):
        if isinstance(content, dict) and all(
            isinstance(k, str) and isinstance(v, Strided) for k, v in content.items()
        ):
            return content, notes
        inner = [
            k for k in INSIDE if isinstance(content, dict) and isinstance(content.get(k), dict)
        ]
        if not inner:
            break
        content, notes = content[inner[0]], [*notes, f"The weights stood under {inner[0]!r}."]
    raise BadModel("The file holds no dictionary of tensors.", REMEDY)


def _check_sizes(state: State, size: int) -> None:
    """Raise BadModel for tensors that claim more numbers than are stored."""
    if len(state) > MOST_TENSORS:
        raise BadModel(
            f"The file holds {len(state):,} tensors.", f"Stay below {MOST_TENSORS:,} of them."
        )
    claimed = 0
    for name, tensor in state.items():
        numbers = math.prod(tensor.shape)
        claimed += numbers * SIZES[tensor.storage.kind]
        if numbers > tensor.storage.count or _last(tensor) > tensor.storage.count:
            raise BadModel(
                f"The weights {name[:80]!r} claim more numbers than the file holds.", REMEDY
            )
    if claimed > 4 * size:
        raise BadModel("The tensors claim more numbers than the file holds.", REMEDY)


def _last(tensor: Strided) -> int:
    """How many numbers of the storage the tensor reaches into."""
    if not math.prod(tensor.shape):
        return 0
    reach = sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    return tensor.offset + reach + 1


def _write(tensor: Strided, numbers: npt.NDArray[Any], out: BinaryIO) -> None:
    if math.prod(tensor.shape):
        steps = [step * numbers.itemsize for step in tensor.strides]
        view = np.lib.stride_tricks.as_strided(
            numbers[tensor.offset :], tensor.shape, steps, writeable=False
        )
        out.write(np.ascontiguousarray(view).data)
