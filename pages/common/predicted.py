"""The estimated effect of a removal, before anything runs: outputs of the model as if F were gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core import metrics
from disgorge_core.comparison import Comparison, sets
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array, Dataset
from pages.common.panels import Need, View
from pages.common.predictions import Predictions, predictions
from pages.common.questions import ask_soon
from pages.common.services import cases
from pages.common.trusted import trusted

SURE = "First-order estimates; nothing was trained for them. Their order is more reliable than their size."
BEYOND = (
    "The estimate changes most margins by more than they are, which is beyond where a first-order "
    "estimate holds: read the order, not the sizes. A run measures the real change."
)


@dataclass(frozen=True, eq=False)
class Predicted:
    """A comparison whose later model is only estimated, for the rows that were `asked` (n,)."""

    data: Dataset
    now: Predictions
    comparison: Comparison
    asked: Array
    notes: tuple[str, ...]

    @cached_property
    def change(self) -> Array:
        """Estimated change (n,) of each margin (of the residual for a model of numbers)."""
        c, task = self.comparison, self.data.task
        return metrics.standing(c.after, self.data.y, task) - metrics.standing(
            c.before, self.data.y, task
        )

    @cached_property
    def flips(self) -> Array:
        """Bool (n,): whose prediction is estimated to change."""
        if self.data.task == "regression":
            return np.zeros(len(self.data), dtype=bool)
        return metrics.flips(self.comparison.before, self.comparison.after)

    @cached_property
    def believable(self) -> bool:
        """Whether the typical change of a kept record is smaller than its margin (or residual)."""
        rows = self.outside
        c, task = self.comparison, self.data.task
        return smaller(self.change[rows], metrics.standing(c.before, self.data.y, task)[rows])

    def said(self, row: int) -> str:
        """The estimated prediction of one record."""
        return self.data.classes[int(self.comparison.after[row].argmax())]

    @cached_property
    def outside(self) -> Array:
        """Rows (m,) of validation and test that stay and were asked for."""
        mask = (self.data.split > 0) & ~self.comparison.forget & self.asked
        return np.flatnonzero(mask)

    def complete_sets(self) -> dict[str, Array]:
        """The sets of a comparison whose every record was asked for."""
        found = sets(self.comparison, self.data)
        return {k: m for k, m in found.items() if m.any() and not (m & ~self.asked).any()}

    def by_class(self) -> pd.DataFrame:
        """Mean estimated change of the margin for each class of the kept validation and test records."""
        rows = self.outside
        kinds = (
            self.data.y[rows] if self.data.task == "classification" else np.zeros(len(rows), int)
        )
        names = self.data.classes or ("all",)
        found = [
            _mean_row(names[code], self.change[rows[kinds == code]])
            for code in range(len(names))
            if (kinds == code).any()
        ]
        return pd.DataFrame(found).sort_values("value", ignore_index=True)


def _mean_row(name: str, values: Array) -> Mapping[str, Any]:
    e = metrics.mean_estimate(values)
    return {"group": name, "n": e.n, "value": e.value, "low": e.low, "high": e.high}


def smaller(change: Array, now: Array) -> bool:
    """Whether the typical change (m,) of margins or residuals is smaller than they typically are."""
    return bool(np.median(np.abs(change)) < np.median(np.abs(now))) if len(now) else False


def holds(view: View, found: TaskResult) -> bool:
    """Whether an answered prediction stays where a first-order estimate holds, for the records kept."""
    data, rows, before = view.data, np.asarray(found.arrays["rows"]), found.arrays["before"]
    gone = cases().forget(view.case.id, view.forget).mask(data)
    kept = (data.split[rows] > 0) & ~gone[rows]
    y = data.y[rows][kept]
    now, then = (
        metrics.standing(z[kept], y, data.task) for z in (before, before + found.arrays["change"])
    )
    return smaller(then - now, now)


def predicted(view: View) -> Predicted:
    """The estimated effect of removing the saved forget set; raises NotYet and NoAnswer."""
    found = ask_soon(view.case, "predicted_effect", model=view.model, forget=view.forget)
    now = predictions(view)
    after = now.outputs.copy()
    rows = np.asarray(found.arrays["rows"])
    after[rows] += found.arrays["change"]
    asked = np.zeros(len(view.data), dtype=bool)
    asked[rows] = True
    forget = cases().forget(view.case.id, view.forget).mask(view.data)
    nothing = np.zeros((0, *after.shape), np.float32)
    withheld = np.zeros(len(after), dtype=bool)
    c = Comparison(now.outputs, after, nothing, forget, forget, withheld)
    return Predicted(view.data, now, c, asked, tuple(found.values.get("notes", ())))


def sure(view: View) -> str:
    """What kind of estimate it is, and how far it was trusted on the chosen model."""
    return f"{SURE} {trusted(view)}"


def unit_of(view: View) -> str:
    """What changes, and in which unit."""
    what, unit = output_of(view)
    return f"change of the {what} ({unit})"


def output_of(view: View) -> tuple[str, str]:
    """Which output of the model is estimated, and its unit, in words."""
    if view.data.task == "regression":
        return "predicted value", f"units of {view.data.roles.label}"
    squared = cases().model_card(view.model)["regime"] == "closed form"
    return "margin", "points of its score" if squared else "nats"


def model_need(view: View) -> Need | None:
    """Why influence cannot be had for the chosen model."""
    if not view.model:
        return Need("Influence is that of a model.", "case/model", "Add a model")
    card = cases().model_card(view.model)
    if card.get("seen") is None:
        return Need(
            "It is unknown which records this model was trained on, so none can be said to hold up "
            "anything.", "case/model", "State them on the Model page",
        )  # fmt: skip
    if len(card["members"]) > 1:
        return Need(
            f"This model averages {len(card['members'])} networks, and influence is that of one.",
            "case/model", "Choose or train a plain model",
        )  # fmt: skip
    return None


def forget_need(view: View) -> Need | None:
    """The same, and a saved forget set."""
    missing = model_need(view)
    if missing or view.forget:
        return missing
    return Need(
        "No forget set is chosen. Choose records and save them under a name.",
        "select/explore", "Choose records",
    )  # fmt: skip
