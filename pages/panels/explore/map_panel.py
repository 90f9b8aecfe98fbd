"""The map of the records as the model sees them: outline some to choose them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from disgorge_core.types import Array
from pages.common import gallery, hand, messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.point_map import Colours, Gesture, point_map
from pages.common.predictions import predictions
from pages.common.questions import patient
from pages.common.services import cases
from pages.panels.explore import colours
from pages.panels.explore.layout import LAYOUTS, Places, layers_of, layout_of

HEIGHT = 430


@PANELS.register
class MapPanel:
    """One point a record, near to what the model takes for alike."""

    name, page, tab, title, order = "explore_map", "explore_map", "Map", "", 10

    def needs(self, view: View) -> Need | None:
        """A model that sees the records."""
        if not view.model:
            return Need(
                "The map shows the records as a model sees them.", "case/model", "Add a model"
            )
        return None

    @patient
    def draw(self, view: View) -> None:
        """Controls, map, how to read it."""
        layout, colour, layer = _controls(view)
        places = layout_of(view, layout, layer)
        found = predictions(view) if colours.needs_answers(colour) else None
        inks = colours.colours_by(colour, view.data, found)
        _map(view, places, inks)
        messages.reading(_sentence(view, places))


def _controls(view: View) -> tuple[str, str, str | None]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        colour = st.selectbox(
            "Colour by", colours.options(view.data), key="map_colour", width=170
        )  # fmt: skip
        layout = st.segmented_control(
            "Arrange by", list(LAYOUTS), format_func=LAYOUTS.get, key="map_layout",
            default="pca", required=True, help="Spread keeps the large directions (PCA) and is "
            "there at once. Neighbours keeps look-alikes together (UMAP) and takes a minute, once.",
        )  # fmt: skip
        layer = _layer(view)
        if len(view.case.models) > 1:
            _model(view)
    return layout or "pca", colour, layer


def _layer(view: View) -> str | None:
    names = layers_of(view)
    if len(names) == 1:
        return None
    chosen = st.selectbox(
        "Seen at", list(names), format_func=names.get, key="map_layer", width=185,
        help="The layer whose output decides what lies together",
    )  # fmt: skip
    return chosen or None


def _model(view: View) -> None:
    names = {d: str(cases().model_card(d)["name"]) for d in view.case.models}
    st.selectbox(
        "As seen by", view.case.models, index=view.case.models.index(view.model),
        format_func=lambda d: f"{names[d]} · {d[:6]}", key="map_model", on_change=_see_by, width=200,
    )  # fmt: skip


def _see_by() -> None:
    state.put(model=st.session_state["map_model"])


@dataclass(frozen=True, eq=False)
class _Chooser:
    """Turns what is done on the map into a step of the selection."""

    view: View
    places: Places
    inks: Colours

    def select(self, gesture: Gesture) -> None:
        """Every row within the outline, drawn or not."""
        outlined = replace(gesture, op="replace")
        held = outlined.applied(None, self.places.positions, colours=self.inks)
        mask = np.zeros(len(self.view.data), dtype=bool)
        mask[self.places.rows[held]] = True
        how = f"outlined on the map of the model's features ({self.places.title})"
        hand.change(self.view, mask, gesture.op, how, looking=True)

    def pick(self, point: int) -> None:
        """The card of one record."""
        state.put(record=str(self.view.data.ids[self.places.rows[point]]))


def _map(view: View, places: Places, inks: Colours) -> None:
    if len(places.rows) < len(view.data):
        inks = replace(inks, **_of_rows(inks, places.rows))
    chooser = _Chooser(view, places, inks)
    saved = cases().forget(view.case.id, view.forget).mask(view.data) if view.forget else None
    point_map(
        "explore_points", positions=places.positions, colours=inks,
        selected=hand.now(view).mask[places.rows],
        forget=None if saved is None else saved[places.rows],
        labels=gallery.lines(places.digest, view.data, places.rows),
        digest=places.digest, height=HEIGHT, title="Map of the records as the model sees them",
        on_select=chooser.select, on_pick=chooser.pick,
    )  # fmt: skip


def _of_rows(inks: Colours, rows: Array) -> dict[str, object]:
    own = "codes" if hasattr(inks, "codes") else "values"
    return {own: getattr(inks, own)[rows], "digest": f"{inks.digest}-{len(rows)}"}


def _sentence(view: View, places: Places) -> str:
    drawn = len(places.rows)
    which = (
        f"All {drawn:,} records are on the map."
        if drawn == len(view.data)
        else f"{drawn:,} of {len(view.data):,} records are on the map; a filter reaches the others."
    )
    return (
        f"Points that lie together look alike to the model. {which} Crosses mark the saved forget "
        "set; click a point for its card."
    )
