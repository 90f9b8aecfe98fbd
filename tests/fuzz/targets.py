"""What is fuzzed: every registered reader by its name, and layer lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from disgorge_core.registry import DATA_FORMATS, MODEL_FORMATS
from tests.fuzz import seeds


@dataclass(frozen=True)
class Target:
    """A reader, and files of its kind to begin with. `file` is what inputs are called."""

    name: str
    file: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], Any]


def all_targets() -> dict[str, Target]:
    """By name: data-csv, model-folder, layers."""
    found = [
        *(_target("data", name, _dataset) for name in DATA_FORMATS),
        *(_target("model", name, _model) for name in MODEL_FORMATS),
        Target("layers", "model.layers.json", seeds.layers, _layers),
    ]
    return {target.name: target for target in found}


def _target(part: str, format: str, read: Callable[[Path], Any]) -> Target:
    name = f"{part}-{format}"
    if name not in seeds.MAKERS:
        raise KeyError(
            f"tests/fuzz/seeds.py makes no file for {name}, so nothing fuzzes that reader"
        )
    suffix, make = seeds.MAKERS[name]
    return Target(name, f"input{suffix}", make, read)


def _dataset(path: Path) -> Any:
    from disgorge_core.data.loading import load_dataset

    return load_dataset(path)


def _model(path: Path) -> Any:
    from disgorge_core.models.loading import fitted_to, matched, read_model

    found = read_model(path)
    data = _beside(getattr(found, "kind", "table"))
    return fitted_to(matched(found, data), data)


@cache
def _beside(kind: str) -> Any:
    """Records of a kind: only Hugging Face folders say what they are for."""
    return {"text": seeds.stories, "image": seeds.digits}.get(kind, seeds.dataset)()


def _layers(path: Path) -> Any:
    import torch

    from disgorge_core.models.layers import build
    from disgorge_core.models.loading import layers_from_json

    with torch.device("meta"):
        return build(layers_from_json(path.read_bytes()))
