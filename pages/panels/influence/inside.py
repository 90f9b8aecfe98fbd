"""Which of the chosen records matter most: a run of the chosen estimator over all pairs of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from disgorge_core.influence.contract import OUTPUTS, estimators_for, trainings_of
from disgorge_core.params import make, params_of
from disgorge_core.registry import ESTIMATORS
from disgorge_core.runs import Run, TaskResult
from disgorge_core.types import Array
from pages.common import forms, messages, progress, state
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predicted import SURE, forget_need, output_of
from pages.common.predictions import label_of
from pages.common.services import cases, lanes

MOST = 11


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a finished run of the task "influence" found, for one forget set and one model."""

    result: TaskResult

    @property
    def rows(self) -> Array:
        """F's own training records (f,)."""
        return np.asarray(self.result.arrays["forget_rows"])

    @property
    def by_record(self) -> Array:
        """Mean estimated change (f,) of the other records' output if only this record goes."""
        return np.asarray(self.result.arrays["by_record"])

    def stronger_kept(self) -> Array:
        """Kept training rows that hold up F's own predictions more than F's median member does."""
        train = np.asarray(self.result.arrays["train_rows"])
        on_own = np.asarray(self.result.arrays["on_own"])
        inside = np.isin(train, self.rows)
        strong = ~inside & (on_own > np.median(on_own[inside]))
        order = np.argsort(-on_own[strong], kind="stable")
        return train[strong][order]


def runs_for(view: View, wanted: Mapping[str, Any] | None = None) -> list[Run]:
    """Influence runs of this model and forget set, newest first; of one estimator if one is `wanted`."""
    about = {"task": "influence", "model": view.model, "forget": view.forget, **(wanted or {})}
    runs = cases().runs(view.case.id)
    return [run for run in runs if about.items() <= run.request.items()]


def ranking(view: View) -> Ranking | None:
    """The newest finished ranking, by whichever estimator; None if there is none."""
    done = next((run for run in runs_for(view) if run.state == "done"), None)
    return Ranking(done.result()) if done else None


@PANELS.register
class Inside:
    """The records inside F that hold up most."""

    name, page, tab, order = "influence_inside", "influence", "What they hold up", 20
    title = "Which of them matter most"

    def needs(self, view: View) -> Need | None:
        """A plain model with known training records, and a forget set."""
        return forget_need(view)

    def draw(self, view: View) -> None:
        """The estimator, and its ranking or the way to get it."""
        wanted = _estimator(view)
        run = next(iter(runs_for(view, wanted)), None)
        if run is None or run.state in ("cancelled", "failed", "interrupted"):
            _offer(view, wanted, run)
        elif run.state == "done":
            _show(view, Ranking(run.result()))
        else:
            progress.watch(view.case.id, run.id, key="rank", curve=False)


def _estimator(view: View) -> dict[str, Any]:
    left, right = st.columns([4, 9], gap="medium", vertical_alignment="top")
    name = left.selectbox(
        "Estimator", estimators_for(view.data.task), format_func=lambda n: ESTIMATORS[n].title, key="rank_by"
    )  # fmt: skip
    kind = ESTIMATORS[name]
    with right:
        st.caption(f"{kind.unit} {kind.limits}")
        settings = {p.name: p.default for p in params_of(kind)}
        if settings:
            settings = forms.fields(kind, f"rank_{name}")
    return {"estimator": name, "settings": settings}


def _offer(view: View, wanted: dict[str, Any], run: Run | None) -> None:
    if run is not None and run.problem:
        st.error(f"**{run.problem}**  \n{run.remedy}", icon=":material/error:")
    if st.button("Rank the chosen records", key="rank_start", icon=":material/leaderboard:"):
        request = {"task": "influence", "model": view.model, "forget": view.forget, **wanted}
        with messages.problems_in_words():
            lanes().submit(view.case.id, request)
            st.rerun()
    messages.reading(price(wanted))


def price(wanted: dict[str, Any]) -> str:
    """What a ranking costs, in a sentence for before it is asked for."""
    said = "Scores every training record for every validation and test record"
    trainings = trainings_of(make(ESTIMATORS[wanted["estimator"]], wanted["settings"]))
    if not trainings:
        return f"{said}: seconds to minutes."
    return f"{said}, and first trains the model again: as much work as **{trainings:g} full trainings**."


def _show(view: View, found: Ranking) -> None:
    order = np.argsort(found.by_record, kind="stable")
    sizes = np.abs(found.by_record)
    top = max(1, len(order) // 10)
    share = np.sort(sizes)[::-1][:top].sum() / max(float(sizes.sum()), 1e-30)
    st.markdown(
        f"The strongest tenth ({top:,} of {len(order):,}) carries **{share:.0%}** of the total effect."
    )
    falls, rises = order[found.by_record[order] < 0], order[::-1]
    rises = rises[found.by_record[rises] > 0]
    _tiles(view, "inside_up", "Hold other predictions up", found, falls)
    _tiles(view, "inside_down", "Work against other predictions", found, rises)
    notes = " ".join(found.result.values.get("notes", ()))
    messages.reading(
        "Below each: its label, then the estimated mean change over all validation and test records if "
        f"it alone had not been there, in {_unit(view, found)}. {_sure(found)} {notes}"
    )


def _sure(found: Ranking) -> str:
    """How far to trust the numbers; those of trained models say it in their notes."""
    return "" if hasattr(ESTIMATORS[found.result.values["estimator"]], "trainings") else SURE


def _unit(view: View, found: Ranking) -> str:
    """Of what the numbers on the tiles are: an estimator of changes speaks of the model's output."""
    said = str(found.result.values["unit"])
    what, unit = output_of(view)
    named = f"{unit} ({what})" if said in OUTPUTS.values() else said
    return named if view.data.task == "regression" else f"thousandths; unit: {named}"


def _number(view: View, value: float) -> str:
    """An effect of one record: of classes in thousandths, of numbers as it is."""
    return f"{value:+.3g}" if view.data.task == "regression" else f"{1000 * value:+.2f}"


def _tiles(view: View, key: str, title: str, found: Ranking, order: Array) -> None:
    st.markdown(f"**{title}**: {len(order):,} of them")
    order = order[:MOST]
    rows = found.rows[order]
    lines = [
        [(label_of(view.data, int(r)), ""), (_number(view, found.by_record[i]), "")]
        for r, i in zip(rows, order, strict=True)
    ]
    pick_tiles(key, view.data, rows, lines, lambda r: _card(view, r), size=48)


def _card(view: View, row: int) -> None:
    state.go("select/explore", record=str(view.data.ids[row]))
