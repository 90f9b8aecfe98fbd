"""The confusion matrix as squares that can be clicked (a heat map gives no clicks in Streamlit)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from disgorge_core.figures.theme import Palette, dressed, palette, scale
from disgorge_core.types import Array

SIDE = 560  # pixels of the whole matrix
NUMBERED = 16  # classes up to which the squares show their counts


def confusion_matrix(
    counts: Array, classes: Sequence[str], *, template: str = "light"
) -> go.Figure:
    """Counts (c, c): true classes are y, downwards, predicted classes are x; shares are of the row."""
    p = palette(template)
    size = len(classes)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    true, predicted = (index.ravel() for index in np.indices(counts.shape))
    figure = go.Figure(
        go.Scatter(
            x=predicted, y=true, mode="markers",
            hovertext=_hovers(counts, shares, classes), hoverinfo="text",
            marker={
                "symbol": "square", "size": max(6, int(0.8 * SIDE / size) - 3),
                "color": shares.ravel(), "colorscale": scale(p.sequential), "cmin": 0, "cmax": 1,
                "opacity": 1, "line": {"width": 0},
            },
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        )
    )  # fmt: skip
    if size <= NUMBERED:
        figure.update_layout(annotations=_numbers(counts, shares, p))
    ticks = {"tickvals": list(range(size)), "ticktext": list(classes), "showgrid": False}
    figure.update_xaxes(**ticks, range=[-0.5, size - 0.5], title="predicted", zeroline=False)
    figure.update_xaxes(tickangle=-40 if max(map(len, classes)) > 3 else 0)
    figure.update_yaxes(**ticks, range=[size - 0.5, -0.5], title="true", zeroline=False)
    return dressed(figure, template, height=SIDE)


def _numbers(counts: Array, shares: Array, p: Palette) -> list[dict[str, Any]]:
    """The counts as annotations: a text of the trace itself would fade when a square is clicked."""
    return [
        {
            "x": int(j), "y": int(i), "text": f"{counts[i, j]:,}", "showarrow": False,
            "captureevents": False,
            "font": {"color": _ink(float(shares[i, j]), p), "size": 12},
        }
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]  # fmt: skip


def _ink(share: float, p: Palette) -> str:
    """Black or white, whichever can be read on the square of this share."""
    colour = p.sequential[round(share * (len(p.sequential) - 1))]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#11181c" if 0.3 * red + 0.59 * green + 0.11 * blue > 125 else "#ffffff"


def commonest(counts: Array, classes: Sequence[str], most: int = 6) -> list[tuple[str, str, int]]:
    """The largest squares off the diagonal: true class, predicted class, records."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    return [(classes[t], classes[p], int(wrong[t, p])) for t, p in cells if wrong[t, p]]


def _hovers(counts: Array, shares: Array, classes: Sequence[str]) -> list[str]:
    return [
        f"true {classes[t]}, predicted {classes[p]}<br>{counts[t, p]:,} records, "
        f"{shares[t, p]:.1%} of the true class"
        for t, p in np.ndindex(*counts.shape)
    ]
