"""What the limited process is asked about model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from disgorge_core.limited.refusal import answered
from disgorge_core.models.reading.folders import checked_folder
from disgorge_core.models.reading.pretrained_zip import unpacked
from disgorge_core.models.reading.state_dicts import write_plain


def state_dict(asked: dict[str, Any]) -> dict[str, Any]:
    """Write the tensors of a state dict into the folder."""
    path, folder = Path(asked["path"]), Path(asked["folder"])
    return answered(lambda: {"notes": write_plain(path, folder / "weights.safetensors")})


def folder(asked: dict[str, Any]) -> dict[str, Any]:
    """Check a saved model, and say where it lies."""
    path, room = Path(asked["path"]), Path(asked["folder"])
    return answered(lambda: {"place": str(checked_folder(path, room))})


def pretrained(asked: dict[str, Any]) -> dict[str, Any]:
    """Unpack a zip of a Hugging Face folder, and say where it lies."""
    path, room = Path(asked["path"]), Path(asked["folder"])
    return answered(lambda: {"place": str(unpacked(path, room / "model"))})
