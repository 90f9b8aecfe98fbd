"""Safetensors: bytes and a JSON header, nothing that can run. Its header may hold the layer list."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import layers_from_plain
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
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
            words = " ".join(str(error).split())[:80]
            raise BadModel(
                f"The safetensors file is damaged or cut short: {words}.",
                "Write it again: safetensors.torch.save_file(model.state_dict(), 'model.safetensors').",
            ) from None
        return checked(state, ordered=False, layers=_layers(metadata.get("layers", "")))


def _layers(text: str) -> tuple[Layer, ...] | None:
    if not text:
        return None
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise BadModel("The layer list in the header is not JSON.", "Correct it.") from None
    return layers_from_plain(plain)
