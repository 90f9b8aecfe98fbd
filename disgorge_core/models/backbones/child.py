"""What the limited process does with transformers: files go in, our own files come out.

Only that process imports this module, and with it the library, before it gives up what no reader needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disgorge_core.limited.refusal import DAMAGE, answered
from disgorge_core.models.backbones.again import copied
from disgorge_core.models.backbones.apart import laid_down
from disgorge_core.models.backbones.network import FAILURES, transformers
from disgorge_core.models.backbones.pretrained import read_folder
from disgorge_core.models.blueprint import plain_layers

BROKEN = (*DAMAGE, *FAILURES)


def _bring() -> None:
    import tokenizers

    library = transformers()
    del tokenizers
    for name in ("AutoModelForSequenceClassification", "AutoModelForImageClassification"):
        getattr(library, name)


_bring()


def take_apart(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Lay down the backbone of a Hugging Face folder and the weights of its head; say the head's layers."""

    def work() -> dict[str, Any]:
        head = laid_down(read_folder(Path(asked["path"])), Path(asked["folder"]))
        return {"layers": plain_layers(head.layers)}

    return answered(work, BROKEN)


def again(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Lay down a copy of a backbone in our own layout that was found to be what it says."""

    def work() -> dict[str, Any]:
        copied(Path(asked["path"]), Path(asked["folder"]))
        return {}

    return answered(work, BROKEN)
