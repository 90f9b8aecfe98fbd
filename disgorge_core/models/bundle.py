"""A model as bytes for a download: one file of weights, or its folder as a zip; and back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from disgorge_core.errors import BadModel
from disgorge_core.models.saved import export, save_model
from disgorge_core.models.weights import LARGEST
from disgorge_core.types import Model

FILES = ("model.json", "weights.safetensors", "arrays.npz")


def weight_bytes(model: Model, suffix: str) -> bytes:
    """The weights as ".safetensors" or ".pt"; raises NotApplicable where one file cannot be it."""
    with TemporaryDirectory() as place:
        return export(model, Path(place) / f"model{suffix}").read_bytes()


def folder_bytes(model: Model) -> bytes:
    """The model's folder as a zip file."""
    buffer = io.BytesIO()
    with TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        folder = save_model(model, Path(place) / "model")
        for path in sorted(folder.iterdir()):
            out.write(path, f"model/{path.name}")
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> Path:
    """The model's folder out of such a zip: its three files by name and nothing else; BadModel."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as found:
            infos = [found.getinfo(f"model/{name}") for name in FILES]
            if sum(info.file_size for info in infos) > LARGEST:
                raise BadModel("The zip is too large inside.", f"Stay below {LARGEST >> 20:,} MB.")
            folder.mkdir(parents=True)
            for name, info in zip(FILES, infos, strict=True):
                (folder / name).write_bytes(found.read(info))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError):
        raise BadModel(
            "The zip is no model that was downloaded here.", "Bring the weights instead."
        ) from None
    return folder
