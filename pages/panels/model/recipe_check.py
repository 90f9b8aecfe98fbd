"""Is the stated recipe the one that an upload was trained by: twins, their price first, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.cases import Recent
from disgorge_core.disgorging import seconds_to_retrain
from disgorge_core.jobs import Desk
from disgorge_core.jobs.references import missing_references
from disgorge_core.jobs.standing import Standing, standing
from disgorge_core.methods.contract import Facts, facts_of
from disgorge_core.types import Model, silent
from disgorge_core.words import duration
from pages.common import messages, progress, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases, lanes
from pages.panels.model import restated
from pages.panels.model.overview import need_model

RUN = "twins_run"  # draft: the run that was started here
TWINS, MOST = 5, 30
WHY = (
    "Twins are models trained by the stated recipe on the same records with other seeds. If the recipe is "
    "right, this model is one draw among them; if it is not, retrained models and references will differ "
    "from it for reasons that have nothing to do with the removed records."
)
READING = (
    "One row a measure. The interval is where one more twin would lie (95 % for all rows together), and at "
    "least as wide as a difference that nobody would notice. A value outside of it and of all twins speaks "
    "against the recipe; inside, nothing speaks against it at this number of twins."
)
ICONS = {
    "confirmed": ":green[:material/check_circle:]", "unconfirmed": ":red[:material/error:]",
    "unchecked": ":orange[:material/help:]", "unknown": ":orange[:material/help:]",
}  # fmt: skip


@PANELS.register
class RecipeCheck:
    """For models from elsewhere: where the recipe stands, and how to find out."""

    name, page, tab, title, order = "model_recipe_check", "model", "Overview", "", 15

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """Nothing for a model whose recipe was recorded here."""
        found = standing(cases(), view.case.id, view.model)
        if found.key == "known":
            return
        with st.container(border=True, key="recipe_check"):
            st.subheader("Is the recipe right?", anchor=False)
            st.markdown(f"{ICONS[found.key]} {found.sentence}")
            if found.upload != view.model:
                _elsewhere(found)
                return
            if found.check:
                _measures(found)
            _offer(view, found)
            restated.offer(view)


def _elsewhere(found: Standing) -> None:
    st.caption("This model was made from the original; its recipe is checked there.")
    messages.link("case/model", "The original", model=found.upload, tab="Overview")


def _measures(found: Standing) -> None:
    rows = [_row(measure) for measure in found.check["measures"]]
    st.dataframe(pd.DataFrame(rows), key="recipe_measures", hide_index=True, height="content")
    messages.reading(READING)


def _row(measure: dict[str, Any]) -> dict[str, str]:
    share = measure["name"].startswith("accuracy")

    def said(value: float) -> str:
        return f"{100 * value:.1f} %" if share else f"{value:.3g}"

    twins = measure["twins"]
    low, high = (min(1.0, max(0.0, v)) if share else v for v in (twins["low"], twins["high"]))
    return {
        "": "looks like a twin" if measure["inside"] else "outside",
        "measure": measure["name"],
        "this model": said(measure["value"]),
        "twins, mean": said(twins["value"]),
        "twins, from": said(measure["least"]),
        "to": said(measure["most"]),
        "one more twin, from": said(low),
        "up to": said(high),
    }


def _offer(view: View, found: Standing) -> None:
    """The price, the button and the running check."""
    model = cases().model(view.model)
    if model.recipe is None or model.seen is None:
        what = "recipe" if model.recipe is None else "training records"
        st.caption(f"Twins need the {what}: state it below.")
        return
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    number = left.number_input("Twins", 2, MOST, TWINS, key="twins_number", help=WHY)
    missing, each = _price(view.case.id, view.model, int(number), view)
    time = duration(missing * each) if missing * each >= 1 else "under a second"
    middle.markdown(
        f"{missing} training{'s' if missing != 1 else ''}, about **{time}**"
        + (f" :gray[({number - missing} kept from before)]" if missing < number else "")
    )
    label = "Check again" if found.check else "Check the recipe"
    if right.button(label, key="twins_start", icon=":material/group:", width="stretch"):
        request = {"task": "twins", "model": view.model, "number": int(number)}
        state.ui().draft[RUN] = lanes().submit(view.case.id, request)
        st.rerun()
    _watch(view)


def _watch(view: View) -> None:
    run_id = state.ui().draft.get(RUN, "")
    run = progress.run_of(view.case.id, run_id) if run_id else None
    if run is None or run.request.get("model") != view.model:
        return
    progress.watch(view.case.id, run_id, key="twins_run", curve=False)
    if run.state == "done":
        del state.ui().draft[RUN]


def _price(case_id: str, digest: str, number: int, view: View) -> tuple[int, float]:
    """Twins that would have to be trained, and seconds for each."""
    model = cases().model(digest)
    desk = Desk(cases(), case_id, Path(), silent, Recent(1, cases().workspace.model))
    facts = _facts(model, view)
    return missing_references(desk, model, facts.keep, number), _seconds(digest, facts)


def _facts(model: Model, view: View) -> Facts:
    return facts_of(model, view.data, np.zeros(len(view.data), dtype=bool))


@st.cache_data(show_spinner="Pricing the twins", max_entries=20)
def _seconds(digest: str, _facts: Facts) -> float:
    return seconds_to_retrain(_facts)
