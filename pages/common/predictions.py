"""What the chosen model says of every record, in the forms that pages show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from disgorge_core import metrics
from disgorge_core.models.prediction import softmax
from disgorge_core.types import Array, Dataset
from pages.common.panels import View
from pages.common.questions import ask_soon


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs (n, classes) of one model for a whole dataset; regression has one column."""

    data: Dataset
    model: str
    outputs: Array

    @cached_property
    def probabilities(self) -> Array:
        """Probabilities (n, classes)."""
        return softmax(self.outputs)

    @cached_property
    def codes(self) -> Array:
        """Predicted class (n,)."""
        return self.outputs.argmax(1)

    @cached_property
    def right(self) -> Array:
        """Bool (n,): is the prediction the label?"""
        return self.codes == self.data.y

    @cached_property
    def confidence(self) -> Array:
        """Probability (n,) of the predicted class."""
        return self.probabilities.max(1)

    @cached_property
    def of_label(self) -> Array:
        """Probability (n,) of the label."""
        return np.take_along_axis(self.probabilities, self.data.y[:, None], axis=1)[:, 0]

    @cached_property
    def standing(self) -> Array:
        """Margin (n,), or the residual for a model of numbers."""
        return metrics.standing(self.outputs, self.data.y, self.data.task)

    def said(self, row: int) -> str:
        """One record's prediction in a few letters."""
        if self.data.task == "regression":
            return f"{self.outputs[row, 0]:.4g}"
        return f"{self.confidence[row]:.0%} {self.data.classes[self.codes[row]]}"


def label_of(data: Dataset, row: int) -> str:
    """One record's label, or its value."""
    if data.task == "regression":
        return f"{data.y[row]:.4g}"
    return data.classes[data.y[row]]


def predictions(view: View) -> Predictions:
    """Predictions of the chosen model; raises NoAnswer."""
    found = ask_soon(view.case, "overview", model=view.model)
    return Predictions(view.data, view.model, found.arrays["logits"])
