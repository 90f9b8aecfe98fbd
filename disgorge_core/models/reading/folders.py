"""Our own folder of a model, or a zip of it: checked before the app reads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from disgorge_core.data.reading.archive import is_zip, opened
from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.npz_arrays import stored_arrays
from disgorge_core.errors import BadModel
from disgorge_core.models.reading.tensors import header_of

ABOUT, WEIGHTS, ARRAYS = "model.json", "weights.safetensors", "arrays.npz"
TEXTS = ("name", "task", "architecture", "regime", "rule", "digest")
SETTINGS = ("architecture_settings", "regime_settings")
LARGEST_ABOUT = 32 * 2**20  # bytes; the ids of a million records fit
MOST_LISTS = 100_000  # lists and objects in model.json
LARGEST = 2 * 2**30  # bytes of everything
DAMAGED = ("The saved model is damaged.", "Make or download it again.")


def checked_folder(path: Path, room: Path) -> Path:
    """The folder, unpacked into the room if it is a zip; raises BadModel, BadData and what is broken."""
    folder = _unpacked(path, room / "model") if is_zip(path) else path
    _check_about(folder / ABOUT)
    for weights in {folder / WEIGHTS, *folder.rglob("*.safetensors")}:
        header_of(weights)
    _check_arrays(folder / ARRAYS)
    return folder


def _unpacked(path: Path, folder: Path) -> Path:
    """The files beside the one model.json of a zip, under their own names."""
    with opened(path, Limits(disk=LARGEST)) as (archive, members):
        tops = [m.filename.removesuffix(ABOUT) for m in members if Path(m.filename).name == ABOUT]
        if len(tops) != 1:
            raise BadModel(
                "The zip is no model that was downloaded here.", "Bring the weights instead."
            )
        for member in members:
            if member.filename.startswith(tops[0]):
                target = folder / member.filename.removeprefix(tops[0])
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, target.open("xb") as file:
                    while block := packed.read(2**20):
                        file.write(block)
    return folder


def _check_about(path: Path) -> None:
    """Raise BadModel for a description that would fill the memory or is no JSON object."""
    if path.stat().st_size > LARGEST_ABOUT:
        raise BadModel("The description of the model is too long.", DAMAGED[1])
    said = json.loads(path.read_bytes())
    if not isinstance(said, dict) or _lists(said) > MOST_LISTS or not _is_plain(said):
        raise BadModel(*DAMAGED)


def _is_plain(said: dict[str, Any]) -> bool:
    """Whether names are texts, lists of names are lists of texts, and settings have names."""
    lineage = said.get("lineage")
    lists = [said.get("classes"), said.get("seen") or []]
    if isinstance(lineage, dict):
        lists += [lineage.get("excluded"), lineage.get("parents")]
    return (
        isinstance(lineage, dict)
        and all(isinstance(said.get(name), str) for name in TEXTS)
        and all(isinstance(some, list) and all(isinstance(x, str) for x in some) for some in lists)
        and all(isinstance(said.get(name), dict) for name in SETTINGS)
    )


def _lists(value: Any) -> int:
    """How many lists and objects there are, counted up to the most that may be."""
    waiting, found = [value], 0
    while waiting and found <= MOST_LISTS:
        one = waiting.pop()
        if isinstance(one, dict | list):
            found += 1
            waiting += one.values() if isinstance(one, dict) else one
    return found


def _check_arrays(path: Path) -> None:
    """Raise BadData for arrays of objects, or whose headers do not fit what is stored."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(not m.filename.endswith(".npy") for m in members):
            raise BadModel(*DAMAGED)
        if sum(m.file_size for m in members) > LARGEST:
            raise BadModel("The arrays of the model are too large.", "Use a smaller model.")
        stored_arrays(archive, members)
