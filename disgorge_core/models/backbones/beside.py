"""Does a Hugging Face folder belong beside a dataset: its kind of records, its classes and their names."""

from __future__ import annotations

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.pretrained import Pretrained
from disgorge_core.types import Dataset

WORDS = {"text": "texts", "image": "pictures", "table": "tables"}


def check_beside(found: Pretrained, data: Dataset) -> None:
    """Raises BadModel where a folder is for records of another kind, or for other classes."""
    if data.kind != found.kind or data.task != "classification":
        raise BadModel(
            f"The model sorts {WORDS[found.kind]} into classes, and the dataset is for {data.task} of"
            f" {WORDS[data.kind]}.",
            f"Open it beside a dataset of {WORDS[found.kind]}.",
        )
    if found.outputs != len(data.classes):
        raise BadModel(
            f"The model tells apart {found.outputs:,} classes, the dataset {len(data.classes):,}.",
            "Bring a model with one output for each class.",
        )


def in_words_of(data: Dataset, labels: tuple[str, ...]) -> tuple[str, ...] | None:
    """The model's labels as the dataset writes its classes; None where they are others."""
    own = {name.strip().casefold(): name for name in data.classes}
    named = [own.get(label.strip().casefold(), "") for label in labels]
    return tuple(named) if sorted(named) == sorted(data.classes) else None
