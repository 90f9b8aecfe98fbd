"""Attribution maps: one record's picture or table line, and what each part did for the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette, scale
from disgorge_core.types import Array


def heat(values: Array, limit: float, *, template: str, height: int = 240) -> go.Figure:
    """Attribution (height, width) of one picture; colours end at ±`limit`."""
    p = palette(template)
    figure = go.Figure(
        go.Heatmap(
            z=values, zmin=-limit, zmax=limit, colorscale=scale(p.diverging), showscale=False,
            hovertemplate="row %{y}, column %{x}: %{z:.4f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    return dressed(figure, template, height=height)


def bars(
    names: Sequence[str], values: Sequence[Array], *, template: str, most: int = 12
) -> go.Figure:
    """Attribution of a table line's columns, before and after, the largest on top."""
    p = palette(template)
    size = np.max([np.abs(v) for v in values], axis=0)
    order = np.argsort(size)[-most:]
    figure = go.Figure()
    parts = zip(values, ("before", "after"), (p.before, p.after), strict=False)
    for value, kind, colour in parts:
        figure.add_bar(
            x=value[order], y=[names[i] for i in order], orientation="h", name=kind,
            marker_color=colour, hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        )  # fmt: skip
    return dressed(figure, template, height=34 * len(order) + 70)
