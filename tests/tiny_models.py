"""Tiny real Hugging Face folders, made and pretrained by transformers itself within seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core.models.backbones.network import transformers
from disgorge_core.types import Array, Dataset

PIECES = 300


def tokenizer(texts: Sequence[str], folder: Path) -> Any:
    """BERT's own kind of tokenizer, its pieces learned from the texts, saved in a folder."""
    from tokenizers import BertWordPieceTokenizer

    made = BertWordPieceTokenizer(lowercase=True)
    made.train_from_iterator(texts, vocab_size=PIECES, min_frequency=1, show_progress=False)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = sorted(made.get_vocab(), key=made.get_vocab().get)
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    own = transformers().BertTokenizer(vocab=str(folder / "vocab.txt"), do_lower_case=True)
    own.save_pretrained(folder)
    return own


def bert(
    folder: Path,
    texts: Sequence[str],
    y: Array,
    labels: Sequence[str],
    steps: int = 20,
    rate: float = 1e-3,
) -> Path:
    """A BERT of two layers that learned to tell the texts apart."""
    library = transformers()
    cut = tokenizer(texts, folder)
    torch.manual_seed(0)
    network = library.BertForSequenceClassification(
        library.BertConfig(
            vocab_size=len(cut), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, initializer_range=0.1,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)},
        )
    )  # fmt: skip
    given = cut(list(texts), truncation=True, max_length=64, padding=True, return_tensors="pt")
    _learn(network, dict(given), torch.tensor(y), steps, rate)
    network.save_pretrained(folder)
    return folder


def vit(folder: Path, data: Dataset, labels: Sequence[str], steps: int = 80) -> Path:
    """A ViT of two layers that learned the pictures of the training split."""
    library = transformers()
    height, width, channels = data.shape
    torch.manual_seed(0)
    network = library.ViTForImageClassification(
        library.ViTConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            image_size=height, patch_size=2, num_channels=channels, num_labels=len(labels),
            id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)},
        )
    )  # fmt: skip
    x, y = data.arrays("train")
    scaled = (np.asarray(x).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.5
    _learn(
        network,
        {"pixel_values": torch.tensor(scaled, dtype=torch.float32)},
        torch.tensor(y),
        steps,
        3e-3,
    )
    network.save_pretrained(folder)
    write_pictures(folder, (height, width), channels)
    return folder


def write_pictures(folder: Path, size: tuple[int, int], channels: int, **more: Any) -> None:
    """The preprocessor_config.json of a ViT."""
    said = {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "do_rescale": True,
        "do_normalize": True, "resample": 2, "rescale_factor": 1 / 255, "image_mean": [0.5] * channels,
        "image_std": [0.5] * channels, "size": {"height": size[0], "width": size[1]},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps({**said, **more}), encoding="utf-8")


def _learn(
    network: nn.Module, given: dict[str, torch.Tensor], y: torch.Tensor, steps: int, rate: float
) -> None:
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate)
    for step in range(steps):
        rows = torch.arange(len(y)).roll(-step * 32)[:32]
        optimiser.zero_grad()
        answer = network(**{name: value[rows] for name, value in given.items()}).logits
        nn.functional.cross_entropy(answer, y[rows]).backward()
        optimiser.step()
    network.eval()
