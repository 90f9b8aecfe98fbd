"""Back into a Hugging Face folder: what was trained here as it is now, the rest as it came, same names."""

from __future__ import annotations

import io
import json
import zipfile

import safetensors.torch
import torch
from torch import Tensor

from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones import pretrained
from disgorge_core.models.backbones.backbone import Backbone
from disgorge_core.models.backbones.whole import Reading, Whole
from disgorge_core.models.layers import state_as_it_came
from disgorge_core.models.reading.pretrained_zip import CONFIG, WEIGHTS
from disgorge_core.types import Model

CARD = "README.md"


def why_no_pretrained(model: Model) -> str | None:
    """Why a Hugging Face folder cannot be this model, None if it can."""
    if _came_as(model) is None:
        return "It did not come from a Hugging Face folder."
    if len(model.members) > 1:
        what = "networks" if isinstance(model.network, Whole) else "heads"
        return f"This model is {len(model.members)} {what} that answer together."
    if model.rule != "mean":
        return f"This model's answers pass its rule {model.rule!r}, which weights do not hold."
    return None


def pretrained_bytes(model: Model, card: str = "") -> bytes:
    """A zip of the folder, with its card as README.md; raises NotApplicable, BadModel.

    Labels are the dataset's classes, weights are float32.
    """
    reason, backbone = why_no_pretrained(model), _came_as(model)
    if reason or backbone is None:
        raise NotApplicable(reason or "", "Save the model's folder instead.")
    named = safetensors.torch.load_file(backbone.folder / WEIGHTS) | _trained(model)
    whole = {k: v.clone(memory_format=torch.contiguous_format) for k, v in named.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        out.writestr(f"model/{WEIGHTS}", safetensors.torch.save(whole, {"format": "pt"}))
        out.writestr(f"model/{CONFIG}", json.dumps(_config(model, backbone), indent=2))
        for name in pretrained.kept_files(backbone.folder):
            out.writestr(f"model/{name}", (backbone.folder / name).read_bytes())
        if card:
            out.writestr(f"model/{CARD}", card)
    return buffer.getvalue()


def _came_as(model: Model) -> Backbone | None:
    """What came from a folder: a fixed backbone, or start weights; None where nothing did."""
    before = model.preprocessing.backbone
    if isinstance(before, Reading):
        return before.start
    return before if isinstance(before, Backbone) and model.layers is not None else None


def _trained(model: Model) -> dict[str, Tensor]:
    """The weights that are no longer those that came, under their names in the folder."""
    if isinstance(model.network, Whole):
        return model.network.leaving()
    found = state_as_it_came(model.layers or (), model.network)
    return {name: value.detach().float() for name, value in found.items()}


def _config(model: Model, backbone: Backbone) -> dict[str, object]:
    named = {str(number): name for number, name in enumerate(model.classes)}
    numbers = {name: number for number, name in enumerate(model.classes)}
    said = pretrained.read_json(backbone.folder / CONFIG)
    return {**said, "id2label": named, "label2id": numbers}
