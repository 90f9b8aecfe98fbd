"""A model as one file, in a format that models come in: weights, or a scikit-learn pipeline."""

from __future__ import annotations

from pathlib import Path

from disgorge_core import store
from disgorge_core.models.saved import export, why_no_export
from disgorge_core.models.scikit.leaving import pipeline_bytes, why_no_pipeline
from disgorge_core.types import Dataset, Model

SKOPS = ".skops"
SUFFIXES = (".safetensors", ".pt", ".pth", SKOPS)


def why_not(model: Model, suffix: str) -> str | None:
    """Why a file of this ending cannot be the model; None if it can."""
    return why_no_pipeline(model) if suffix == SKOPS else why_no_export(model)


def write_weights(model: Model, data: Dataset, path: Path) -> Path:
    """Write it; raises NotApplicable where one file cannot be the model."""
    if path.suffix.lower() != SKOPS:
        return export(model, path)
    store.write_bytes(path, pipeline_bytes(model, data))
    return path
