"""Safetensors: bytes and a JSON header, nothing that can run. Its header may hold the layer list.

The file is read where it is asked for: a header of at most 8 MB must fit the file byte for byte before a
tensor is read, so memory stays within that of the file. The limited process hands over the same layout.
"""

from __future__ import annotations

import json
from pathlib import Path

from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import layers_from_plain
from disgorge_core.models.reading.process import read_tensors
from disgorge_core.models.weights import Weights, checked
from disgorge_core.registry import MODEL_FORMATS
from disgorge_core.types import Layer


@MODEL_FORMATS.register
class Safetensors:
    """One `.safetensors` file; a layer list may stand under `layers` in its metadata."""

    name = "safetensors"
    title = "Safetensors"
    suffixes = (".safetensors",)
    order = 10

    def sniff(self, path: Path) -> bool:
        """Does it start with a length and a JSON object?"""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(9)
        return path.suffix.lower() == ".safetensors" or head[8:] == b"{"

    def read(self, path: Path) -> Weights:
        """Its tensors; they lie sorted by name, so the network's order is lost. Raises BadModel."""
        state, header = read_tensors(path)
        return checked(state, ordered=False, layers=_layers(header.about.get("layers", "")))


def _layers(text: str) -> tuple[Layer, ...] | None:
    if not text:
        return None
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise BadModel("The layer list in the header is not JSON.", "Correct it.") from None
    return layers_from_plain(plain)
