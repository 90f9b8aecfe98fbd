"""The taxonomy as a map: a column for each timing, a band for each tier, cost from left to right.

Within its column a mark stands left if the method is cheap and right if it costs a full training.
Every method has a line of its own, so that no two labels meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import plotly.graph_objects as go

from disgorge_core.figures.theme import Palette, dressed, palette
from disgorge_core.types import Family, Tier, Timing

TIMINGS = tuple(Timing)
TIERS = tuple(Tier)  # strongest first
FAMILIES = tuple(Family)
CHEAPEST = 0.001  # of a full training: the left edge of a column
LINE = 26  # pixels


@dataclass(frozen=True)
class Mark:
    """One method: its registered name, what it is, and its cost as a share of a full training."""

    name: str
    title: str
    family: Family
    timing: Timing
    tier: Tier
    cost: float
    applies: bool = True


def taxonomy_map(marks: Sequence[Mark], *, chosen: str = "", template: str = "light") -> go.Figure:
    """The map; each mark carries its method's name as `customdata`."""
    p = palette(template)
    lines = _lines(marks)
    figure = go.Figure([_family(f, lines, chosen, p) for f in FAMILIES if _of(lines, f)])
    tiers = [t for t in TIERS if any(m.tier == t for m in marks)]
    bounds = _bounds(lines, tiers)
    _columns(figure, p, bounds[-1])
    _bands(figure, tiers, bounds, p)
    return dressed(figure, template, height=90 + LINE * (bounds[-1] + 1))


def place(mark: Mark) -> float:
    """Horizontal position: the timing's column plus 0.08..0.92 by the cost's logarithm."""
    share = math.log(max(mark.cost, CHEAPEST) / CHEAPEST) / math.log(1 / CHEAPEST)
    return TIMINGS.index(mark.timing) + 0.08 + 0.84 * min(1.0, share)


def _lines(marks: Sequence[Mark]) -> list[tuple[Mark, int]]:
    """Each mark with its line, counted from the top; columns share the lines of a tier."""
    placed: list[tuple[Mark, int]] = []
    top = 0
    for tier in TIERS:
        cells = [[m for m in marks if (m.tier, m.timing) == (tier, t)] for t in TIMINGS]
        for cell in cells:
            ordered = sorted(cell, key=lambda m: (m.cost, m.name))
            placed += [(mark, top + i) for i, mark in enumerate(ordered)]
        top += max(map(len, cells))
    return placed


def _of(lines: list[tuple[Mark, int]], family: Family) -> list[tuple[Mark, int]]:
    return [(mark, line) for mark, line in lines if mark.family == family]


def _bounds(lines: list[tuple[Mark, int]], tiers: Sequence[Tier]) -> list[int]:
    """First line of each shown tier, and the end of the last."""
    starts = [min(line for mark, line in lines if mark.tier == tier) for tier in tiers]
    return [*starts, 1 + max((line for _, line in lines), default=0)]


def _family(family: Family, lines: list[tuple[Mark, int]], chosen: str, p: Palette) -> go.Scatter:
    own = _of(lines, family)
    colour = p.categorical[FAMILIES.index(family)]
    x = [place(mark) for mark, _ in own]
    return go.Scatter(
        x=x, y=[line for _, line in own], name=family.value, mode="markers+text",
        customdata=[[mark.name] for mark, _ in own],
        text=[f"<b>{m.title}</b>" if m.name == chosen else m.title for m, _ in own],
        textposition=["middle right" if v % 1 < 0.5 else "middle left" for v in x],
        textfont={"color": [p.text if m.applies else p.muted for m, _ in own]},
        hovertext=[_hover(mark) for mark, _ in own], hoverinfo="text",
        marker={
            "color": [colour if m.applies else p.ground for m, _ in own],
            "size": [17 if m.name == chosen else 12 for m, _ in own],
            "line": {"color": colour, "width": 2},
        },
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def _hover(mark: Mark) -> str:
    cost = "no training" if mark.cost <= CHEAPEST else f"about {mark.cost:.2g} of a full training"
    return f"{mark.title}<br>{mark.family}, {mark.timing}<br>{mark.tier}<br>{cost}"


def _columns(figure: go.Figure, p: Palette, height: int) -> None:
    for edge in range(1, len(TIMINGS)):
        figure.add_vline(edge, line={"color": p.line, "width": 1})
    for i, timing in enumerate(TIMINGS):
        figure.add_annotation(
            x=i + 0.5, y=-1.1, text=f"<b>{timing.value}</b>", showarrow=False,
            font={"color": p.text},
        )  # fmt: skip
    figure.update_xaxes(
        range=[0, len(TIMINGS)], showgrid=False, zeroline=False, fixedrange=True,
        tickvals=[i + s for i in range(len(TIMINGS)) for s in (0.1, 0.9)],
        ticktext=["cheap", "full training"] * len(TIMINGS),
    )  # fmt: skip
    figure.update_yaxes(range=[height - 0.4, -1.6], fixedrange=True)


def _bands(figure: go.Figure, tiers: Sequence[Tier], bounds: Sequence[int], p: Palette) -> None:
    for i, tier in enumerate(tiers):
        figure.add_hrect(
            y0=bounds[i] - 0.5, y1=bounds[i + 1] - 0.5, fillcolor=p.tiers[tier],
            opacity=0.07 if i % 2 == 0 else 0.03, line_width=0, layer="below",
        )  # fmt: skip
    middles = [(a + b - 1) / 2 for a, b in pairwise(bounds)]
    figure.update_yaxes(
        tickvals=middles, ticktext=[f"<b>{tier.value}</b>" for tier in tiers],
        showgrid=False, zeroline=False,
    )  # fmt: skip
