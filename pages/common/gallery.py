"""Records in small: pictures as PNG data addresses, texts as their first words, and a grid of tiles."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from disgorge_core.types import Array, Dataset

TABLE_LIMIT = 20_000  # pictures that a table may hold
SNIPPET, LINE = 160, 70  # letters of a text that stand for it, on a tile and in a line
MISSING = "missing"
WIDE = {"image": 24, "table": 150, "text": 188}  # pixels of a tile; for pictures beside their own


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


def snippet(text: str, letters: int = SNIPPET) -> str:
    """The first words of a text, in one line."""
    line = " ".join(text[: 4 * letters].split())
    if len(line) <= letters:
        return line
    return line[:letters].rpartition(" ")[0].rstrip(" ,;:") + " ..."


def snippets(data: Dataset, rows: Array, letters: int = SNIPPET) -> list[str]:
    """The first words of these rows' texts."""
    return [snippet(str(text), letters) for text in data.x.iloc[rows, 0]]


def label(data: Dataset, row: int) -> str:
    """The record's label in words."""
    return data.classes[int(data.y[row])] if data.classes else f"{data.y[row]:.4g}"


def cell(value: object) -> str:
    """A value of the metadata or of a table in words; one that is not there is missing, 3.0 is 3."""
    if pd.isna(value):
        return MISSING
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def line(data: Dataset, row: int) -> str:
    """A record in one line: id, label, and the first words of a text."""
    words = f" · {snippet(str(data.x.iloc[row, 0]), LINE)}" if data.kind == "text" else ""
    return f"{data.ids[row]} · {label(data, row)}{words}"


@st.cache_resource(show_spinner=False, max_entries=6)
def lines(digest: str, _data: Dataset, _rows: Array) -> Sequence[str]:
    """A line for each of these rows, made once; `digest` stands for dataset and rows."""
    return [line(_data, int(row)) for row in _rows]


def tiles(
    data: Dataset, rows: Array, *, captions: Sequence[str] | None = None, size: int = 56
) -> None:
    """A grid of pictures of equal size, or of short cards for others; at most a few hundred rows."""
    notes = captions if captions is not None else [label(data, row) for row in rows]
    images = data.kind == "image"
    bodies = [_img(data.x[row], size) for row in rows] if images else _cards(data, rows)
    width = WIDE[data.kind] + (size if images else 0)
    cells = [_tile(body, note, width) for body, note in zip(bodies, notes, strict=True)]
    st.html(f'<div class="dg-tiles">{"".join(cells)}</div>')


def _tile(body: str, note: str, width: int) -> str:
    words = html.escape(note)
    caption = f'<figcaption title="{words}">{words}</figcaption>'
    return f'<figure class="dg-tile" style="width:{width}px">{body}{caption}</figure>'


def _img(record: Array, size: int) -> str:
    return f'<img src="{picture(record)}" width="{size}" height="{size}" alt="" loading="lazy">'


def _cards(data: Dataset, rows: Array) -> list[str]:
    if data.kind == "text":
        return [f'<p class="dg-snippet">{html.escape(s)}</p>' for s in snippets(data, rows)]
    return [_card(data.take(np.array([row])).iloc[0].to_dict()) for row in rows]


def _card(values: dict[str, Any]) -> str:
    first = list(values.items())[:3]
    return "".join(
        f"<small>{html.escape(str(name))}: {html.escape(cell(v))}</small>" for name, v in first
    )
