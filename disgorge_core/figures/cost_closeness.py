"""Methods side by side: what each cost, and how near it came to models that never saw the records."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.theme import Palette, dressed, palette
from disgorge_core.types import Tier

CHEAPEST = 0.001  # of a full retrain: the left edge, where everything without training stands
TICKS = (0.001, 0.01, 0.1, 1.0, 10.0)
NAMES = ("none", "1 %", "10 %", "100 %", "1000 %")


def cost_closeness(table: pd.DataFrame, *, chosen: str = "", template: str = "light") -> go.Figure:
    """One mark for each row: `cost` against `after`, from `after_low` to `after_high`.

    Columns: run, method, tier, seed, cost, seconds, and before, after and floor with _low and _high,
    as `comparison.closeness` gives them. A mark carries its run's id as `customdata`.
    """
    p = palette(template)
    figure = go.Figure()
    _levels(figure, table, p)
    for tier in Tier:
        own = table[table["tier"] == tier.value]
        if len(own):
            figure.add_trace(_marks(own, tier, chosen, p))
    _names(figure, table, p)
    right = math.log10(max(1.0, float(table["cost"].max()))) + 0.2
    figure.update_xaxes(
        type="log", range=[-3.15, right], tickvals=TICKS, ticktext=NAMES,
        title="cost, as a share of a full retrain",
    )  # fmt: skip
    top = float(table[["after_high", "before_high", "floor_high"]].to_numpy().max())
    figure.update_yaxes(range=[0, 1.12 * top], title="distance to the references", tickformat=".2g")
    return dressed(figure, template, height=420)


def _levels(figure: go.Figure, table: pd.DataFrame, p: Palette) -> None:
    """The references' own distances as a band, the original model's as a line."""
    floor = table.iloc[0]
    figure.add_hrect(
        y0=floor["floor_low"], y1=floor["floor_high"], fillcolor=p.reference, opacity=0.25, line_width=0,
        layer="below",
    )  # fmt: skip
    figure.add_hline(floor["floor"], line={"color": p.reference, "width": 1.5})
    figure.add_hline(floor["before"], line={"color": p.before, "width": 1.5, "dash": "dash"})
    for level, text, colour in (
        (floor["floor_high"], "references among themselves", p.reference),
        (floor["before"], "the model before", p.before),
    ):
        figure.add_annotation(
            x=0, xref="paper", y=level, xanchor="left", yanchor="bottom", text=text, showarrow=False,
            font={"color": colour, "size": 12},
        )  # fmt: skip


def _marks(own: pd.DataFrame, tier: Tier, chosen: str, p: Palette) -> go.Scatter:
    return go.Scatter(
        x=own["cost"].clip(lower=CHEAPEST), y=own["after"], mode="markers", name=tier.value,
        customdata=own[["run", "method", "seed", "cost", "seconds", "after_low", "after_high"]],
        error_y={
            "type": "data", "symmetric": False, "array": own["after_high"] - own["after"],
            "arrayminus": own["after"] - own["after_low"], "color": p.tiers[tier], "thickness": 1.6,
            "width": 4,
        },
        marker={
            "color": p.tiers[tier], "size": [17 if run == chosen else 12 for run in own["run"]],
            "line": {"color": p.ground, "width": 1}, "opacity": 1,
        },
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="<b>%{customdata[1]}</b>, seed %{customdata[2]}<br>distance %{y:.3g} "
        "(%{customdata[5]:.3g} to %{customdata[6]:.3g})<br>%{customdata[3]:.1%} of a retrain, "
        "%{customdata[4]:.1f} s<extra></extra>",
    )  # fmt: skip


def _names(figure: go.Figure, table: pd.DataFrame, p: Palette) -> None:
    """Each method's name once, at the ends of its first mark's line, above and below in turns."""
    first = table.drop_duplicates("method").sort_values("cost")
    for place, row in enumerate(first.to_dict("records")):
        above = place % 2 == 0
        figure.add_annotation(
            x=math.log10(max(row["cost"], CHEAPEST)), y=row["after_high" if above else "after_low"],
            text=row["method"], xanchor=_side(row["cost"]), yanchor="bottom" if above else "top",
            yshift=6 if above else -6, showarrow=False, bgcolor=p.ground, opacity=0.9, borderpad=1,
            font={"color": p.text, "size": 12},
        )  # fmt: skip


def _side(cost: float) -> str:
    """Names at the edges grow inwards."""
    if cost <= 3 * CHEAPEST:
        return "left"
    return "right" if cost >= 0.3 else "center"
