"""The words by which files say what a record is for."""

from __future__ import annotations

WORDS = {
    "train": "train", "training": "train", "tr": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "holdout": "test", "te": "test",
}  # fmt: skip
