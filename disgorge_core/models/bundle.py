"""A model as bytes for a download: one file of weights, or its folder as a zip."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from disgorge_core.models.saved import export, save_model
from disgorge_core.types import Model

CARD = "MODEL_CARD.md"


def weight_bytes(model: Model, suffix: str) -> bytes:
    """The weights as ".safetensors" or ".pt"; raises NotApplicable where one file cannot be it."""
    with TemporaryDirectory() as place:
        return export(model, Path(place) / f"model{suffix}").read_bytes()


def folder_bytes(model: Model, card: str = "") -> bytes:
    """The model's folder as a zip file, with its card beside if one is given."""
    buffer = io.BytesIO()
    with TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        folder = save_model(model, Path(place) / "model")
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            out.write(path, f"model/{path.relative_to(folder).as_posix()}")
        if card:
            out.writestr(f"model/{CARD}", card)
    return buffer.getvalue()
