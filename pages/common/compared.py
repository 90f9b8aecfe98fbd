"""The finished run that is looked at: its values, its comparison, its forget set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from disgorge_core.comparison import Comparison
from disgorge_core.jobs import Run
from disgorge_core.types import Array, Dataset, ForgetSet
from pages.common.panels import Need, View
from pages.common.services import cases

NOTHING = Need("There is no finished run to compare yet.", "disgorge/plan", "Plan a run")


@dataclass(frozen=True, eq=False)
class Compared:
    """What a finished run of the task "disgorge" left behind."""

    run: str
    values: Mapping[str, Any]
    comparison: Comparison
    forget: ForgetSet
    data: Dataset
    arrays: Mapping[str, Array]  # all that was stored, each read when it is asked for

    @property
    def outcome(self) -> Mapping[str, Any]:
        """Method, tier, claim, cost and effect."""
        return dict(self.values["outcome"])


def finished(case_id: str) -> list[Run]:
    """The finished disgorgements of a case, newest first."""
    runs = cases().runs(case_id)
    return [run for run in runs if run.request.get("task") == "disgorge" and run.state == "done"]


def current(view: View) -> Compared | None:
    """The run of the URL, else the newest; None if none has finished."""
    runs = {run.id: run for run in finished(view.case.id)}
    if not runs:
        return None
    run = runs.get(view.run) or next(iter(runs.values()))
    return _load(view.case.id, run.id, view.case.dataset)


@st.cache_resource(show_spinner=False, max_entries=6)
def _load(case_id: str, run_id: str, dataset: str) -> Compared:
    run = next(run for run in finished(case_id) if run.id == run_id)
    result = run.result()
    forget = cases().forget(case_id, result.values["forget"])
    comparison = Comparison.from_arrays(result.arrays)
    data = cases().dataset(dataset)
    return Compared(run_id, result.values, comparison, forget, data, result.arrays)


def summary(found: Compared) -> str:
    """One line that names a run: method, forget set, seed."""
    o = found.outcome
    return f"{o['title']} · {found.forget.name} · seed {o['seed']}"
