"""The colours and the plain dress of every chart, for light and dark grounds.

A figure function takes `template` ("light" or "dark"), reads its colours from `palette(template)` and
ends with `dressed(figure, template)`. One meaning keeps one colour: before, after, reference, forget.
"""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from disgorge_core.types import Tier

MODES = ("light", "dark")
SMALL = {"exponentformat": "e", "minexponent": 4}  # an axis on which 0.2 and 2e-07 both occur
FONT = '"Source Sans", "Source Sans 3", "Segoe UI", system-ui, sans-serif'


@dataclass(frozen=True)
class Palette:
    """Colours as #rrggbb for one ground; `sequential` and `diverging` run from low to high."""

    ground: str
    raised: str  # cards, headers
    text: str
    muted: str
    line: str
    accent: str
    before: str
    after: str
    reference: str
    forget: str
    categorical: tuple[str, ...]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]
    tiers: dict[Tier, str]


LIGHT = Palette(
    ground="#ffffff", raised="#f4f7f7", text="#1b2a31", muted="#5c6b73", line="#dbe3e5",
    accent="#0d6b74", before="#74828a", after="#0d6b74", reference="#b8952a", forget="#b0426d",
    categorical=(
        "#0d6b74", "#d0782a", "#4a69bd", "#b0426d", "#4f8f3a",
        "#8259b5", "#b8952a", "#3d97bb", "#8b6a4c", "#74828a",
    ),
    sequential=(
        "#eef6f6", "#d6eaea", "#b6d9da", "#92c5c8", "#6dafb3",
        "#4a989e", "#2a8089", "#0d6b74", "#07525a", "#033a40",
    ),
    diverging=(
        "#9c4a10", "#c06a28", "#d99257", "#ecbd95", "#f6e3d4",
        "#d9ebec", "#a6cfd2", "#66abb1", "#2a8089", "#07525a",
    ),
    tiers={
        Tier.DELETED: "#4d5b63", Tier.REBUILT: "#2c7a3f", Tier.ISOLATED: "#0d6b74",
        Tier.CERTIFIED: "#6a44a8", Tier.EMPIRICAL: "#a05a06", Tier.SUPPRESSED: "#b3363f",
    },
)  # fmt: skip

DARK = Palette(
    ground="#11181c", raised="#1a2328", text="#e3eaec", muted="#9fadb4", line="#2b383e",
    accent="#45b5b5", before="#9aa8b0", after="#45b5b5", reference="#e0c260", forget="#e284a8",
    categorical=(
        "#45b5b5", "#eda35a", "#8aa5ee", "#e284a8", "#8cc878",
        "#b99ae6", "#e0c260", "#72c3e6", "#c4a180", "#9aa8b0",
    ),
    sequential=(
        "#16262b", "#17353b", "#18464d", "#1a5961", "#1e6d76",
        "#27838b", "#389aa0", "#56b1b4", "#80c8c8", "#b3dfdd",
    ),
    diverging=(
        "#f0b27a", "#d8925a", "#b37240", "#83532f", "#4c3a2c",
        "#20383c", "#1b5259", "#23737b", "#3f9ba0", "#7fc9c9",
    ),
    tiers={
        Tier.DELETED: "#a9b6bd", Tier.REBUILT: "#7fcf92", Tier.ISOLATED: "#5cc4c4",
        Tier.CERTIFIED: "#bda2f0", Tier.EMPIRICAL: "#eeb062", Tier.SUPPRESSED: "#f29098",
    },
)  # fmt: skip


def palette(template: str) -> Palette:
    """The colours for a "light" or "dark" ground."""
    return DARK if template == "dark" else LIGHT


def scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """A plotly colour scale from low to high."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def dressed(figure: go.Figure, template: str, *, height: int = 320) -> go.Figure:
    """The figure with quiet axes, our fonts and colours, small margins and no background."""
    p = palette(template)
    figure.update_layout(
        template=_template(p),
        height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        hoverlabel={"bgcolor": p.raised, "bordercolor": p.line, "font": {"color": p.text}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None},
        modebar={"remove": ["logo"], "bgcolor": "rgba(0,0,0,0)", "color": p.muted},
        uirevision="keep",
    )
    return figure


def _template(p: Palette) -> go.layout.Template:
    axis = {
        "gridcolor": p.line, "linecolor": p.line, "zerolinecolor": p.line, "tickcolor": p.line,
        "tickfont": {"color": p.muted}, "automargin": True, "title": {"font": {"color": p.muted}},
    }  # fmt: skip
    layout = go.Layout(
        font={"family": FONT, "size": 13, "color": p.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(p.categorical),
        colorscale={"sequential": scale(p.sequential), "diverging": scale(p.diverging)},
        xaxis=axis,
        yaxis={**axis, "ticklabelstandoff": 5},
        bargap=0.25,
    )
    return go.layout.Template(layout=layout)
