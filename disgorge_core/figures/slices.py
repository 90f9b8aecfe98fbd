"""Slices of the data: the share of answers that changed, beside models that never saw the records."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import Palette, dressed, palette

ROW, FOOT = 30, 84
LONGEST = 34  # letters of a name on the axis


def slices(table: pd.DataFrame, *, template: str = "light") -> go.Figure:
    """One line for each row: name, records, after with after_low and after_high, references, and placebo.

    Shares of the records of the slice; the placebo column may be missing, `odd` marks what is beyond chance.
    """
    p = palette(template)
    rows = list(range(len(table)))[::-1]
    figure = go.Figure()
    figure.add_trace(_plain(table, "references", "references (mean)", rows, _tick(p)))
    if "placebo" in table:
        hollow = {"symbol": "circle-open", "size": 9, "line": {"color": p.muted, "width": 1.6}}
        figure.add_trace(_plain(table, "placebo", "placebo", rows, {**hollow, "color": p.muted}))
    figure.add_trace(_after(table, rows, p))
    names = [_named(row) for row in table.to_dict("records")]
    figure.update_yaxes(
        tickvals=rows, ticktext=names, range=[-0.6, len(rows) - 0.4], showgrid=False
    )
    figure.update_xaxes(
        tickformat=".3~%", rangemode="tozero", title="answers that differ from those before"
    )
    return dressed(figure, template, height=ROW * len(rows) + FOOT)


def _named(row: dict[Any, Any]) -> str:
    name = str(row["name"])
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    text = f"{short} ({row['records']:,})".replace("<", "&lt;")
    return f"<b>{text}</b>" if row["odd"] else text


def _tick(p: Palette) -> dict[str, Any]:
    return {"symbol": "line-ns", "size": 18, "line": {"color": p.reference, "width": 3}}


def _plain(
    table: pd.DataFrame, column: str, name: str, rows: list[int], marker: dict[str, Any]
) -> go.Scatter:
    return go.Scatter(
        x=table[column], y=rows, mode="markers", name=name, marker=marker, cliponaxis=False,
        hovertemplate=f"{name} %{{x:.2%}}<extra></extra>",
    )  # fmt: skip


def _after(table: pd.DataFrame, rows: list[int], p: Palette) -> go.Scatter:
    value = table["after"]
    bars = {
        "type": "data", "symmetric": False, "array": table["after_high"] - value,
        "arrayminus": value - table["after_low"], "color": p.after, "thickness": 1.6, "width": 3,
    }  # fmt: skip
    return go.Scatter(
        x=value, y=rows, mode="markers", name="after", error_x=bars, cliponaxis=False,
        marker={"color": p.after, "size": 9}, customdata=table[["after_low", "after_high"]],
        hovertemplate="after %{x:.2%} [%{customdata[0]:.2%}, %{customdata[1]:.2%}]<extra></extra>",
    )  # fmt: skip
