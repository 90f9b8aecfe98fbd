"""The figures of a run under way as small curves in SVG: redrawn every second without a flicker."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence

from disgorge_core.figures.loss_curve import AXES
from disgorge_core.figures.theme import palette

WIDTH, HEIGHT, EDGE = 960.0, 84.0, 4.0  # pixels; the width is stretched to the page
MOST_POINTS = 300


def live_curve(figures: Sequence[Mapping[str, float]], *, template: str = "light") -> str:
    """HTML with one curve for each reported figure: its name, latest value and range."""
    names = dict.fromkeys(n for f in figures for n in f if n not in AXES)
    series = {name: [f[name] for f in figures if name in f] for name in names}
    finite = {name: [v for v in values if math.isfinite(v)] for name, values in series.items()}
    return "".join(_row(name, values, template) for name, values in finite.items() if values)


def _row(name: str, values: Sequence[float], template: str) -> str:
    p = palette(template)
    low, high = min(values), max(values)
    source = base64.b64encode(drawing(values, p.accent).encode()).decode()
    return (
        f'<div style="color:{p.muted};font-size:0.85rem">'
        f'<b style="color:{p.text}">{html.escape(name)} {values[-1]:.3g}</b> &nbsp;'
        f"between {low:.3g} and {high:.3g} so far"
        f'<img src="data:image/svg+xml;base64,{source}" alt="" style="display:block;width:100%;'
        f'height:{HEIGHT:.0f}px;border-bottom:1px solid {p.line}"></div>'
    )


def drawing(values: Sequence[float], colour: str) -> str:
    """SVG of one curve, which stretches to any width."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" '
        f'preserveAspectRatio="none"><polyline points="{_points(values, min(values), max(values))}" '
        f'fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def _points(values: Sequence[float], low: float, high: float) -> str:
    """Evenly thinned, left to right from the first report to the last."""
    step = max(1, math.ceil(len(values) / MOST_POINTS))
    kept = [*range(0, len(values) - 1, step), len(values) - 1]
    across = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    tall = (HEIGHT - 2 * EDGE) / ((high - low) or 1.0)
    return " ".join(
        f"{EDGE + i * across:.1f},{HEIGHT - EDGE - (values[i] - low) * tall:.1f}" for i in kept
    )
