"""The taxonomy as a map: a line for each method, a band for each tier, a column for each timing.

Within its column a mark stands left if the method is cheap and right if it costs a full training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from disgorge_core.figures.theme import Palette, dressed, palette
from disgorge_core.types import Family, Tier, Timing

TIMINGS = tuple(Timing)
TIERS = tuple(Tier)  # strongest first
FAMILIES = tuple(Family)
CHEAPEST = 0.001  # of a full training: the left edge of a column
LINE = 27  # pixels


@dataclass(frozen=True)
class Mark:
    """One method: its registered name, what it is, and its cost as a share of a full training."""

    name: str
    title: str
    family: Family
    timing: Timing
    tier: Tier
    cost: float


def taxonomy_map(marks: Sequence[Mark], *, chosen: str = "", template: str = "light") -> go.Figure:
    """The map, strongest tier on top; each mark carries its method's name as `customdata`."""
    p = palette(template)
    lines = sorted(marks, key=lambda m: (TIERS.index(m.tier), TIMINGS.index(m.timing), m.cost))
    figure = go.Figure([_family(f, lines, chosen, p) for f in _families(lines)])
    _columns(figure, p)
    _bands(figure, lines, p)
    titles = [f"<b>{m.title}</b>" if m.name == chosen else m.title for m in lines]
    figure.update_yaxes(
        range=[len(lines) - 0.5, -0.5], tickvals=list(range(len(lines))), ticktext=titles,
        tickfont={"color": p.text, "size": 12}, showgrid=False, zeroline=False, fixedrange=True,
    )  # fmt: skip
    dressed(figure, template, height=84 + LINE * len(lines))
    figure.update_layout(margin={"r": 84, "t": 30}, showlegend=False)
    return figure


def place(mark: Mark) -> float:
    """Horizontal position: the timing's column plus 0.1..0.9 by the cost's logarithm."""
    share = math.log(max(mark.cost, CHEAPEST) / CHEAPEST) / math.log(1 / CHEAPEST)
    return TIMINGS.index(mark.timing) + 0.1 + 0.8 * min(1.0, share)


def _families(marks: Sequence[Mark]) -> list[Family]:
    present = {mark.family for mark in marks}
    return [family for family in FAMILIES if family in present]


def colours(marks: Sequence[Mark], template: str = "light") -> dict[Family, str]:
    """The colour of each family that has a mark: the map's legend."""
    p = palette(template)
    return {family: p.categorical[FAMILIES.index(family)] for family in _families(marks)}


def _family(family: Family, lines: Sequence[Mark], chosen: str, p: Palette) -> go.Scatter:
    own = [(mark, line) for line, mark in enumerate(lines) if mark.family == family]
    sizes = [18 if mark.name == chosen else 12 for mark, _ in own]
    return go.Scatter(
        x=[place(mark) for mark, _ in own], y=[line for _, line in own], name=family.value,
        mode="markers", customdata=[[mark.name] for mark, _ in own],
        hovertext=[_hover(mark) for mark, _ in own], hoverinfo="text",
        marker={"color": p.categorical[FAMILIES.index(family)], "size": sizes, "opacity": 1},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def _hover(mark: Mark) -> str:
    cost = "no training" if mark.cost <= CHEAPEST else f"about {mark.cost:.2g} of a full training"
    return f"<b>{mark.title}</b><br>{mark.family}, {mark.timing}<br>{mark.tier}<br>{cost}"


def _columns(figure: go.Figure, p: Palette) -> None:
    for edge in range(1, len(TIMINGS)):
        figure.add_vline(edge, line={"color": p.line, "width": 1})
    for i, timing in enumerate(TIMINGS):
        figure.add_annotation(
            x=i + 0.5, y=1, yref="paper", yanchor="bottom", text=f"<b>{timing.value}</b>",
            showarrow=False,
        )  # fmt: skip
    figure.update_xaxes(
        range=[0, len(TIMINGS)], showgrid=False, zeroline=False, fixedrange=True, tickangle=0,
        tickvals=[i + s for i in range(len(TIMINGS)) for s in (0.12, 0.86)],
        ticktext=["free", "full"] * len(TIMINGS),
    )  # fmt: skip


def _bands(figure: go.Figure, lines: Sequence[Mark], p: Palette) -> None:
    for tier in TIERS:
        own = [line for line, mark in enumerate(lines) if mark.tier == tier]
        if own:
            _band(figure, tier, own[0] - 0.5, own[-1] + 0.5, p)


def _band(figure: go.Figure, tier: Tier, top: float, bottom: float, p: Palette) -> None:
    figure.add_hrect(
        y0=top, y1=bottom, fillcolor=p.tiers[tier], opacity=0.09, line_width=0, layer="below"
    )
    figure.add_hline(bottom, line={"color": p.ground, "width": 3}, layer="below")
    figure.add_annotation(
        x=1.01, xref="paper", xanchor="left", y=(top + bottom) / 2, text=f"<b>{tier.value}</b>",
        showarrow=False, font={"color": p.tiers[tier]},
    )  # fmt: skip
