"""Records like the chosen ones: near-copies that were missed, and what the model takes for alike."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.data.near import kinds_of
from disgorge_core.types import Array
from pages.common import hand, messages, near
from pages.common.messages import as_written
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predictions import label_of
from pages.common.questions import ask_soon, patient
from pages.panels.explore.chosen import open_card

OWN = "own"  # the dataset's own column
MOST_TILES = 24
MOST_ASKED = 2_000  # records whose neighbours are asked for at once
NEIGHBOURS = 10  # of each record


@PANELS.register
class NearCopies:
    """The leak check: what was left in can carry what was taken out."""

    name, page, tab = "explore_near", "explore", "Look-alikes"
    title, order = "Near-copies that you did not choose", 30

    def needs(self, view: View) -> Need | None:
        """Chosen records."""
        return _something_chosen(view)

    @patient
    def draw(self, view: View) -> None:
        """The way to look, count, button, pictures."""
        cluster, how = _clusters(view)
        mask = near.copies_of(cluster, hand.now(view).mask)
        count = int(mask.sum())
        if not count:
            messages.reading(f"None, going by {as_written(how)}.")
            return
        what = "record is a near-copy" if count == 1 else "records are near-copies"
        train = int((mask & (view.data.split == 0)).sum())
        st.markdown(
            f"**{count:,} {what}** of a chosen one. **{train:,}** of them would stay in training: what "
            "they carry does not leave with the others."
        )
        hand.buttons(view, "near", mask, "near-copies of them", ops=("add",))
        _tiles(view, "near_tiles", np.flatnonzero(mask)[:MOST_TILES])
        messages.reading(f"Found by {as_written(how)}.")


def _clusters(view: View) -> tuple[Array, str]:
    """Clusters (n,) by the way that is chosen, and what it goes by."""
    ways = {kind.name: kind.title for kind in kinds_of(view.data) if kind.name != "embedding"}
    if view.data.roles.near:
        ways = {OWN: "As the data say", **ways}
    way = str(
        st.segmented_control(
            "What counts as alike", list(ways), default=next(iter(ways)), required=True,
            format_func=ways.__getitem__, key="near_way",
        )
    )  # fmt: skip
    if way == OWN:
        return near.own_clusters(view.data), near.copies_are(view.data)
    found = near.found(view, way)
    return found.clusters, near.by(found)


@PANELS.register
class MoreLikeThese:
    """Neighbours of the chosen records in the model's features."""

    name, page, tab = "explore_like", "explore", "Look-alikes"
    title, order = "More like these", 40

    def needs(self, view: View) -> Need | None:
        """Chosen records and a model."""
        if not view.model:
            return Need("Likeness is what a model takes for alike.", "case/model", "Add a model")
        return _something_chosen(view)

    @patient
    def draw(self, view: View) -> None:
        """The nearest records outside the selection."""
        chosen = hand.now(view)
        if len(chosen) > MOST_ASKED:
            messages.reading(f"Choose at most {MOST_ASKED:,} records to look for others like them.")
            return
        wanted = st.slider("How many", 5, 100, 20, 5, key="like_count", width=320)
        rows = nearest_outside(view, chosen.rows)[:wanted]
        mask = np.isin(np.arange(len(view.data)), rows)
        how = f"the {len(rows):,} records nearest to them in the model's features"
        hand.buttons(view, "like", mask, how, looking=True, ops=("add",))
        _tiles(view, "like_tiles", rows[:MOST_TILES])
        messages.reading("The nearest first, by distance between the model's features.")


def nearest_outside(view: View, rows: Array) -> Array:
    """Records outside `rows`, nearest to any of them first."""
    found = ask_soon(view.case, "neighbours", model=view.model, rows=rows.tolist(), k=NEIGHBOURS)
    index, distance = found.arrays["index"].ravel(), found.arrays["distance"].ravel()
    outside = ~np.isin(index, rows)
    index, distance = index[outside], distance[outside]
    order = np.argsort(distance, kind="stable")
    _, first = np.unique(index[order], return_index=True)
    return index[order][np.sort(first)]


def _something_chosen(view: View) -> Need | None:
    if len(hand.now(view)):
        return None
    return Need(
        "Choose some records first, on the map or by a filter.", "select/explore", "To the map"
    )


def _tiles(view: View, key: str, rows: Array) -> None:
    lines = [[(label_of(view.data, int(row)), "")] for row in rows]
    pick_tiles(key, view.data, rows, lines, lambda row: open_card(view, row), opens="record_card")
