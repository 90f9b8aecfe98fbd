"""The figures that a run reports over time, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed

AXES = ("epoch", "step", "seconds")  # a figure with one of these names is the axis, not a line


def loss_curve(
    figures: Sequence[Mapping[str, float]], *, template: str = "light", height: int = 220
) -> go.Figure:
    """One line for each reported figure, against the epoch or step, else the number of the report."""
    axis = next((name for name in AXES if any(name in f for f in figures)), "")
    names = dict.fromkeys(n for f in figures for n in f if n not in AXES)
    figure = go.Figure([_line(figures, name, axis) for name in names])
    dressed(figure, template, height=height)
    figure.update_layout(
        xaxis_title=axis or "report", yaxis_title=next(iter(names), "") if len(names) == 1 else None,
        hovermode="x", margin={"t": 34},
    )  # fmt: skip
    return figure


def _line(figures: Sequence[Mapping[str, float]], name: str, axis: str) -> go.Scatter:
    points = [(f.get(axis, i), f[name]) for i, f in enumerate(figures) if name in f]
    x, y = zip(*points, strict=True)
    return go.Scatter(x=x, y=y, name=name, mode="lines" if len(x) > 1 else "markers")
