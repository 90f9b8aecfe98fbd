"""Tiny networks of many families, with random weights: what a head is made of differs among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from disgorge_core.models.backbones.network import transformers
from tests.tiny_models import write_pictures

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TEXTS: dict[str, dict[str, Any]] = {
    "bert": SMALL,
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "roberta": {**SMALL, "type_vocab_size": 1, "max_position_embeddings": 66, "pad_token_id": 1},
    "electra": {**SMALL, "embedding_size": 16},
    "albert": {**SMALL, "embedding_size": 8, "num_hidden_groups": 1},
    "deberta-v2": {**SMALL, "pooler_hidden_size": 16},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
}
PICTURES: dict[str, dict[str, Any]] = {
    "vit": {**SMALL, "image_size": 8, "patch_size": 4},
    "deit": {**SMALL, "image_size": 8, "patch_size": 4},
    "dinov2": {**SMALL, "image_size": 8, "patch_size": 4, "mlp_ratio": 2},
    "convnext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "image_size": 32},
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    },
    "swin": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 1],
        "image_size": 32,
        "window_size": 4,
    },
}
LINEAR = {
    "distilbert": 2,
    "roberta": 2,
    "electra": 2,
    "deberta-v2": 2,
}  # layers of the head, where not one


def made(folder: Path, family: str, cut: Any = None) -> nn.Module:
    """A network of a family, saved with its tokenizer or image processor."""
    library = transformers()
    is_text = family in TEXTS
    settings = dict(TEXTS[family] if is_text else PICTURES[family])
    if cut is not None:
        settings = {
            "vocab_size": len(cut),
            "max_position_embeddings": 64,
            "pad_token_id": 0,
            **settings,
        }
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    auto = (
        library.AutoModelForSequenceClassification
        if is_text
        else library.AutoModelForImageClassification
    )
    torch.manual_seed(3)
    names = {"deit": ["DeiTForImageClassification"]}.get(family)
    config = CONFIG_MAPPING[family](**settings, num_labels=3, architectures=names)
    network = auto.from_config(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2)
    network.save_pretrained(folder)
    if is_text:
        cut.save_pretrained(folder)
    else:
        side = settings.get("image_size", 32)
        write_pictures(folder, (side, side), 3)
    return network
