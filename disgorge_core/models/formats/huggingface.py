"""Hugging Face: a folder that transformers wrote, or a zip of one. Its weights must be safetensors."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from disgorge_core.errors import BadModel
from disgorge_core.limited.process import run_apart
from disgorge_core.models.backbones.pretrained import Pretrained, of_plain
from disgorge_core.models.reading.names import names_of
from disgorge_core.models.reading.pretrained_zip import CONFIG, top_of
from disgorge_core.models.reading.process import ANSWERS, BOUNDS
from disgorge_core.registry import MODEL_FORMATS


@MODEL_FORMATS.register
class HuggingFace:
    """A folder or .zip with config.json, model.safetensors and the tokenizer or image processor."""

    name = "huggingface"
    title = "Hugging Face folder"
    suffixes = (".zip",)
    order = 12

    def sniff(self, path: Path) -> bool:
        """Is there a config.json?"""
        if path.is_dir():
            return (path / CONFIG).is_file()
        return top_of(names_of(path)) is not None

    def read(self, path: Path) -> Pretrained:
        """What the folder says of itself; raises BadModel."""
        place = Path(tempfile.mkdtemp(prefix="disgorge-unpacked-"))
        try:
            said = run_apart(f"{ANSWERS}:pretrained", path, place, BOUNDS, BadModel)
            found = of_plain(said["found"])
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        if place in found.folder.parents:
            weakref.finalize(found, shutil.rmtree, place, ignore_errors=True)
        else:  # it was a folder, and stays where it is
            shutil.rmtree(place, ignore_errors=True)
        return found
