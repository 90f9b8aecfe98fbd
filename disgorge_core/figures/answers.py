"""Probabilities of each label before and after, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette
from disgorge_core.types import Array


def answers(names: Sequence[str], before: Array, after: Array, *, template: str) -> go.Figure:
    """Two bars a label: probability (classes,) before and after."""
    p = palette(template)
    figure = go.Figure()
    for values, kind, colour in ((before, "before", p.before), (after, "after", p.after)):
        figure.add_bar(
            x=values, y=list(names), orientation="h", name=kind, marker_color=colour,
            hovertemplate="%{y}: %{x:.1%}<extra>" + kind + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1.03], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(bargap=0.3, bargroupgap=0.08)
    return dressed(figure, template, height=32 * len(names) + 70)
