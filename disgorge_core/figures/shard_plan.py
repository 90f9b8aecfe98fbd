"""What removals cost in a sharded model, against how many requests come at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from disgorge_core.figures.theme import dressed, palette


def shard_plan(
    requests: Sequence[int],
    shares: Mapping[int, Sequence[float]],
    *,
    chosen: int = 0,
    template: str = "light",
) -> go.Figure:
    """One line for each number of shards: cost as a share of a retrain, by requests in one batch.

    `chosen` draws a line at that number of requests.
    """
    p = palette(template)
    figure = go.Figure()
    for place, (shards, share) in enumerate(shares.items()):
        name = f"{shards} shard{'s' if shards > 1 else ''}"
        colour = p.categorical[place % len(p.categorical)]
        figure.add_trace(
            go.Scatter(
                x=list(requests), y=list(share), name=name, mode="lines",
                line={"color": colour, "width": 2.5},
                hovertemplate=f"{name}, %{{x:,}} requests: %{{y:.1%}} of a retrain<extra></extra>",
            )
        )  # fmt: skip
    if chosen:
        figure.add_vline(chosen, line={"color": p.muted, "width": 1, "dash": "dot"})
    right = math.log10(max(2, *requests))
    figure.update_xaxes(type="log", range=[-0.02, right], title="requests in one batch", dtick=1)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.05], title="of a retrain")
    return dressed(figure, template, height=340)
