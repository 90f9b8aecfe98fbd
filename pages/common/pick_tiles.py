"""Records as tiles that can be clicked: pictures, or the first words of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from disgorge_core.types import Array, Dataset
from pages.common import charts, gallery
from pages.common.point_map import read_row
from pages.common.predictions import label_of

Line = tuple[str, str]  # text, and "good", "bad" or nothing

_ASSETS = Path(__file__).parents[2] / "assets"
_mount = st.components.v2.component(
    "pick_tiles",
    js=(_ASSETS / "tiles.js").read_text("utf-8"),
    css=(_ASSETS / "tiles.css").read_text("utf-8"),
)
FIRST_COLUMNS = 4  # of a table's row that stand on a tile
USUAL, NARROW = 48, 132  # pixels: a picture on a tile that is not small; a small tile of a text


def pick_tiles(
    key: str,
    data: Dataset,
    rows: Array,
    lines: Sequence[Sequence[Line]],
    on_pick: Callable[[int], None],
    *,
    chosen: Array | None = None,
    pressed: int | None = None,
    size: int = 56,
    wide: int = 0,
    opens: str = "",
) -> None:
    """Tiles of these rows with lines of text below; `chosen` (n,) get a dot, `pressed` a frame.

    `opens` is the key of the container that a click brings up, to be scrolled into sight.
    """
    sources = gallery.pictures(data, rows) if data.kind == "image" else [""] * len(rows)
    tiles = [
        {
            "row": int(row),
            "src": src,
            "words": "" if src else words_of(data, int(row)),
            "lines": [list(line) for line in text],
            "title": _title(data, int(row), text),
            "marked": chosen is not None and bool(chosen[row]),
            "pressed": pressed is not None and pressed == int(row),
        }
        for row, src, text in zip(rows, sources, lines, strict=True)
    ]
    sent = {
        "size": size,
        "wide": wide or _usual(data, size),
        "tiles": tiles,
        "opens": opens,
        "mark": charts.colours().forget,
    }
    _mount(key=key, data=sent, on_pick_change=partial(_pass_on, key, on_pick))


def _usual(data: Dataset, size: int) -> int:
    """How wide a tile is, in pixels: small ones of texts stand in narrow columns."""
    if data.kind == "image":
        return size + 34
    return NARROW if data.kind == "text" and size < USUAL else gallery.WIDE[data.kind]


def _title(data: Dataset, row: int, text: Sequence[Line]) -> str:
    said = dict.fromkeys([label_of(data, row), *(line[0] for line in text)])
    return f"{data.ids[row]}: {', '.join(said)}"


def words_of(data: Dataset, row: int) -> str:
    """The first values of a table's row, the first words of a text."""
    if data.kind == "text":
        return gallery.snippet(str(data.x.iloc[row, 0]))
    first = data.x.iloc[row].to_dict().items()
    return ", ".join(f"{name} {gallery.cell(value)}" for name, value in list(first)[:FIRST_COLUMNS])


def _pass_on(key: str, tell: Callable[[int], None]) -> None:
    message: Any = st.session_state[key].get("pick")
    row = read_row(message)
    if row is not None:
        tell(row)
