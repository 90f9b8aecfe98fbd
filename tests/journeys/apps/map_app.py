"""The point map with 20,000 points in twelve clouds, and the drawing pad below it."""

from __future__ import annotations

import json
import os

import numpy as np
import streamlit as st

from pages.common.point_map import Categories, Gesture, Values, point_map

N = int(os.environ.get("MAP_POINTS", "20000"))
CLOUDS = 12


@st.cache_resource
def clouds(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions before and after (n, 2) and the cloud (n,) of each point."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, CLOUDS, n)
    turn = 2 * np.pi * codes / CLOUDS
    centres = np.stack([6 * np.cos(turn), 3 * np.sin(turn)], axis=1)
    before = centres + rng.normal(size=(n, 2)) * (0.25 + 0.05 * codes)[:, None]
    after = before + np.where((codes == 3)[:, None], rng.normal((1.5, -1.0), size=(n, 2)), 0.05)
    return before, after, codes


def choose(gesture: Gesture) -> None:
    st.session_state.gesture = gesture
    st.session_state.selected = gesture.applied(
        st.session_state.get("selected"), before, after, colours
    )


def pick(row: int) -> None:
    st.session_state.picked = row


st.set_page_config(layout="wide", page_title="Map")
before, after, codes = clouds(N)
names = [f"Cloud {letter}" for letter in "ABCDEFGHIJKL"]
colours: Categories | Values = Categories(codes, names, title="Cloud", digest=f"clouds-{N}")
if st.toggle("Colour by value"):
    colours = Values(before[:, 0], "Horizontal place", centre=0.0)
point_map(
    "map",
    positions=before,
    positions_after=after,
    colours=colours,
    selected=st.session_state.get("selected"),
    forget=(codes == 3) & (before[:, 1] > 3.4),
    labels=[f"record {row:05d}" for row in range(N)] if N <= 20_000 else None,
    digest=f"clouds-{N}",
    on_select=choose,
    on_pick=pick,
)
gesture = st.session_state.get("gesture")
st.text(json.dumps({
    "selected": int(np.count_nonzero(st.session_state.get("selected", False))),
    "picked": st.session_state.get("picked"),
    "op": gesture.op if gesture else None,
    "drift": gesture.drift if gesture else None,
    "polygon": gesture.polygon.tolist() if gesture else None,
}))  # fmt: skip
