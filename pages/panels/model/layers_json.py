"""Layer lists as a table to read and as JSON to copy or edit; residual blocks are lists within lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from disgorge_core.models.loading import layers_from_json
from disgorge_core.types import Layer, digest_of

BRANCHES = {"layers": "", "shortcut": "shortcut "}
FEW = 12  # rows that are shown without scrolling
INDENT = "\u2003\u2003"


def table(plain: Sequence[dict[str, Any]], key: str) -> None:
    """One row a layer, those of a block below it and set in."""
    rows = list(_rows(plain, 0, ""))
    frame = pd.DataFrame(rows, columns=["kind", "weights", "options"])
    frame.insert(0, "", range(1, len(frame) + 1))
    st.dataframe(
        frame, hide_index=True, key=key, height="content" if len(rows) <= FEW else 400,
        column_config={
            "": st.column_config.NumberColumn("", width=44),
            "kind": st.column_config.TextColumn("kind", width=190),
            "weights": st.column_config.TextColumn("weights", width=190),
            "options": st.column_config.TextColumn("options", width="large"),
        },
    )  # fmt: skip


def _rows(
    plain: Sequence[dict[str, Any]], depth: int, branch: str
) -> Iterator[tuple[str, str, str]]:
    for layer in plain:
        inside = {b: layer["options"].get(b, ()) for b in BRANCHES if layer["kind"] == "residual"}
        options = {k: v for k, v in layer["options"].items() if k not in inside}
        yield f"{INDENT * depth}{branch}{layer['kind']}", layer["name"], said(options)
        for name, layers in inside.items():
            yield from _rows(layers, depth + 1, BRANCHES[name])


def said(options: dict[str, Any]) -> str:
    """Options in one line."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


def text(plain: Sequence[dict[str, Any]]) -> str:
    """The list as JSON with one line a layer, as far as that goes."""
    return "[\n" + ",\n".join(_lines(plain, 1)) + "\n]"


def _lines(plain: Sequence[dict[str, Any]], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for layer in plain:
        if layer["kind"] != "residual":
            yield pad + json.dumps(_short(layer))
            continue
        head = json.dumps({"kind": "residual", "name": layer["name"]})[:-1]
        parts = [
            f"{pad}  {json.dumps(name)}: [\n"
            + ",\n".join(_lines(inside, depth + 2))
            + f"\n{pad}  ]"
            for name, inside in layer["options"].items()
        ]
        yield f'{pad}{head}, "options": {{\n' + ",\n".join(parts) + f"\n{pad}}}}}"


def _short(layer: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {key: value for key, value in layer.items() if value}


def copy(plain: Sequence[dict[str, Any]], key: str) -> None:
    """The JSON, folded away, to be copied."""
    with st.expander("The layer list of this model as JSON", key=f"{key}_json"):
        st.caption(
            "Copy it to begin a list of your own: beside the weights (model.pt with model.layers.json) or "
            "in the header of a safetensors file, under `layers`."
        )
        st.code(text(plain), language="json", height=320 if len(plain) > 8 else "content")


def edited(start: str, key: str) -> tuple[Layer, ...]:
    """The list as JSON in a box that can be changed; raises BadModel for what is no list."""
    content = st.text_area(
        "Layer list (JSON)", start, height=320, key=f"{key}_text_{digest_of(start)[:8]}",
        help="Kinds, names of the weights in the file, and options, from the first layer to the last.",
    )  # fmt: skip
    return layers_from_json(content)
