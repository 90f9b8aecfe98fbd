"""A model as one file, in a format that models come in: weights, a pipeline, a zip for transformers."""

from __future__ import annotations

from pathlib import Path

from disgorge_core import store
from disgorge_core.models.backbones.leaving import pretrained_bytes, why_no_pretrained
from disgorge_core.models.saved import export, why_no_export
from disgorge_core.models.scikit.leaving import pipeline_bytes, why_no_pipeline
from disgorge_core.types import Dataset, Model

SKOPS, FOLDER = ".skops", ".zip"
SUFFIXES = (".safetensors", ".pt", ".pth", SKOPS, FOLDER)


def why_not(model: Model, suffix: str) -> str | None:
    """Why a file of this ending cannot be the model; None if it can."""
    return {SKOPS: why_no_pipeline, FOLDER: why_no_pretrained}.get(suffix, why_no_export)(model)


def write_weights(model: Model, data: Dataset, path: Path) -> Path:
    """Write it; raises NotApplicable where one file cannot be the model."""
    suffix = path.suffix.lower()
    if suffix not in (SKOPS, FOLDER):
        return export(model, path)
    content = pipeline_bytes(model, data) if suffix == SKOPS else pretrained_bytes(model)
    store.write_bytes(path, content)
    return path
