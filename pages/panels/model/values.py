"""How good a model of numbers is: predicted against true values."""

from __future__ import annotations

import streamlit as st

from disgorge_core import metrics
from disgorge_core.figures.predicted_values import predicted_values
from pages.common import charts
from pages.common.panels import PANELS, Need, View
from pages.panels.model.cards import answers
from pages.panels.model.overview import need_model
from pages.panels.model.quality import split_choice


@PANELS.register
class Values:
    """One point a record."""

    name, page, tab, order = "model_values", "model", "Quality", 70
    title = "Predicted against true"
    tasks = ("regression",)

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """The points, and how much of the spread the model explains."""
        data, outputs = view.data, answers(view.case, view.model).arrays["logits"][:, 0]
        split, rows = split_choice(data, "model_values_split")
        left, right = st.columns([3, 1])
        with left:
            charts.chart(
                predicted_values(data.y[rows], outputs[rows], template=charts.template()),
                "model_values_chart",
                f"Each point is one of the {split} records; on the dotted line the prediction is right.",
            )
        error = metrics.rmse(outputs[rows][:, None], data.y[rows]).value
        spread = float(data.y[rows].std())
        if not spread:
            return
        right.metric("Explained", f"{100 * (1 - (error / spread) ** 2):.0f} %", border=True)
        with right:
            st.caption(
                f"Share of the variance of {data.roles.label} that the predictions explain (R²): the "
                f"error is {error:.4g}, the standard deviation {spread:.4g}."
            )
