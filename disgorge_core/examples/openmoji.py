"""Colour pictures by 119 artists: one artist opts out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from disgorge_core.data.forget_set import where
from disgorge_core.examples.shipped import Planned, arrays, named, pictures
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Dataset, ForgetSet, Recipe, Roles

LICENCE = (
    "CC BY-SA 4.0 (OpenMoji; the artists are named in assets/examples/openmoji/ATTRIBUTION.md)"
)


@EXAMPLES.register
@dataclass(frozen=True)
class OpenMoji:
    """The flagship: real pictures, real authors, real near-duplicates."""

    name: ClassVar[str] = "openmoji"
    title: ClassVar[str] = "OpenMoji: an artist opts out"
    story: ClassVar[str] = (
        "4,495 pictures by 119 artists trained a model that sorts them into ten groups. Artist 05, who "
        "drew most of the hands, wants their work out of the model. Can it be taken out, at what cost, "
        "and how would anyone know?"
    )
    order: ClassVar[int] = 10
    models: ClassVar[tuple[Planned, ...]] = (
        Planned(
            "openmoji",
            "cnn",
            Recipe(epochs=12, lr=0.01, batch=64, l2=5e-4, seed=7),
            {"width": 16, "places": "each"},
        ),
    )

    def dataset(self) -> Dataset:
        """The pictures with group, artist, subgroup, title and near-duplicate cluster."""
        found = arrays("openmoji", "openmoji.npz")
        meta = pd.DataFrame(
            {
                "artist": named(found["owner"], found["owner_names"]),
                "subgroup": named(found["subgroup"], found["subgroup_names"]),
                "title": found["title"].astype(str),
                "near": found["near"],
            }
        )
        classes = tuple(map(str, found["label_names"]))
        roles = Roles(label="group", owner="artist", near="near")
        return pictures("openmoji", found, classes, meta, roles, LICENCE)

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """All pictures of one artist."""
        reason = "The artist does not want their work used for training."
        return (where(data, "artist == 'Artist 05'", name="Artist 05", reason=reason),)
