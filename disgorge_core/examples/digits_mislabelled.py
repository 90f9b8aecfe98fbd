"""Handwritten digits with 5 % wrong labels: the wrong ones must go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from disgorge_core.data.forget_set import where
from disgorge_core.examples.digits import DIGITS, LICENCE
from disgorge_core.examples.shipped import Planned, arrays, named, pictures
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Dataset, ForgetSet, Recipe, Roles


@EXAMPLES.register
@dataclass(frozen=True)
class DigitsMislabelled:
    """The hard forget set: what was learnt from it was learnt by heart."""

    name: ClassVar[str] = "digits-mislabelled"
    title: ClassVar[str] = "Digits with wrong labels"
    story: ClassVar[str] = (
        "The same digits, but 50 of the 1,000 training labels are wrong, and the model learnt them "
        "by heart. They were found and must go: the hardest kind of removal, and the clearest to see."
    )
    order: ClassVar[int] = 30
    models: ClassVar[tuple[Planned, ...]] = (
        Planned(
            "digits-mislabelled",
            "mlp",
            Recipe(epochs=60, lr=0.1, batch=64, l2=1e-4, seed=7),
            {"width": 96, "depth": 2},
        ),
    )

    def dataset(self) -> Dataset:
        """The pictures with the given label, the true label and whether they agree."""
        found = arrays("digits", "digits.npz")
        wrong = found["noisy_label"] != found["label"]
        meta = pd.DataFrame(
            {
                "true label": named(found["label"], DIGITS),
                "label is": pd.Categorical(["wrong" if w else "right" for w in wrong]),
            }
        )
        return pictures(
            "digits-mislabelled",
            found,
            DIGITS,
            meta,
            Roles(source="label is"),
            LICENCE,
            "noisy_label",
        )

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """The records whose label is wrong."""
        reason = "Their labels are wrong."
        return (where(data, "`label is` == 'wrong'", name="Wrong labels", reason=reason),)
