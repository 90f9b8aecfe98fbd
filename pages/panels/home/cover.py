"""The picture on an example's card: its own records, those that are to go marked."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from disgorge_core.data.columns import column_of
from disgorge_core.figures.theme import LIGHT
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset

TILE, ACROSS, DOWN = 44, 12, 3
BARS = 5
MARKED, APART = 7, 5  # tiles that show records of the forget set, and from one to the next


@st.cache_data(show_spinner=False, max_entries=16)
def cover(name: str) -> str:
    """HTML of the picture of a worked example; made once."""
    example = EXAMPLES[name]()
    data = example.dataset()
    if data.kind != "image":
        return _bars(data, example.suggested(data)[0].mask(data))
    return _mosaic(data, example.suggested(data)[0].mask(data))


def _mosaic(data: Dataset, forget: Array) -> str:
    count, order = (
        ACROSS * DOWN,
        np.argsort(data.keys, kind="stable"),
    )  # mixed, and the same each time
    gone = order[forget[order]][:MARKED]
    rest = order[~forget[order]][: count - len(gone)]
    marks = np.arange(len(gone)) * APART % (count // 2)  # in the half that narrow cards show
    sheet = Image.new("RGB", (ACROSS * TILE, DOWN * TILE), "white")
    others = iter(rest)
    found = dict(zip(marks.tolist(), gone.tolist(), strict=True))
    for place in range(count):
        column, row = divmod(place, DOWN)
        record = data.x[found[place] if place in found else next(others)]
        _tile(sheet, record, column * TILE, row * TILE, place in found)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    source = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{source}" alt="Records of {html.escape(data.name)}">'


def _tile(sheet: Image.Image, record: Array, x: int, y: int, marked: bool) -> None:
    pixels = record[..., 0] if record.shape[-1] == 1 else record[..., :3]
    tile = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    sheet.paste(tile.resize((TILE - 4, TILE - 4), Image.Resampling.NEAREST), (x + 2, y + 2))
    if marked:
        frame = (x + 1, y + 1, x + TILE - 2, y + TILE - 2)
        ImageDraw.Draw(sheet).rectangle(frame, outline=LIGHT.forget, width=3)


def _bars(data: Dataset, forget: Array) -> str:
    """The owners or sources with most records, among them those that are to go."""
    column = data.roles.owner or data.roles.source
    values = column_of(data, column or "label").values.astype("string").fillna("(missing)")
    counts, gone = values.value_counts(), values[forget].value_counts()
    shown = list(dict.fromkeys([*gone.index[:2], *counts.index]))[:BARS]
    rows = "".join(
        f"<div><span>{html.escape(name)}</span>"
        f"<i style='width:{100 * counts[name] / counts[shown].max():.0f}%"
        f"{f';background:{LIGHT.forget}' if name in gone else ''}'></i></div>"
        for name in counts.index[counts.index.isin(shown)]
    )
    return f'<div class="dg-mini">{rows}</div>'
