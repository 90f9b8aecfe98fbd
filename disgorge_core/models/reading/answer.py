"""What the limited process is asked about model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from disgorge_core.limited.refusal import answered
from disgorge_core.models.backbones.pretrained import plain, read_folder
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
    """Look at a Hugging Face folder, or at a zip of one, which is unpacked for that."""
    path, room = Path(asked["path"]), Path(asked["folder"])

    def work() -> dict[str, Any]:
        folder = path if path.is_dir() else unpacked(path, room / "model")
        return {"found": plain(read_folder(folder))}

    return answered(work)
