"""Methods side by side: what each cost, and how near it came to models that never saw the records."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from disgorge_core.figures.labels import Box, placed
from disgorge_core.figures.theme import SMALL, Palette, dressed, palette
from disgorge_core.types import Tier

CHEAPEST = 0.001  # of a full retrain: the left edge, where everything without training stands
LEFT = -3.15  # of the axis, a power of ten
PLOT, MARK = Box(0, 0, 920, 320), 8.0  # pixels: the plot on an ordinary screen, half a mark
TICKS = (0.001, 0.01, 0.1, 1.0, 10.0)
NAMES = ("none", "1 %", "10 %", "100 %", "1000 %")


def cost_closeness(table: pd.DataFrame, *, chosen: str = "", template: str = "light") -> go.Figure:
    """One mark for each row: `cost` against `after`, from `after_low` to `after_high`.

    Columns: run, method, tier, seed, cost, seconds, and before, after and floor with _low and _high,
    as `comparison.closeness` or an audit gives them, `interval` that says which, whether the distance was
    `audited`, and the audit's verdict. A mark carries its run's id as `customdata`.
    """
    p = palette(template)
    figure = go.Figure()
    _levels(figure, table, p)
    for tier in Tier:
        own = table[table["tier"] == tier.value]
        if len(own):
            figure.add_trace(_marks(own, tier, chosen, p))
    right = math.log10(max(1.0, float(table["cost"].max()))) + 0.2
    figure.update_xaxes(
        type="log", range=[LEFT, right], tickvals=TICKS, ticktext=NAMES,
        title="cost, as a share of a full retrain",
    )  # fmt: skip
    top = 1.15 * float(table[["after_high", "before_high", "floor_high"]].to_numpy().max())
    _names(figure, table, right, top, p)
    figure.update_yaxes(
        range=[0, top], title={"text": "distance to the references", "standoff": 12}, **SMALL
    )
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
        customdata=own[["run", "method", "seed", "cost", "seconds", "after_low", "after_high", "verdict",
                        "interval"]],
        error_y={
            "type": "data", "symmetric": False, "array": own["after_high"] - own["after"],
            "arrayminus": own["after"] - own["after_low"], "color": p.tiers[tier], "thickness": 1.6,
            "width": 4,
        },
        marker={
            "color": p.tiers[tier], "size": [17 if run == chosen else 12 for run in own["run"]],
            "line": {"color": [p.ground if done else p.tiers[tier] for done in own["audited"]], "width": 2},
            "opacity": 1, "symbol": ["circle" if done else "circle-open" for done in own["audited"]],
        },
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="<b>%{customdata[1]}</b>, seed %{customdata[2]}<br>distance %{y:.3g} "
        "(%{customdata[5]:.3g} to %{customdata[6]:.3g}: %{customdata[8]})<br>"
        "%{customdata[3]:.1%} of a retrain, %{customdata[4]:.1f} s<br>audit: %{customdata[7]}<extra></extra>",
    )  # fmt: skip


def _names(figure: go.Figure, table: pd.DataFrame, right: float, top: float, p: Palette) -> None:
    """Each method's name once, near its first mark; where there is no room the hover names it."""
    rows = table.drop_duplicates("method").sort_values("cost").to_dict("records")
    x = [math.log10(max(row["cost"], CHEAPEST)) for row in rows]
    across = [(value - LEFT) / (right - LEFT) * PLOT.right for value in x]
    ends = [
        (row["after_low"] / top * PLOT.high, row["after_high"] / top * PLOT.high) for row in rows
    ]
    marks = [
        Box(place - MARK, min(low, high - MARK), place + MARK, max(high, low + MARK))
        for place, (low, high) in zip(across, ends, strict=True)
    ]
    boxes = placed(marks, [row["method"] for row in rows], PLOT)
    for row, value, place, box in zip(rows, x, across, boxes, strict=True):
        if box is not None:
            figure.add_annotation(
                x=value, y=row["after"], text=row["method"], showarrow=False,
                xshift=(box.left + box.right) / 2 - place,
                yshift=(box.low + box.high) / 2 - row["after"] / top * PLOT.high,
                bgcolor=p.ground, opacity=0.9, borderpad=0, font={"color": p.text, "size": 12},
            )  # fmt: skip
