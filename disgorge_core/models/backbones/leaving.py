"""Back into a Hugging Face folder: the backbone as it came, the head as it is now, under the same names."""

from __future__ import annotations

import io
import json
import zipfile

import safetensors.torch
import torch

from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones import pretrained
from disgorge_core.models.backbones.backbone import Backbone
from disgorge_core.models.layers import state_as_it_came
from disgorge_core.models.reading.pretrained_zip import CONFIG, WEIGHTS
from disgorge_core.types import Model

CARD = "README.md"


def why_no_pretrained(model: Model) -> str | None:
    """Why a Hugging Face folder cannot be this model, None if it can."""
    if not isinstance(model.preprocessing.backbone, Backbone) or model.layers is None:
        return "It did not come from a Hugging Face folder."
    if len(model.members) > 1:
        return f"This model is {len(model.members)} heads that answer together."
    if model.rule != "mean":
        return f"This model's answers pass its rule {model.rule!r}, which weights do not hold."
    return None


def pretrained_bytes(model: Model, card: str = "") -> bytes:
    """A zip of the folder, with its card as README.md; raises NotApplicable, BadModel.

    Labels are the dataset's classes, weights are float32.
    """
    reason, backbone = why_no_pretrained(model), model.preprocessing.backbone
    if reason or not isinstance(backbone, Backbone) or model.layers is None:
        raise NotApplicable(reason or "", "Save the model's folder instead.")
    head = {k: v.detach().float() for k, v in state_as_it_came(model.layers, model.network).items()}
    base = safetensors.torch.load_file(backbone.folder / WEIGHTS)
    whole = {k: v.clone(memory_format=torch.contiguous_format) for k, v in {**base, **head}.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        out.writestr(f"model/{WEIGHTS}", safetensors.torch.save(whole, {"format": "pt"}))
        out.writestr(f"model/{CONFIG}", json.dumps(_config(model, backbone), indent=2))
        for name in pretrained.kept_files(backbone.folder):
            out.writestr(f"model/{name}", (backbone.folder / name).read_bytes())
        if card:
            out.writestr(f"model/{CARD}", card)
    return buffer.getvalue()


def _config(model: Model, backbone: Backbone) -> dict[str, object]:
    named = {str(number): name for number, name in enumerate(model.classes)}
    numbers = {name: number for number, name in enumerate(model.classes)}
    said = pretrained.read_json(backbone.folder / CONFIG)
    return {**said, "id2label": named, "label2id": numbers}
