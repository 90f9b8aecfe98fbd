"""Our own folder: what `save_model` writes, or a zip of it as the app hands it out."""

from __future__ import annotations

from pathlib import Path

from disgorge_core.models.backbones.opened import again
from disgorge_core.models.reading.names import names_of
from disgorge_core.models.reading.process import checked_folder
from disgorge_core.models.saved import BACKBONE, load_model_folder
from disgorge_core.registry import MODEL_FORMATS
from disgorge_core.types import Model


@MODEL_FORMATS.register
class Folder:
    """A folder with model.json, weights.safetensors and arrays.npz: the whole model."""

    name = "folder"
    title = "Saved model folder"
    suffixes = (".zip",)
    order = 5

    def sniff(self, path: Path) -> bool:
        """Is it a folder with a model.json, or a zip of one?"""
        names = names_of(path) if path.is_file() else ()
        return (path / "model.json").is_file() or any(
            name == "model.json" or name.endswith("/model.json") for name in names
        )

    def read(self, path: Path) -> Model:
        """The whole model; raises StoreError or BadModel."""
        with checked_folder(path) as folder:
            inside = folder / BACKBONE
            checked = again(inside) if inside.is_dir() else None
            model = load_model_folder(folder)  # finds the checked one, by its digest
            del checked
            return model
