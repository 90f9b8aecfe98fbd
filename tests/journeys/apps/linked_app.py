"""The same 600 records before and after, side by side with one camera."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.common.point_map import Gesture, Values, point_map

st.set_page_config(layout="wide", page_title="Linked")
rng = np.random.default_rng(1)
before = rng.normal(size=(600, 2)) * [3, 1]
after = before + rng.normal(size=(600, 2)) * 0.2


def choose(gesture: Gesture) -> None:
    st.session_state.selected = gesture.applied(None, before, after)


for column, side in zip(st.columns(2), ("before", "after"), strict=True):
    with column:
        point_map(
            f"map_{side}",
            positions=before,
            positions_after=after,
            colours=Values(np.hypot(*(after - before).T), "Moved by"),
            selected=st.session_state.get("selected"),
            side=side,
            link="pair",
            height=360,
            on_select=choose,
        )
