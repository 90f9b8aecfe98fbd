"""A map of up to some millions of points: lasso, colours, marks, before and after.

What rarely changes travels in *feeds* (positions, colours, labels), which the browser keeps; what
changes at every click, the two masks, travels in the small *view*. `assets/map*.js` joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from disgorge_core.data.polygon import inside
from pages.common.point_colours import Categories, Colours, Values
from pages.common.point_payload import feeds_of, view_payload

__all__ = ["Categories", "Colours", "Gesture", "Values", "point_map"]

Points = NDArray[np.floating]
Mask = NDArray[np.bool_]
Op = Literal["replace", "add", "remove", "clear"]
Side = Literal["before", "after", "both"]

MOST_CORNERS = 20_000
_ASSETS = Path(__file__).parents[2] / "assets"
_PARTS = ("colours", "picture", "gestures", "legend", "frame")
_SCRIPTS = [*(f"map_{part}.js" for part in _PARTS), "map.js"]  # in this order: one ES module
_mount = st.components.v2.component(
    "point_map",
    js="\n".join((_ASSETS / name).read_text("utf-8") for name in _SCRIPTS),
    css=(_ASSETS / "map.css").read_text("utf-8"),
)


@dataclass(frozen=True, eq=False)
class Gesture:
    """What was outlined: `polygon` (k, 2) in data coordinates, and what to do with what it holds.

    `drift` says where between the positions before (0) and after (1) it was drawn; `hidden` are
    the legend entries that were switched off.
    """

    polygon: NDArray[np.float64]
    op: Op
    drift: float = 0.0
    hidden: tuple[int, ...] = ()

    def applied(
        self,
        selected: Mask | None,
        positions: Points,
        positions_after: Points | None = None,
        colours: Colours | None = None,
    ) -> Mask:
        """The new selection (n,), tested on all rows of `positions` (n, 2); hidden rows stay out."""
        nothing = np.zeros(len(positions), dtype=np.bool_)
        if self.op == "clear":
            return nothing
        held = self._held(positions, positions_after, colours)
        if self.op == "replace":
            return held
        before = nothing if selected is None else selected
        return before | held if self.op == "add" else before & ~held

    def _held(self, before: Points, after: Points | None, colours: Colours | None) -> Mask:
        held = inside(_places_at(self.drift, before, after), self.polygon)
        if colours is not None and self.hidden:
            held &= ~np.isin(colours.shown_codes(), self.hidden)
        return held


def _places_at(drift: float, before: Points, after: Points | None) -> Points:
    if after is None or drift == 0:
        return before
    return after if drift == 1 else before + drift * (after - before)


def point_map(
    key: str,
    *,
    positions: Points,
    colours: Colours,
    selected: Mask | None = None,
    forget: Mask | None = None,
    positions_after: Points | None = None,
    labels: Sequence[str] | None = None,
    digest: str = "",
    height: int = 520,
    title: str = "Map of the records",
    side: Side = "both",
    sides: tuple[str, str] = ("Before", "After"),
    link: str = "",
    on_select: Callable[[Gesture], None] | None = None,
    on_pick: Callable[[int], None] | None = None,
) -> Gesture | None:
    """Show `positions` (n, 2) with `selected` and `forget` (n,) marked; return a fresh gesture.

    `digest` stands for positions and labels, so that their bytes are made once; without it they
    are hashed at each run. With `positions_after` (n, 2), `side` shows one of the two or both with
    a slider. Maps with the same `link` share camera and hover. `on_pick` gets a clicked row.
    """
    feeds = feeds_of(digest, positions, positions_after, colours, labels)
    header = {
        "n": len(positions),
        "height": height,
        "title": title,
        "side": side,
        "sides": sides,
        "link": link or key,
    }
    view = view_payload(header, feeds, selected, forget)
    with st.container(gap=None):
        for name, feed in feeds.items():
            _mount(key=f"{key}_{name}", data=feed.payload)
        heard = _mount(
            key=key,
            data=view,
            on_lasso_change=partial(_pass_on, key, "lasso", read_gesture, on_select),
            on_pick_change=partial(_pass_on, key, "pick", read_row, on_pick),
        )
    return read_gesture(heard.lasso)


def read_gesture(message: Any) -> Gesture | None:
    """The gesture in a message from the browser, or None if there is none or it is malformed."""
    if not isinstance(message, Mapping):
        return None
    try:
        corners = message["polygon"]
        polygon = np.array(corners, dtype=np.float64).reshape(len(corners), 2)
        drift, hidden = float(message["drift"]), tuple(int(code) for code in message["hidden"])
    except (KeyError, TypeError, ValueError):
        return None
    sound = np.isfinite(polygon).all() and len(polygon) <= MOST_CORNERS and 0 <= drift <= 1
    if not sound or message.get("op") not in ("replace", "add", "remove", "clear"):
        return None
    return Gesture(polygon, message["op"], drift, hidden)


def read_row(message: Any) -> int | None:
    """The row of a clicked point in a message from the browser, or None."""
    row = message.get("row") if isinstance(message, Mapping) else None
    return row if isinstance(row, int) and row >= 0 else None


def _pass_on(
    key: str, event: str, read: Callable[[Any], Any], tell: Callable[[Any], None] | None
) -> None:
    """Streamlit calls this, without arguments of its own, when the browser sent an event."""
    found = read(st.session_state[key].get(event))
    if tell is not None and found is not None:
        tell(found)
