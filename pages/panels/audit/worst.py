"""The records that stand out most, one by one: averages hide people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.audit.bench import KEPT, REMOVED
from disgorge_core.audit.checks.distance import FAR
from disgorge_core.metrics import spread
from disgorge_core.types import Finding
from pages.common import audited, gallery, messages, tables
from pages.common.panels import PANELS, Need, View

LEVEL = 0.05  # rank p from which a record counts as exposed
BY_DISTANCE, BY_ATTACK = "Farthest from references", "Most exposed to the attack"
TALLEST, HEAD, ROW = 320, 38, 46  # pixels of the table
MOST = 100  # rows of the table
TILES = 16
ABOUT = {
    REMOVED: "Removed records whose answers are farthest from those of models that never saw them.",
    KEPT: "Kept records that the method moved farthest away from where references stand.",
}
READING = (
    "z is how far the model's preference for the label is from the mean of the references, in their standard "
    "deviations. Above 0 the model is surer of the label than models that never saw the removed records; "
    "values between -2 and 2 are ordinary."
)
ATTACK = (
    "The attack's score is the share of test records that look less like training records than this one: 0.5 "
    "is ordinary, near 1 the answer gives it away; its p is the record's rank among references."
)


@PANELS.register
class Worst:
    """Removed and kept records with the largest distance after."""

    name, page, tab, title, order = "audit_worst", "audit", "Worst records", "", 40

    def needs(self, view: View) -> Need | None:
        """A finished audit with references."""
        found = audited.current(view)
        if found is None:
            return audited.NOTHING
        if not _findings(found):
            return Need("This needs references, and there were none.", "prove/audit", "Audit again")
        return None

    def draw(self, view: View) -> None:
        """Choose a set; tiles and a table."""
        found = audited.current(view)
        if found is None:
            return
        findings = _findings(found)
        name = st.segmented_control(
            "Records",
            list(findings),
            default=next(iter(findings)),
            required=True,
            key="audit_worst_set",
        )
        finding = findings[str(name)]
        _draw(view, str(name), finding, _attack(found, finding))


def _findings(found: audited.Audited) -> dict[str, Finding]:
    return {
        f.records: f
        for f in found.report.findings
        if f.check == "distance" and f.records in ABOUT and len(f.arrays.get("rows", ()))
    }


def _attack(found: audited.Audited, finding: Finding) -> pd.DataFrame | None:
    """Scores of the membership attack for the same records, in the same order; None if it was not run."""
    for one in found.report.findings:
        if one.check == "membership" and one.records == finding.records and "p" in one.arrays:
            scores = pd.DataFrame({k: one.arrays[k] for k in ("rows", "before", "after", "p")})
            return scores.set_index("rows").reindex(finding.arrays["rows"]).reset_index(drop=True)
    return None


def _draw(view: View, name: str, finding: Finding, attack: pd.DataFrame | None) -> None:
    rows, before, after = (np.asarray(finding.arrays[k]) for k in ("rows", "before", "after"))
    st.markdown(
        f"{ABOUT[name]} **{(np.abs(after) > FAR).sum():,} of {len(rows):,}** lie beyond three standard "
        f"deviations after, {(np.abs(before) > FAR).sum():,} before; in a reference {_floor(finding)} do."
    )
    order = _order(name, after, attack)
    first, shown = order[:TILES], order[:MOST]
    gallery.tiles(
        view.data, rows[first],
        captions=[f"{_note(i, after, attack)} · {gallery.label(view.data, rows[i])}" for i in first],
    )  # fmt: skip
    if len(order) > MOST:
        st.caption(f"The first {MOST} of {len(order):,} are listed.")
    table, height = _numbers(before, after, attack, shown), min(TALLEST, HEAD + ROW * len(shown))
    tables.records(view.data, rows[shown], "audit_worst_table", extra=table, height=height)
    messages.reading(READING if attack is None else f"{READING} {ATTACK}")


def _floor(finding: Finding) -> str:
    """How many records of a reference are that far from the others: the middle 95 % of references."""
    own = spread(finding.arrays["far_of_references"])
    low, high = round(own.low), round(own.high)
    return f"{low:,} to {high:,}" if low < high else f"{low:,}"


def _order(name: str, after: np.ndarray, attack: pd.DataFrame | None) -> np.ndarray:
    """By distance, or by exposure to the attack where it was run and the user asks for it."""
    if attack is not None:
        st.markdown(_exposed(name, attack))
        by = st.segmented_control(
            "Order", (BY_DISTANCE, BY_ATTACK), default=BY_DISTANCE, required=True,
            key="audit_worst_order", label_visibility="collapsed",
        )  # fmt: skip
        if by == BY_ATTACK:
            return _by_attack(attack)
    return np.argsort(-np.abs(after), kind="stable")


def _numbers(
    before: np.ndarray, after: np.ndarray, attack: pd.DataFrame | None, shown: np.ndarray
) -> pd.DataFrame:
    columns = {"z before": before[shown].round(2), "z after": after[shown].round(2)}
    for name in () if attack is None else ("before", "after", "p"):
        columns[f"attack {name}"] = attack[name].to_numpy()[shown].round(3)
    return pd.DataFrame(columns)


def _by_attack(attack: pd.DataFrame) -> np.ndarray:
    """The most exposed after first; among equals those that were least exposed before."""
    return np.lexsort((attack["before"], -attack["after"], attack["p"]))


def _exposed(name: str, attack: pd.DataFrame) -> str:
    named, count = int((attack["p"] <= LEVEL).sum()), len(attack)
    more = int(((attack["p"] <= LEVEL) & (attack["after"] > attack["before"])).sum())
    by_chance = f"{LEVEL * count:,.0f}" if count >= TILES else f"{LEVEL * count:.2g}"
    said = (
        f"The membership attack finds **{named:,} of {count:,}** more exposed than in references (rank p of "
        f"at most {LEVEL}); chance alone gives about {by_chance}."
    )
    return f"{said} {more:,} of them are more exposed than before." if name == KEPT else said


def _note(i: int, after: np.ndarray, attack: pd.DataFrame | None) -> str:
    return f"z {after[i]:.1f}" + ("" if attack is None else f" · {attack['after'].iloc[i]:.2f}")
