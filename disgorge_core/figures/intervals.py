"""Values with their intervals, one line each."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette
from disgorge_core.types import Array

LINE = 26  # pixels


def intervals(
    names: Sequence[str],
    value: Array,
    low: Array,
    high: Array,
    *,
    counts: Sequence[int] = (),
    percent: bool = True,
    template: str = "light",
) -> go.Figure:
    """A dot for each value on a line from low to high."""
    p = palette(template)
    notes = [f"{name} ({n:,})" for name, n in zip(names, counts, strict=True)] if counts else names
    figure = go.Figure(
        go.Scatter(
            x=value, y=list(notes), mode="markers",
            error_x={
                "type": "data", "symmetric": False, "array": high - value,
                "arrayminus": value - low, "color": p.muted, "thickness": 1.6, "width": 4,
            },
            marker={"color": p.accent, "size": 10},
            hovertemplate="%{y}: %{x:.1%}<extra></extra>" if percent else "%{y}: %{x:.4g}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", tickfont={"color": p.text})
    if percent:
        figure.update_xaxes(tickformat=".0%")
    return dressed(figure, template, height=64 + LINE * max(2, len(names)))
