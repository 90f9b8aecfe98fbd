"""Predicted against true values: on the dotted line a prediction is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette
from disgorge_core.types import Array

MOST_POINTS = 2_000  # more records are drawn as squares that count them
SQUARES = 48


def predicted_values(true: Array, predicted: Array, *, template: str = "light") -> go.Figure:
    """A point for each record (n,), or squares that count them where there are many."""
    p = palette(template)
    both = np.concatenate([true, predicted])
    low, high = float(both.min()), float(both.max())
    line = go.Scatter(
        x=[low, high], y=[low, high], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": p.muted, "dash": "dot", "width": 1.5},
    )  # fmt: skip
    drawn = _squares if len(true) > MOST_POINTS else _points
    figure = go.Figure([drawn(true, predicted, p.accent), line])
    figure.update_xaxes(title="true", tickformat=".4~g")
    figure.update_yaxes(title="predicted", tickformat=".4~g")
    return dressed(figure, template, height=360)


def _points(true: Array, predicted: Array, colour: str) -> Any:
    return go.Scatter(
        x=true, y=predicted, mode="markers", showlegend=False,
        marker={"color": colour, "size": 6, "opacity": 0.6},
        hovertemplate="true %{x:.4g}, predicted %{y:.4g}<extra></extra>",
    )  # fmt: skip


def _squares(true: Array, predicted: Array, colour: str) -> Any:
    return go.Histogram2d(
        x=true, y=predicted, nbinsx=SQUARES, nbinsy=SQUARES, showscale=False,
        colorscale=[[0, "rgba(0,0,0,0)"], [1e-9, "rgba(0,0,0,0)"], [1, colour]],
        hovertemplate="%{z:,} records<extra></extra>",
    )  # fmt: skip
