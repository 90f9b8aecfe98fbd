"""Our own folder: what `save_model` writes."""

from __future__ import annotations

from pathlib import Path

from disgorge_core.models.saved import load_model_folder
from disgorge_core.registry import MODEL_FORMATS
from disgorge_core.types import Model


@MODEL_FORMATS.register
class Folder:
    """A folder with model.json, weights.safetensors and arrays.npz: the whole model."""

    name = "folder"
    title = "Saved model folder"
    suffixes = ()
    order = 5

    def sniff(self, path: Path) -> bool:
        """Is it a folder with a model.json?"""
        return (path / "model.json").is_file()

    def read(self, path: Path) -> Model:
        """The whole model; raises StoreError or BadModel."""
        return load_model_folder(path)
