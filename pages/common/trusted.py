"""How far influence was trusted on a model: its predictions held against what runs measured later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from disgorge_core.comparison import TEST, VALIDATION
from disgorge_core.foresight import REFERENCES
from pages.common import compared
from pages.common.panels import View
from pages.common.services import cases

Held = Mapping[str, Any]
UNMEASURED = "Not measured on this model yet: run a removal with references."
WELL, ROUGHLY = 0.7, 0.4  # rank correlations
SAME = 1.25  # times: sizes that are called right
CHANCE = 0.3  # ceilings below which chance drowns what was measured
DROWNED = (
    "Chance in training moves these answers more than the removal does, so their order tells little"
)


def trusted(view: View) -> str:
    """One sentence: against how many finished runs of the chosen model the estimate was held, and how."""
    runs = [run for run in compared.finished(view.case.id) if run.request["model"] == view.model]
    rows = [row for run in runs if (row := _outside(_held(view.case.id, run.id))) is not None]
    if not rows:
        return UNMEASURED
    ranks, tops = [row["rank"] for row in rows], [row["ceiling"] for row in rows]
    count = "a run" if len(rows) == 1 else f"{len(rows)} runs"
    said = f"On this model the estimate was held against {count} with references: rank correlation "
    said += f"{_range(ranks)} over {_named(rows)} records"
    known = [top for top in tops if top is not None]
    return f"{said}{f' (chance in training would allow {_range(known)})' if known else ''}."


def order_said(row: Held) -> str:
    """How well the order of the effects was predicted, in a sentence."""
    if row["rank"] is None:
        return "Too few records changed to say anything of their order."
    top = row["ceiling"]
    numbers = f"rank correlation **{row['rank']:.2f}** [{row['low']:.2f}, {row['high']:.2f}]"
    if top is not None and top < CHANCE:
        return f"{DROWNED}: {numbers}."
    allowed = "" if top is None else f", of about {top:.2f} that chance in training would allow"
    return f"The estimate {_judged(row)}: {numbers}{allowed}."


def size_said(row: Held) -> str:
    """How large the changes were against the predicted ones, in a sentence; empty where the order is weak."""
    times = row["factor"]
    if row["rank"] is None or row["rank"] < ROUGHLY or times is None or times <= 0:
        return ""
    if 1 / SAME <= times <= SAME:
        return "Its size was about right."
    wrong = f"{times:.1f} times too small" if times > 1 else f"{1 / times:.1f} times too large"
    return f"It was {wrong}."


def _judged(row: Held) -> str:
    if row["low"] <= 0:
        return "did not rank the effects better than chance would"
    if row["rank"] >= WELL:
        return "ranked the effects well"
    return "ranked the effects roughly" if row["rank"] >= ROUGHLY else "ranked the effects weakly"


def _outside(held: Sequence[Held]) -> Held | None:
    """The row of the test records, else of the validation records, that was measured by references."""
    rows = {
        row["set"]: row for row in held if row["measured"] == REFERENCES and row["rank"] is not None
    }
    return rows.get(TEST) or rows.get(VALIDATION)


def _named(rows: Sequence[Held]) -> str:
    return " and ".join(sorted({row["set"].lower() for row in rows}))


def _range(numbers: Sequence[float]) -> str:
    low, high = (f"{number:.2f}" for number in (min(numbers), max(numbers)))
    return low if low == high else f"between {low} and {high}"


@st.cache_data(show_spinner=False, max_entries=200)
def _held(case_id: str, run_id: str) -> list[Held]:
    values = cases().run(case_id, run_id).result().values
    return list(values.get("prediction", {}).get("held", ()))
