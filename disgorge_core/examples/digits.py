"""Handwritten digits: one style of one digit must go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from disgorge_core.data.forget_set import where
from disgorge_core.examples.shipped import Planned, arrays, pictures
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Dataset, ForgetSet, Recipe, Roles

DIGITS = tuple(str(digit) for digit in range(10))
LICENCE = "CC BY 4.0 (UCI Optical Recognition of Handwritten Digits, in scikit-learn)"


@EXAMPLES.register
@dataclass(frozen=True)
class Digits:
    """1,797 pictures of 8x8; everything takes a second."""

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "Digits: one way of writing a 1"
    story: ClassVar[str] = (
        "1,797 handwritten digits. The people who wrote their 1 in one particular way withdraw "
        "their consent: what does the model still know of that style once their pictures are out?"
    )
    order: ClassVar[int] = 20
    models: ClassVar[tuple[Planned, ...]] = (
        Planned(
            "digits",
            "mlp",
            Recipe(epochs=60, lr=0.1, batch=64, l2=1e-4, seed=7),
            {"width": 96, "depth": 2},
        ),
    )

    def dataset(self) -> Dataset:
        """The pictures with digit, style and split."""
        found = arrays("digits", "digits.npz")
        style = [f"{d} style {s}" for d, s in zip(found["label"], found["style"], strict=True)]
        meta = pd.DataFrame({"style": pd.Categorical(style)})
        return pictures("digits", found, DIGITS, meta, Roles(owner="style"), LICENCE)

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """The most common of the three styles of the digit 1."""
        reason = "The writers of this style withdrew their consent."
        return (where(data, "style == '1 style 1'", name="One style of 1", reason=reason),)
