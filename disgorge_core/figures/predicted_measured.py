"""Predicted against measured change of each record: on the dotted line the size was right, too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette

MOST = 1_500  # points drawn of each set, evenly spaced


def predicted_measured(
    table: pd.DataFrame, *, forget: str, test: str, unit: str, template: str = "light"
) -> go.Figure:
    """A point for each row of columns set, id, predicted, measured.

    `forget` names the set to remove and `test` the test records, which have colours of their own.
    """
    p = palette(template)
    inks = {test: p.accent, forget: p.forget}
    figure = go.Figure()
    others = [name for name in dict.fromkeys(table["set"]) if name not in inks]
    for name in [*others, *(name for name in inks if (table["set"] == name).any())]:
        figure.add_trace(_points(name, table[table["set"] == name], inks.get(name, p.before)))
    low, high = _shared(table)
    figure.add_shape(
        type="line", x0=low, y0=low, x1=high, y1=high, layer="below",
        line={"color": p.muted, "dash": "dot", "width": 1.5},
    )  # fmt: skip
    figure.update_xaxes(title=f"predicted {unit}", zeroline=True)
    figure.update_yaxes(title=f"measured {unit}", zeroline=True)
    return dressed(figure, template, height=400)


def drawn(table: pd.DataFrame) -> pd.DataFrame:
    """At most `MOST` rows of each set, evenly spaced."""
    parts = [own.iloc[_places(len(own))] for _, own in table.groupby("set", sort=False)]
    return pd.concat(parts)


def _places(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, MOST)).astype(np.int64))


def _points(name: str, own: pd.DataFrame, ink: str) -> go.Scatter:
    return go.Scatter(
        x=own["predicted"], y=own["measured"], mode="markers", name=name, text=own["id"],
        marker={"color": ink, "size": 6, "opacity": 0.55},
        hovertemplate="<b>%{text}</b><br>predicted %{x:+.3g}<br>measured %{y:+.3g}<extra></extra>",
    )  # fmt: skip


def _shared(table: pd.DataFrame) -> tuple[float, float]:
    """The range that both axes have."""
    both = table[["predicted", "measured"]]
    return float(both.min().max()), float(both.max().min())
