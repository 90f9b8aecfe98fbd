"""Near-duplicates: how many, which, how many the split tears apart, and a split that does not."""

from __future__ import annotations

import html
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.data.near import Kind, NearDuplicates, kept_together, kinds_of
from disgorge_core.data.near.together import torn
from disgorge_core.types import SPLITS, Array, Dataset
from pages.common import gallery, messages, near, state
from pages.common.messages import as_written
from pages.common.panels import PANELS, View
from pages.common.predictions import label_of
from pages.common.questions import patient
from pages.common.services import cases

ON_A_PAGE = 6  # clusters
MOST_TILES = 8  # of a cluster
HEAP = 0.05  # a cluster of more than this share of the records is a chain, not a set of copies
ORDERS: dict[str, str] = {
    "large": "Largest first",
    "torn": "Torn apart by the split",
    "labels": "Labels that differ",
}


@PANELS.register
class LookAlikes:
    """Clusters of records that are (almost) the same."""

    name, page, tab, title, order = "data_near", "data", "Look-alikes", "", 35

    def needs(self, view: View) -> None:
        """Nothing."""

    @patient
    def draw(self, view: View) -> None:
        """What counts as alike, the figures, the clusters, and the new split."""
        kind, most = _asked(view)
        found = near.found(view, kind.name, most)
        _figures(view.data, found)
        if not found.together.any():
            messages.reading("No record has a near-duplicate at this distance.")
            return
        _clusters(view, found)
        _new_split(view, found)


def _asked(view: View) -> tuple[Kind, float]:
    ways = {k.name: k for k in kinds_of(view.data) if k.name != "embedding" or view.model}
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom", key="near_asked"):
        name = st.segmented_control(
            "What counts as alike", list(ways), default=next(iter(ways)), required=True,
            format_func=lambda way: ways[way].title, key="data_near_way", width="content",
        )  # fmt: skip
        kind = ways[str(name)]
        most = _distance(kind) if kind.most else 0.0
    return kind, most


def _distance(kind: Kind) -> float:
    whole = kind.step >= 1
    cast: Callable[[float], float] = int if whole else float
    return st.slider(
        f"{kind.unit}, at most", cast(0), cast(kind.most), cast(kind.usual), cast(kind.step),
        key=f"data_near_{kind.name}", width=320, format="%d" if whole else "%.3g",
    )  # fmt: skip


def _figures(data: Dataset, found: NearDuplicates) -> None:
    sizes = np.bincount(found.clusters)
    apart = torn(found, data.split)
    figures = {
        "Have a near-duplicate": (found.together.sum(), "Records with at least one look-alike."),
        "Clusters": ((sizes > 1).sum(), "Records joined by look-alikes are one cluster."),
        "In the largest": (sizes.max() * (sizes.max() > 1), "Records of the largest cluster."),
        "Torn by the split": (apart.sum(), "Records with a look-alike in another split."),
    }
    for place, (name, (count, meaning)) in zip(st.columns(4), figures.items(), strict=True):
        place.metric(name, f"{int(count):,}", help=meaning, border=True)
    messages.reading(
        f"Found by {as_written(near.by(found))}. {' '.join(found.notes)} A record in training whose "
        "look-alike tests makes a model look better than it is, and a record that leaves does not leave "
        "alone if its look-alike stays."
    )
    if sizes.max() > max(50, HEAP * len(data)):
        st.warning(
            f"The largest cluster is a chain of {sizes.max():,} records, each like the next one, the ends "
            "not alike: choose a smaller distance.",
            icon=":material/link:",
        )


def _clusters(view: View, found: NearDuplicates) -> None:
    data = view.data
    order = st.segmented_control(
        "Which clusters", list(ORDERS), default="large", required=True,
        format_func=ORDERS.__getitem__, key="data_near_order",
    )  # fmt: skip
    numbers = ranked(data, found, str(order))
    if not len(numbers):
        messages.reading("There is none.")
        return
    pages = -(-len(numbers) // ON_A_PAGE)
    page = 1
    if pages > 1:
        page = int(
            st.number_input(
                f"Page of {pages:,}", 1, pages, key=f"data_near_page_{order}", width=160
            )
        )
    members = np.argsort(found.clusters, kind="stable")
    ends = np.searchsorted(found.clusters[members], [numbers, numbers + 1])
    for place in range((page - 1) * ON_A_PAGE, min(page * ON_A_PAGE, len(numbers))):
        _cluster(data, members[ends[0][place] : ends[1][place]])


def ranked(data: Dataset, found: NearDuplicates, order: str) -> Array:
    """Numbers of the clusters of several records to show, the largest first."""
    sizes = np.bincount(found.clusters)
    some = sizes > 1
    if order == "torn":
        some[found.clusters[~torn(found, data.split)]] = False
    if order == "labels":
        some &= labels_differ(data, found, len(sizes))
    numbers = np.flatnonzero(some)
    return numbers[np.argsort(-sizes[numbers], kind="stable")]


def labels_differ(data: Dataset, found: NearDuplicates, count: int) -> Array:
    """Bool (count,): in which clusters not all labels are the same."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, found.clusters, data.y)
    np.maximum.at(high, found.clusters, data.y)
    return low < high


def _cluster(data: Dataset, rows: Array) -> None:
    counts = np.bincount(data.split[rows], minlength=3)
    splits = ", ".join(f"{n:,} {name}" for n, name in zip(counts, SPLITS, strict=True) if n)
    labels = dict.fromkeys(label_of(data, int(row)) for row in rows[:200])
    shown = ", ".join(list(labels)[:4]) + (" ..." if len(labels) > 4 else "")
    more = f", {MOST_TILES} of them shown" if len(rows) > MOST_TILES else ""
    with st.container(border=True, key=f"cluster_{int(rows[0])}"):
        st.markdown(f"**{len(rows):,} records** ({splits}){more}. Labels: {as_written(shown)}.")
        first = _of_each_split(data, rows)[:MOST_TILES]
        if data.kind == "table":
            _row_tiles(data, first)
        else:
            said = [f"{SPLITS[data.split[row]]} · {data.ids[row]}" for row in first]
            gallery.tiles(data, first, captions=said)


def _of_each_split(data: Dataset, rows: Array) -> Array:
    """The rows (m,) with the first of each split in front, then the second ones, and so on."""
    split = data.split[rows]
    rank = np.zeros(len(rows), dtype=np.int64)
    for code in np.unique(split):
        rank[split == code] = np.arange((split == code).sum())
    return rows[np.lexsort((split, rank))]


def _row_tiles(data: Dataset, rows: Array) -> None:
    """What the rows share as a line, and a tile for each with what it alone has."""
    x = data.take(rows)
    differs = [name for name in x.columns if x[name].nunique(dropna=False) > 1]
    same = [f"{name} {_value(x[name].iloc[0])}" for name in x.columns if name not in differs]
    if same:
        st.caption(f"All of them: {as_written(', '.join(same))}")
    tiles = [_tile(data, int(row), x.iloc[place][differs]) for place, row in enumerate(rows)]
    st.html(f'<div class="dg-tiles">{"".join(tiles)}</div>')


def _tile(data: Dataset, row: int, own: pd.Series) -> str:
    lines = [f"<b>{html.escape(str(data.ids[row]))}</b>", html.escape(label_of(data, row))]
    lines += [html.escape(f"{name} {_value(value)}") for name, value in own.items()]
    body = "".join(f"<small>{line}</small>" for line in lines)
    caption = f"<figcaption>{SPLITS[data.split[row]]}</figcaption>"
    return f'<figure class="dg-tile" style="width:112px">{body}{caption}</figure>'


def _value(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return "missing"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _new_split(view: View, found: NearDuplicates) -> None:
    with st.container(border=True, key="near_split"):
        st.markdown(
            "**Keep them together in a new split.** Makes a new case of the same records in which no cluster "
            "is torn apart: 70 % train, 10 % validation, 20 % test. Models are not taken along, as "
            "they saw records that may now test."
        )
        if st.button("Make the case", key="near_split_make", icon=":material/call_split:"):
            data = kept_together(view.data, found)
            case = cases().create(f"{view.case.name}, look-alikes together", data)
            state.go("case/data", case=case.id)
