"""Scores before and after with their intervals, beside the range of the references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import SMALL, dressed, palette

ROW, FOOT = 46, 74
HALF = 0.3  # of the height over which the dots of references are laid out
OFFSET = 0.14  # between the marks of before and after in one row


def spread(
    table: pd.DataFrame,
    name: str,
    *,
    template: str,
    percent: bool = True,
    each: Sequence[Sequence[float]] = (),
) -> go.Figure:
    """One line for each row of a comparison table; `name` is the column that names the rows.

    `each` are the scores of the single references, row by row: a dot for each where they are given.
    """
    p = palette(template)
    rows = list(range(len(table)))[::-1]
    figure = go.Figure()
    if (table["references"] > 0).any():
        figure.add_trace(_range(table, rows, p.reference))
        figure.add_trace(_medians(table, rows, p.reference))
        if len(each):
            figure.add_trace(_singles(each, rows, p.reference))
    figure.add_trace(_marks(table, "before", rows, OFFSET, p.before, "diamond"))
    figure.add_trace(_marks(table, "after", rows, -OFFSET, p.after, "circle"))
    labels = [f"{row[name]} ({row['n']:,})" for row in table.to_dict("records")]
    figure.update_yaxes(
        tickvals=rows, ticktext=labels, range=[-0.6, len(rows) - 0.4], showgrid=False
    )
    figure.update_xaxes(tickformat=".0%" if percent else ".4~g", zeroline=False)
    return dressed(figure, template, height=ROW * len(rows) + FOOT)


def _range(table: pd.DataFrame, rows: list[int], colour: str) -> go.Bar:
    low, high = table["reference_low"], table["reference_high"]
    return go.Bar(
        x=high - low, base=low, y=rows, orientation="h", width=0.62, name="references (range)",
        marker={"color": colour, "opacity": 0.35, "line": {"color": colour, "width": 1}},
        customdata=table[["reference", "reference_low", "reference_high", "references"]],
        hovertemplate="%{customdata[3]} references: median %{customdata[0]:.3f}, "
        "%{customdata[1]:.3f} to %{customdata[2]:.3f}<extra></extra>",
    )  # fmt: skip


def _medians(table: pd.DataFrame, rows: list[int], colour: str) -> go.Scatter:
    """A tick at the references' median, so that a range of no width is seen too."""
    return go.Scatter(
        x=table["reference"], y=rows, mode="markers", showlegend=False, hoverinfo="skip",
        marker={"symbol": "line-ns", "size": 26, "line": {"color": colour, "width": 2}},
    )  # fmt: skip


def _singles(each: Sequence[Sequence[float]], rows: list[int], colour: str) -> go.Scatter:
    """Dots one below the other in the order of training, so that equal ones are seen as several."""
    x = [value for values in each for value in values]
    y = [
        row + HALF * (1 - 2 * (k + 0.5) / len(values))
        for row, values in zip(rows, each, strict=True)
        for k in range(len(values))
    ]
    return go.Scatter(
        x=x, y=y, mode="markers", name="each reference", hoverinfo="skip", cliponaxis=False,
        marker={"color": colour, "size": 4},
    )  # fmt: skip


def _marks(
    table: pd.DataFrame, kind: str, rows: list[int], offset: float, colour: str, symbol: str
) -> go.Scatter:
    value, low, high = table[kind], table[f"{kind}_low"], table[f"{kind}_high"]
    bars: dict[str, Any] = {
        "type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low,
        "color": colour, "thickness": 1.6, "width": 3,
    }  # fmt: skip
    return go.Scatter(
        x=value, y=[row + offset for row in rows], mode="markers", name=kind, error_x=bars,
        marker={"color": colour, "size": 9, "symbol": symbol},
        customdata=pd.DataFrame({"low": low, "high": high}),
        hovertemplate=f"{kind} %{{x:.3f}} [%{{customdata[0]:.3f}}, %{{customdata[1]:.3f}}]<extra></extra>",
    )  # fmt: skip


def distances(table: pd.DataFrame, *, template: str) -> go.Figure:
    """Distance of the answers to the references before and after, with the references' own as floor."""
    p = palette(template)
    rows = list(range(len(table)))[::-1]
    figure = go.Figure()
    colours = {"floor": p.reference, "before": p.before, "after": p.after}
    names = {"floor": "references among themselves", "before": "before", "after": "after"}
    for kind, offset in (("floor", 0.24), ("before", 0.0), ("after", -0.24)):
        symbol = {"floor": "line-ns", "before": "diamond", "after": "circle"}[kind]
        trace = _marks(table, kind, rows, offset, colours[kind], symbol)
        trace.name, trace.cliponaxis = names[kind], False  # a mark at 0 is drawn whole
        trace.marker.line = {"color": colours[kind], "width": 2}
        figure.add_trace(trace)
    labels = [f"{row['set']} ({row['n']:,})" for row in table.to_dict("records")]
    figure.update_yaxes(
        tickvals=rows, ticktext=labels, range=[-0.6, len(rows) - 0.4], showgrid=False
    )
    figure.update_xaxes(rangemode="tozero", nticks=8, **SMALL)
    return dressed(figure, template, height=ROW * len(rows) + FOOT)
