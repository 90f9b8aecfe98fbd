"""Records as small pictures: PNG data addresses for tables and a grid of tiles for pages."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from disgorge_core.types import Array, Dataset

TABLE_LIMIT = 20_000  # pictures that a table may hold


def picture(record: Array) -> str:
    """One raw picture (height, width, channels) uint8 as a PNG data address."""
    buffer = io.BytesIO()
    channels = record.shape[-1]
    pixels = record[..., 0] if channels == 1 else record[..., : 4 if channels == 4 else 3]
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@st.cache_resource(show_spinner=False, max_entries=4)
def _all_pictures(digest: str, _data: Dataset) -> Array:
    return np.array([picture(record) for record in _data.x], dtype=object)


def pictures(data: Dataset, rows: Array) -> Sequence[str]:
    """Data addresses of these rows' pictures; all of a dataset are made once."""
    if len(data) <= TABLE_LIMIT and len(rows) > 200:
        return _all_pictures(data.digest, data)[rows].tolist()
    return [picture(data.x[row]) for row in rows]


def label(data: Dataset, row: int) -> str:
    """The record's label in words."""
    return data.classes[int(data.y[row])] if data.classes else f"{data.y[row]:.4g}"


def tiles(
    data: Dataset, rows: Array, *, captions: Sequence[str] | None = None, size: int = 56
) -> None:
    """A grid of pictures of equal size, or of short cards for tables; at most a few hundred rows."""
    notes = captions if captions is not None else [label(data, row) for row in rows]
    images = data.kind == "image"
    bodies = [_img(data.x[row], size) for row in rows] if images else _cards(data, rows)
    width = size + 24 if images else 150
    cells = [_tile(body, note, width) for body, note in zip(bodies, notes, strict=True)]
    st.html(f'<div class="dg-tiles">{"".join(cells)}</div>')


def _tile(body: str, note: str, width: int) -> str:
    words = html.escape(note)
    caption = f'<figcaption title="{words}">{words}</figcaption>'
    return f'<figure class="dg-tile" style="width:{width}px">{body}{caption}</figure>'


def _img(record: Array, size: int) -> str:
    return f'<img src="{picture(record)}" width="{size}" height="{size}" alt="" loading="lazy">'


def _cards(data: Dataset, rows: Array) -> list[str]:
    return [_card(data.take(np.array([row])).iloc[0].to_dict()) for row in rows]


def _card(values: dict[str, Any]) -> str:
    first = list(values.items())[:3]
    return "".join(
        f"<small>{html.escape(str(name))}: {html.escape(str(v))}</small>" for name, v in first
    )
