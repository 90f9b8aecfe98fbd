"""How good the model is: on each split, for each class, and how sure it may be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core import metrics
from disgorge_core.calibration import calibration, expected_error
from disgorge_core.data.columns import column_names, column_of, grouped
from disgorge_core.figures.calibration import calibration_curve
from disgorge_core.figures.intervals import intervals
from disgorge_core.types import SPLITS, Array, Dataset
from pages.common import charts
from pages.common.panels import PANELS, Need, View
from pages.panels.model.cards import answers
from pages.panels.model.overview import need_model

MOST = 30  # groups in one chart


def split_choice(data: Dataset, key: str) -> tuple[str, Array]:
    """A split to look at, and its rows."""
    found = [split for split in SPLITS if len(data.rows(split))]
    start = "test" if "test" in found else found[0]
    split = st.segmented_control(
        "Records", found, default=start, required=True, key=key, format_func=str.capitalize
    )
    return str(split), data.rows(str(split))


@PANELS.register
class Splits:
    """Accuracy, or error, on each split."""

    name, page, tab, title, order = "model_splits", "model", "Quality", "", 40

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """One number with its interval for each split."""
        data, logits = view.data, answers(view.case, view.model).arrays["logits"]
        found = [split for split in SPLITS if len(data.rows(split))]
        for place, split in zip(st.columns(max(3, len(found))), found, strict=False):
            rows = data.rows(split)
            value = metrics.quality(logits[rows], data.y[rows], data.task)
            place.metric(
                f"{_name(data)} on {split} ({value.n:,})", _value(data, value.value),
                help="Share of right answers" if data.classes else "Lower is better", border=True,
                delta=f"95 %: {_value(data, value.low)} to {_value(data, value.high)}",
                delta_color="off", delta_arrow="off",
            )  # fmt: skip


def _name(data: Dataset) -> str:
    return "Accuracy" if data.task == "classification" else "Error (rmse)"


def _value(data: Dataset, value: float) -> str:
    return f"{100 * value:.1f} %" if data.task == "classification" else f"{value:.4g}"


@PANELS.register
class Groups:
    """Quality for each class, or each value of any column."""

    name, page, tab, title, order = "model_groups", "model", "Quality", "By class and group", 50

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """A dot with its interval for each group."""
        data, logits = view.data, answers(view.case, view.model).arrays["logits"]
        left, right = st.columns([1, 2], vertical_alignment="bottom")
        with left:
            column = st.selectbox("Group by", _groupings(data), key="model_group")
        with right:
            split, rows = split_choice(data, "model_group_split")
        values = grouped(data, column).iloc[rows]
        table = metrics.by_group(logits[rows], data.y[rows], values.to_numpy(object), data.task)
        table = table.sort_values("n", ascending=False, kind="stable")
        order = (
            (lambda names: names.map(values.cat.categories.get_loc)) if values.cat.ordered else None
        )
        by = "group" if order else table.columns[2]
        _chart(table.head(MOST).sort_values(by, kind="stable", key=order), data, split)
        if len(table) > MOST:
            st.caption(f"The {MOST} largest of {len(table)} groups.")


def _groupings(data: Dataset) -> list[str]:
    names = [n for n in column_names(data) if n not in ("id", "split", data.roles.id)]
    columns = {name: column_of(data, name) for name in names if name != data.roles.text}
    few = [n for n, c in columns.items() if c.kind == "number" or c.values.nunique() <= 200]
    return sorted(few, key=lambda name: (name != "label", columns[name].kind == "number"))


def _chart(table: pd.DataFrame, data: Dataset, split: str) -> None:
    measure = table.columns[2]
    figure = intervals(
        table["group"].tolist(), table[measure].to_numpy(), table["low"].to_numpy(),
        table["high"].to_numpy(), counts=table["n"].tolist(), percent=measure == "accuracy",
        template=charts.template(),
    )  # fmt: skip
    sentence = f"Each dot is the {measure} on the {split} records of one group (their number in "
    charts.chart(
        figure,
        "model_groups_chart",
        sentence + "brackets); the line is its 95 % interval.",
    )


@PANELS.register
class Calibration:
    """Whether the model is right as often as it says."""

    name, page, tab, title, order = "model_calibration", "model", "Quality", "Calibration", 70
    tasks = ("classification",)

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """The curve and the mean gap."""
        data, logits = view.data, answers(view.case, view.model).arrays["logits"]
        split, rows = split_choice(data, "model_calibration_split")
        table = calibration(np.asarray(logits[rows]), data.y[rows])
        left, right = st.columns([3, 1])
        with left:
            charts.chart(
                calibration_curve(table, template=charts.template()), "model_calibration_chart",
                "Each dot is a tenth of the records: on the dotted line the model is right exactly as "
                "often as it says; below it, it is too sure.",
            )  # fmt: skip
        right.metric("Mean gap", f"{100 * expected_error(table):.1f} points", border=True)
        with right:
            st.caption(
                f"Confidence against right answers on the {split} records, ten equal groups."
            )
