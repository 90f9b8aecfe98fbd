"""Several methods on the same records and model: price against closeness."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from disgorge_core.figures.cost_closeness import cost_closeness
from pages.common import charts, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.before_after.closeness import DISTANCES
from pages.panels.model.cards import names
from pages.panels.runs import card
from pages.panels.runs.history import forget_name, what
from pages.panels.runs.scores import Group, compared, groups

SENTENCE = (
    "Left is cheap, low is close. A mark is one run: the mean distance of its answers on the removed "
    "records to references ({distance}). Filled marks were audited: their lines are 95 % intervals over "
    "records. Open ones were not: theirs are only the range over the run's few references. "
    "A mark in the gold band is as close as two honest retrainings are to each other; one at the dashed "
    "line is no closer than the model before. Click a mark for its run."
)


@PANELS.register
class MethodsCompared:
    """Cost against distance to the references, one mark a run."""

    name, page, tab, title, order = "runs_compared", "runs", "Compare methods", "", 20

    def needs(self, view: View) -> Need | None:
        """A finished removal with two references."""
        if not any(group.references >= 2 for group in groups(cases().runs(view.case.id))):
            sentence = "This needs a finished run with at least two references; two methods make it useful."
            return Need(sentence, "disgorge/plan", "Plan a run")
        return None

    def draw(self, view: View) -> None:
        """Which records and model, the figure, the numbers, the clicked run's card."""
        found = [g for g in groups(cases().runs(view.case.id)) if g.references >= 2]
        group = _choose(view, found)
        table = compared(view, group)
        figure = cost_closeness(table, chosen=view.run, template=charts.template())
        sentence = SENTENCE.format(distance=DISTANCES[view.data.task])
        points = charts.clickable(figure, f"compared_{group.forget}_{group.model}", sentence)
        _numbers(table, view.data.task)
        run = _clicked(points, group, view)
        if run is not None:
            card.draw(view, run, what(view, run), "compared")


def _choose(view: View, found: list[Group]) -> Group:
    if len(found) == 1:
        return found[0]
    models = names(view.case)
    now = next((i for i, g in enumerate(found) if view.run in [run.id for run in g.runs]), 0)
    label = [f"{forget_name(view, g.runs[0].request)} · {models.get(g.model, '')}" for g in found]
    place = st.selectbox(
        "Records and model", range(len(found)), index=now, format_func=label.__getitem__,
        key="compared_group",
    )  # fmt: skip
    return found[place]


def _clicked(points: list[dict], group: Group, view: View):
    asked = next((p["customdata"][0] for p in points if p.get("customdata")), view.run)
    if asked != view.run:
        state.put(run=asked)
    return next((run for run in group.runs if run.id == asked), None)


def _numbers(table: pd.DataFrame, task: str) -> None:
    shown = table[
        ["method", "tier", "seed", "cost", "seconds", "after", "after_low", "after_high", "interval",
         "floor", "verdict", "trace left", "score on removed", "score on test"]
    ].rename(columns={"after": "distance", "after_low": "from", "after_high": "to"})  # fmt: skip
    percent = st.column_config.NumberColumn(format="percent")
    digits = {
        n: st.column_config.NumberColumn(format="%.3f") for n in ("distance", "from", "to", "floor")
    }
    score = st.column_config.NumberColumn(format="%.4g") if task == "regression" else percent
    shares = {"cost": percent, **dict.fromkeys(("score on removed", "score on test"), score)}
    seconds = {"seconds": st.column_config.NumberColumn(format="%.1f")}
    with st.expander("The numbers", key="compared_numbers"):
        st.dataframe(
            shown,
            key="compared_table",
            hide_index=True,
            column_config={**digits, **shares, **seconds},
        )
