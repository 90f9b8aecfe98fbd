"""Collateral: what changed besides the removed records, group by group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core import metrics
from disgorge_core.audit.bench import KEPT, TEST
from disgorge_core.audit.slices import slices
from disgorge_core.figures.slices import slices as drawing
from disgorge_core.types import Dataset, Finding
from pages.common import audited, charts, messages
from pages.common.panels import PANELS, Need, View

MOST = 12  # groups that are drawn; the table holds all of them
SQUARES = ("z² before", "z² after")
STORED = ("slices", "squared_of_references")
FLOOR = "z² of references"
NONE = "**No group changed beyond chance** at this power: {tested} groups of {records} were tested."
SOME = "**{count} of {tested} groups of {records} changed beyond chance**: {names}."
DISTANCE = (
    "Changed answers were not compared ({why}). Below is how far each group is from references."
)
NO_GROUPS = (
    "No class, owner or source has 10 records or more here, so there is nothing to tell apart."
)
READING = (
    "A group is a class, an owner or a source with 10 records or more. Gold is what changes for models that "
    "were trained anew without the removed records, which is chance and the absence of the records; after "
    "should stand near it or to its left. Groups in bold changed beyond chance, with all groups counted "
    "together."
)
TABLE = (
    "p is the group's rank among references by itself, p together counts that many groups were looked at. "
    "z² is the mean squared distance of its answers to references, beside what the middle 95 % of references "
    "show in this group, each held against the others."
)


@PANELS.register
class Collateral:
    """Kept and test records by class, owner and source."""

    name, page, tab, title, order = "audit_collateral", "audit", "Collateral", "", 35

    def needs(self, view: View) -> Need | None:
        """A finished audit with references."""
        found = audited.current(view)
        if found is None:
            return audited.NOTHING
        if not _distances(found):
            return Need("This needs references, and there were none.", "prove/audit", "Audit again")
        return None

    def draw(self, view: View) -> None:
        """Choose kept or test records; the sentence, the chart, the table."""
        found = audited.current(view)
        if found is None:
            return
        far = _distances(found)
        name = st.segmented_control(
            "Records", list(far), default=next(iter(far)), required=True, key="audit_slices_set"
        )
        _draw(view.data, found, str(name), far[str(name)])


def _distances(found: audited.Audited) -> dict[str, Finding]:
    return {
        f.records: f
        for f in found.report.findings
        if f.check == "distance" and f.records in (KEPT, TEST) and len(f.arrays.get("rows", ()))
    }


def _draw(data: Dataset, found: audited.Audited, name: str, far: Finding) -> None:
    sliced = _sliced(found, name)
    if sliced is None:
        table = _by_distance(data, far)
        st.markdown(DISTANCE.format(why=_why(found)) if len(table) else NO_GROUPS)
    else:
        table = _by_flips(sliced, found.report.marks.level).merge(
            _by_distance(data, far)[["group", *SQUARES, FLOOR]],
            left_on="name", right_on="group", how="left",
        )  # fmt: skip
        st.markdown(_said(table, name))
        charts.chart(drawing(table.head(MOST), template=charts.template()), "audit_slices", READING)
    if len(table):
        _numbers(table)


def _sliced(found: audited.Audited, name: str) -> Finding | None:
    mine = (f for f in found.report.findings if f.check == "collateral" and f.records == name)
    return next((f for f in mine if "slices" in f.arrays), None)


def _why(found: audited.Audited) -> str:
    reasons = [s.reason for s in found.report.skipped if s.check == "collateral"]
    return messages.as_written(
        reasons[0].rstrip(".") if reasons else "too few records in each group"
    )


def _by_flips(finding: Finding, level: float) -> pd.DataFrame:
    """One row a slice: shares of changed answers with their intervals, the oddest first."""
    a = finding.arrays
    size = np.asarray(a["records"])
    after = [metrics.share(np.arange(n) < k) for k, n in zip(a["flips"], size, strict=True)]
    found = pd.DataFrame(
        {"name": [str(s) for s in a["slices"]], "records": size, "changed": a["flips"],
         "after": [e.value for e in after], "after_low": [e.low for e in after],
         "after_high": [e.high for e in after], "references": np.asarray(a["references"]) / size,
         "p": a["p"], "p together": a["p_together"]}
    )  # fmt: skip
    if "placebo" in a:
        found["placebo"] = np.asarray(a["placebo"]) / size
    return found.assign(odd=found["p together"] <= level)


def _by_distance(data: Dataset, far: Finding) -> pd.DataFrame:
    groups, floors = slices(data, np.asarray(far.arrays["rows"])), _floors(far)
    before, after = (np.square(np.asarray(far.arrays[who])) for who in ("before", "after"))
    rows = [
        {"group": name, "records": int(inside.sum()), "z² before": before[inside].mean(),
         "z² after": after[inside].mean(), FLOOR: floors.get(name, "-")}
        for name, inside in zip(groups.names, groups.inside, strict=False)
    ]  # fmt: skip
    columns = ["group", "records", *SQUARES, FLOOR]
    return pd.DataFrame(rows, columns=columns).sort_values("z² after", ascending=False)


def _floors(far: Finding) -> dict[str, str]:
    """What references show in each group among themselves: the middle 95 %."""
    own = {n: metrics.spread(z) for n, z in zip(*(far.arrays[k] for k in STORED), strict=True)}
    return {str(name): f"{e.low:.2g} to {e.high:.2g}" for name, e in own.items()}


def _said(table: pd.DataFrame, name: str) -> str:
    odd, records = table[table["odd"]], name.lower()
    if not len(odd):
        return NONE.format(tested=len(table), records=records)
    first = ", ".join(
        f"{messages.as_written(row['name'])} ({row['changed']} of {row['records']:,})"
        for row in odd.head(5).to_dict("records")
    )
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    return SOME.format(count=len(odd), tested=len(table), records=records, names=first + more)


def _numbers(table: pd.DataFrame) -> None:
    percent = st.column_config.NumberColumn(format="percent")
    digits = st.column_config.NumberColumn(format="%.3g")
    named = table.rename(columns={"after": "changed after"}).drop(columns="group", errors="ignore")
    if "name" not in named:
        named = table.rename(columns={"group": "name"})
    order = ["name", "records", "changed after", "references", "placebo", "p", "p together",
             *SQUARES, FLOOR]  # fmt: skip
    shown = named[[column for column in order if column in named]]
    st.dataframe(
        shown.rename(columns={"name": "group"}), hide_index=True, key="audit_slices_table",
        height="content" if len(shown) <= MOST else 380,
        column_config={**dict.fromkeys(("changed after", "references", "placebo"), percent),
                       **dict.fromkeys(("p", "p together", *SQUARES), digits)},
    )  # fmt: skip
    messages.reading(TABLE)
