"""A small pad to draw a picture for the model, pixel by pixel of its own input size."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

_ASSETS = Path(__file__).parents[2] / "assets"
_mount = st.components.v2.component(
    "draw_pad",
    js=(_ASSETS / "draw.js").read_text("utf-8"),
    css=(_ASSETS / "draw.css").read_text("utf-8"),
)


def draw_pad(
    key: str,
    *,
    height: int,
    width: int,
    channels: int = 1,
    start: NDArray[np.uint8] | None = None,
    paper: int = 0,
    shown: int = 240,
    title: str = "Drawing pad",
    on_draw: Callable[[], None] | None = None,
) -> NDArray[np.uint8] | None:
    """The drawn picture (height, width, channels), or None as long as nothing was drawn.

    `start` is the picture to draw on, of the same shape; else an even ground of level `paper`. The
    eraser and "Clear" bring it back.
    `channels` is 1 (grey) or 3 (colour); `shown` is the width on screen in CSS pixels.
    """
    shape = (height, width, channels)
    ground = (
        np.full(shape, paper, np.uint8) if start is None else start.astype(np.uint8).reshape(shape)
    )
    digest = hashlib.blake2b(f"{shape}".encode() + ground.tobytes(), digest_size=8).hexdigest()
    told = _mount(
        key=key,
        data={
            "height": height,
            "width": width,
            "channels": channels,
            "start": base64.b64encode(ground.tobytes()).decode(),
            "shown": shown,
            "title": title,
            "digest": digest,
        },
        on_drawn_change=on_draw or _nothing,
    )
    return read_drawing(told.drawn, shape, digest)


def read_drawing(
    message: Any, shape: tuple[int, int, int], digest: str
) -> NDArray[np.uint8] | None:
    """The picture (h, w, c) in a message from the browser, or None if it is of another start."""
    if not isinstance(message, Mapping) or message.get("start") != digest:
        return None
    try:
        pixels = base64.b64decode(str(message.get("pixels")), validate=True)
    except ValueError:
        return None
    if len(pixels) != np.prod(shape):
        return None
    return np.frombuffer(pixels, dtype=np.uint8).reshape(shape).copy()


def _nothing() -> None:
    """A state value is only kept for an event that has a callback."""
