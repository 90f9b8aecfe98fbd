"""Calibration: the share of right answers against the model's own confidence."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette


def calibration_curve(table: pd.DataFrame, *, template: str = "light") -> go.Figure:
    """Dots with intervals for the bins of `calibration.calibration`; the line is perfect agreement."""
    p = palette(template)
    figure = go.Figure(
        [
            go.Scatter(
                x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", showlegend=False,
                line={"color": p.muted, "dash": "dot", "width": 1.5},
            ),
            go.Scatter(
                x=table["confidence"], y=table["accuracy"], mode="lines+markers", showlegend=False,
                error_y={
                    "type": "data", "symmetric": False, "array": table["high"] - table["accuracy"],
                    "arrayminus": table["accuracy"] - table["low"], "color": p.muted, "width": 3,
                },
                marker={"color": p.accent, "size": 8}, line={"color": p.accent, "width": 1.5},
                customdata=table["n"],
                hovertemplate="%{customdata:,} records: %{x:.1%} sure, %{y:.1%} right<extra></extra>",
            ),
        ]
    )  # fmt: skip
    low = max(0.0, float(table["confidence"].min()) - 0.05)
    figure.update_xaxes(title="confidence", tickformat=".0%", range=[low, 1.02])
    bottom = max(0.0, min(low, float(table["low"].min()) - 0.05))
    figure.update_yaxes(title="right", tickformat=".0%", range=[bottom, 1.02])
    return dressed(figure, template, height=340)
