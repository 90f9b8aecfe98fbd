"""Small static charts as SVG text: they print, need no script and add a kilobyte, not megabytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 46, 170, 60, 26


@dataclass(frozen=True)
class Strip:
    """One line of a chart: a span of references, and the values before and after with intervals."""

    name: str
    before: tuple[float, float, float]  # value, low, high
    after: tuple[float, float, float]
    references: tuple[float, float] | None  # low, high


def chart(strips: Sequence[Strip], low: float, high: float, unit: str) -> str:
    """An SVG of strips on one axis from `low` to `high`; every value also stands in the text."""
    height = TOP + ROW * len(strips) + 34
    body = [_axis(low, high, height, unit)]
    body += [_strip(strip, TOP + ROW * i, low, high) for i, strip in enumerate(strips)]
    return (
        f'<svg role="img" aria-label="before, after and references" viewBox="0 0 {WIDTH} {height}" '
        f'width="100%" xmlns="http://www.w3.org/2000/svg">{"".join(body)}</svg>'
    )


def _x(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)


def _axis(low: float, high: float, height: int, unit: str) -> str:
    ticks = [low + (high - low) * k / 4 for k in range(5)]
    parts = []
    for tick in ticks:
        x = _x(tick, low, high)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 26}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{height - 8}">{_number(tick, unit)}</text>')
    return "".join(parts)


def _strip(strip: Strip, y: float, low: float, high: float) -> str:
    parts = [f'<text class="name" x="{LEFT - 14}" y="{y + 17}">{escape(strip.name)}</text>']
    if strip.references:
        a, b = (_x(v, low, high) for v in strip.references)
        parts.append(
            f'<rect class="reference" x="{a - 2}" width="{b - a + 4}" y="{y}" height="26" rx="4"/>'
        )
    parts.append(_mark("before", strip.before, y + 7, low, high))
    parts.append(_mark("after", strip.after, y + 19, low, high))
    return "".join(parts)


def _mark(kind: str, value: tuple[float, float, float], y: float, low: float, high: float) -> str:
    x, a, b = (_x(v, low, high) for v in value)
    return (
        f'<line class="{kind}" x1="{a}" x2="{b}" y1="{y}" y2="{y}"/>'
        f'<circle class="{kind}" cx="{x}" cy="{y}" r="4.5"/>'
    )


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:.3g}"
