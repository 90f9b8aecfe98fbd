"""Two drawing pads: 8x8 grey on black, 32x32 in colour on a given picture."""

from __future__ import annotations

import json

import numpy as np
import streamlit as st

from pages.common.draw_pad import draw_pad

st.set_page_config(layout="wide", page_title="Pad")
sky = np.linspace((240, 244, 250), (120, 170, 220), 32).astype(np.uint8)
left, right = st.columns(2)
with left:
    grey = draw_pad("grey", height=8, width=8)
    st.text(json.dumps({"grey": None if grey is None else grey[:, :, 0].tolist()}))
with right:
    colour = draw_pad(
        "colour", height=32, width=32, channels=3, start=np.repeat(sky[:, None], 32, axis=1)
    )
    st.text(json.dumps({"colour": None if colour is None else colour.sum(axis=(0, 1)).tolist()}))
