"""Counts and shares as horizontal bars, the largest on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette
from disgorge_core.types import Array

OTHERS = "others"
BAR = 24  # pixels


def top_counts(values: Any, most: int = 20) -> list[tuple[str, int]]:
    """The most common values with their counts; all others together stand last as "others (n)"."""
    counts = pd.Series(values).astype("string").fillna("(missing)").value_counts()
    counts = counts[counts > 0]
    shown = [(str(name), int(count)) for name, count in counts.iloc[:most].items()]
    rest = counts.iloc[most:]
    if len(rest):
        shown.append((f"{OTHERS} ({len(rest)})", int(rest.sum())))
    return shown


def bars(counts: Sequence[tuple[str, int]], *, template: str = "light") -> go.Figure:
    """One bar a value, with its count beside it; "others" is grey."""
    p = palette(template)
    names = [name for name, _ in counts]
    colours = [p.muted if name.startswith(f"{OTHERS} (") else p.accent for name in names]
    figure = go.Figure(
        go.Bar(
            x=[count for _, count in counts], y=names, orientation="h", marker_color=colours,
            text=[f"{count:,}" for _, count in counts], textposition="outside", cliponaxis=False,
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, showticklabels=False)
    figure.update_yaxes(autorange="reversed", type="category", tickfont={"color": p.text})
    dressed(figure, template, height=40 + BAR * max(2, len(names)))
    figure.update_layout(margin={"r": 56})
    return figure


def histogram(values: Array, *, name: str, template: str = "light") -> go.Figure:
    """How often each range of a number occurs."""
    p = palette(template)
    figure = go.Figure(go.Histogram(x=values, nbinsx=40, marker_color=p.accent))
    figure.update_layout(xaxis_title=name, yaxis_title="records", bargap=0.04)
    return dressed(figure, template, height=260)
