"""Scores of finished runs, worked out once from what they stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from disgorge_core import comparison
from disgorge_core.comparison import REMOVED, TEST, Comparison
from disgorge_core.jobs import Run
from disgorge_core.jobs.references import FIRST_SEED
from pages.common import audited
from pages.common.panels import View
from pages.common.services import cases, home

RANGE = "range over references"
INTERVAL = "95 %, {count} references"


def scores(view: View, run_id: str) -> pd.DataFrame:
    """`comparison.overview` of a finished removal."""
    return _scores(str(home()), view.case.id, run_id, view)


@st.cache_data(show_spinner=False, max_entries=200)
def _scores(root: str, case_id: str, run_id: str, _view: View) -> pd.DataFrame:
    return comparison.overview(stored(case_id, run_id), _view.data)


def distances(view: View, run_id: str, beside: str) -> pd.DataFrame:
    """`comparison.closeness` of a run to the references that the run `beside` stored."""
    return _distances(str(home()), view.case.id, run_id, beside, view)


@st.cache_data(show_spinner=False, max_entries=200)
def _distances(root: str, case_id: str, run_id: str, beside: str, _view: View) -> pd.DataFrame:
    references = stored(case_id, beside).references
    return comparison.closeness(replace(stored(case_id, run_id), references=references), _view.data)


def stored(case_id: str, run_id: str) -> Comparison:
    """The comparison that a finished removal stored."""
    return Comparison.from_arrays(cases().run(case_id, run_id).result().arrays)


@dataclass(frozen=True)
class Group:
    """Finished removals of the same records from the same model, and the best yardstick among them."""

    forget: str
    model: str
    runs: tuple[Run, ...]

    @property
    def yardstick(self) -> Run:
        """The run with the most references."""
        return max(self.runs, key=lambda run: int(run.result().values["references"]))

    @property
    def references(self) -> int:
        """How many the yardstick has."""
        return int(self.yardstick.result().values["references"])


def groups(runs: list[Run]) -> list[Group]:
    """Finished removals by records and model, the group of the newest run first."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.request.get("task") == "disgorge" and run.state == "done":
            found.setdefault((run.request["forget"], run.request["model"]), []).append(run)
    return [Group(forget, model, tuple(runs)) for (forget, model), runs in found.items()]


def compared(view: View, group: Group) -> pd.DataFrame:
    """One row a run: method, tier, cost, and its distance to the group's references on the removed records.

    All runs are held against the same references, those of the run that has most: they depend on the
    records and the model only. A run whose own seed could be a reference's is held against its own.
    What an audit measured takes the place of this: "interval" is then the audit's, over records.
    """
    rows, verdicts = [], audited.verdicts(view.case.id)
    for run in group.runs:
        own = run.request["seed"] >= FIRST_SEED
        table = distances(view, run.id, run.id if own else group.yardstick.id)
        if len(table):
            verdict = verdicts.get(run.id, {"title": "not audited", "trace": "", "closeness": {}})
            said = {"verdict": verdict["title"], "trace left": verdict["trace"]}
            rows.append(_compared(view, run, table) | said | _of_audit(verdict["closeness"]))
    found = pd.DataFrame(rows)
    return found.assign(**_levels([verdicts[run.id] for run in group.runs if run.id in verdicts]))


def _of_audit(close: Mapping[str, Any]) -> dict[str, object]:
    """Distance after with the audit's interval; only that there is none where it was not measured."""
    if not close:
        return {"interval": RANGE, "audited": False}
    after = close["after"]
    said = INTERVAL.format(count=close["n"])
    return {"after": after["value"], "after_low": after["low"], "after_high": after["high"],
            "interval": said, "audited": True}  # fmt: skip


def _levels(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Distance before, and of references among themselves, by the audit that has most of these."""
    close = max((v["closeness"] for v in verdicts), key=lambda c: c.get("n", 0), default={})
    kinds = {"before": "before", "floor": "references"} if close else {}
    return {
        f"{name}{end}": close[kind][field]
        for name, kind in kinds.items()
        for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
    }


def _compared(view: View, run: Run, table: pd.DataFrame) -> dict[str, object]:
    outcome = run.result().values["outcome"]
    removed = table.set_index("set").loc[REMOVED].to_dict()
    score = scores(view, run.id).set_index("set")
    return {
        "run": run.id, "method": outcome["title"], "tier": outcome["tier"], "seed": outcome["seed"],
        "cost": outcome["cost"]["of_full"], "seconds": outcome["cost"]["seconds"], **removed,
        "score on removed": score.loc[REMOVED, "after"],
        "score on test": score.loc[TEST, "after"] if TEST in score.index else float("nan"),
    }  # fmt: skip
