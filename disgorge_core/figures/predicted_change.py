"""Estimated change of the margin by class: mean with its interval, beside a line at no change."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette

ROW, FOOT = 26, 66


def predicted_change(table: pd.DataFrame, *, template: str, unit: str) -> go.Figure:
    """One line for each row of columns group, n, value, low, high; losses stand out."""
    p = palette(template)
    rows = list(range(len(table)))[::-1]
    inks = [p.forget if high < 0 else p.accent for high in table["high"]]
    figure = go.Figure(
        go.Scatter(
            x=table["value"], y=rows, mode="markers",
            marker={"color": inks, "size": 9},
            error_x={
                "type": "data", "symmetric": False, "array": table["high"] - table["value"],
                "arrayminus": table["value"] - table["low"], "color": p.muted, "thickness": 1.5,
                "width": 3,
            },
            customdata=table[["group", "n", "low", "high"]],
            hovertemplate="%{customdata[0]}: %{x:.3f} (%{customdata[2]:.3f} to %{customdata[3]:.3f}), "
            "%{customdata[1]:,} records<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": p.muted, "width": 1, "dash": "dot"})
    labels = [f"{row['group']}  <i>{row['n']:,}</i>" for row in table.to_dict("records")]
    figure.update_yaxes(
        tickvals=rows, ticktext=labels, range=[-0.6, len(rows) - 0.4], showgrid=False
    )
    figure.update_xaxes(title=unit, zeroline=False)
    figure = dressed(figure, template, height=ROW * max(2, len(rows)) + FOOT)
    return figure.update_layout(showlegend=False)
