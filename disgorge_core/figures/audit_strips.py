"""The findings of an audit as strips: each on an axis of its own, with the references' range as floor.

Plain HTML and SVG: a dozen strips are drawn at once and print well.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape

from disgorge_core.figures.theme import Palette, palette
from disgorge_core.types import Estimate, Finding

WIDTH, HEIGHT, EDGE = 420.0, 44.0, 12.0
MARKS = ("placebo", "control", "twins", "before", "after")
WIDE_RANGE = 20.0  # largest by smallest value from which a strip is logarithmic
SQUARES = "mean z²"


def strips(findings: Sequence[Finding], *, template: str = "light") -> str:
    """A table of findings: what, the strip, and the numbers before and after."""
    p = palette(template)
    rows = "".join(_row(finding, p) for finding in findings)
    head = "".join(
        f"<th>{name}</th>" for name in ("", "", "before", "after", "references", "rank p after")
    )
    return f'<table class="dg-strips"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def legend(findings: Sequence[Finding], *, template: str = "light") -> str:
    """What the signs of the strips mean, for those that occur."""
    p, there = palette(template), {who for f in findings for who in f.values}
    signs = {
        "references": (
            f"background:{p.reference};opacity:.45",
            "models that never saw the records",
        ),
        "before": (f"background:{p.before}", "before"),
        "after": (f"background:{p.after};border-radius:50%", "after"),
        "twins": (f"border:1px solid {p.forget}", "models trained with everything"),
        "placebo": (f"border:1px solid {p.muted}", "placebo: the method on random kept records"),
        "control": (f"border:1px solid {p.reference}", "a fresh reference in the method's place"),
    }
    parts = [
        f'<span><i style="{style}"></i>{text}</span>'
        for who, (style, text) in signs.items()
        if who in there
    ]
    return f'<div class="dg-legend">{"".join(parts)}</div>'


def number(value: float, unit: str) -> str:
    """A value in its unit; a dash for none."""
    if not math.isfinite(value):
        return "-"
    return f"{round(100 * value, 1) + 0.0:.1f} %" if unit == "share" else f"{value:.3g}"


def _row(finding: Finding, p: Palette) -> str:
    source = base64.b64encode(_drawing(finding, p).encode()).decode()
    cells = [
        number(finding.values[w].value, finding.unit) if w in finding.values else "-"
        for w in ("before", "after")
    ]
    span = finding.values.get("references")
    floor = _floor(span, finding.unit) if span else "-"
    odds = f"{finding.odds['after']:.2g}" if "after" in finding.odds else ""
    below = " · ".join(part for part in (finding.records, _void(finding)) if part)
    records = f"<small>{escape(below)}</small>" if below else ""
    return (
        f'<tr title="{escape(finding.says)}"><th>{escape(finding.measure)}{records}</th>'
        f'<td><img src="data:image/svg+xml;base64,{source}" alt="{escape(_said(finding))}"></td>'
        + "".join(f"<td>{cell}</td>" for cell in (*cells, floor, odds))
        + "</tr>"
    )


def _void(finding: Finding) -> str:
    after = finding.values.get("after")
    return "not measurable here" if after and not math.isfinite(after.value) else ""


def _floor(span: Estimate, unit: str) -> str:
    if not math.isfinite(span.low):
        return "-"
    return f"{number(span.low, unit)} to {number(span.high, unit)}"


def _said(finding: Finding) -> str:
    return "; ".join(f"{who} {number(e.value, finding.unit)}" for who, e in finding.values.items())


# --- one strip ----------------------------------------------------------------------------------


def _drawing(finding: Finding, p: Palette) -> str:
    axis = _Axis(finding)
    middle, parts = (
        HEIGHT / 2,
        [f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT / 2}" y2="{HEIGHT / 2}" stroke="{p.line}"/>'],
    )
    floor = finding.values.get("references")
    if floor:
        a, b = axis.at(floor.low), axis.at(floor.high)
        parts.append(
            f'<rect x="{a - 2:.1f}" width="{b - a + 4:.1f}" y="6" height="{HEIGHT - 12}" rx="3" '
            f'fill="{p.reference}" opacity="0.4"/>'
        )
    colours = {
        "placebo": p.muted,
        "control": p.reference,
        "twins": p.forget,
        "before": p.before,
        "after": p.after,
    }
    heights = {
        "placebo": middle,
        "control": middle,
        "twins": middle,
        "before": middle - 9,
        "after": middle + 9,
    }
    for who in MARKS:
        if who in finding.values:
            parts.append(_mark(who, finding.values[who], axis, heights[who], colours[who]))
    box = f'viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>'


def _mark(who: str, e: Estimate, axis: _Axis, y: float, colour: str) -> str:
    if not math.isfinite(e.value):
        return ""
    x = axis.at(e.value)
    if who in ("placebo", "control", "twins"):
        return f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    line = ""
    if math.isfinite(e.low) and math.isfinite(e.high):
        line = (
            f'<line x1="{axis.at(e.low):.1f}" x2="{axis.at(e.high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            'stroke-width="2"/>'
        )
    if who == "after":
        return f'{line}<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
    corner = f'x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9"'
    return f'{line}<rect {corner} fill="{colour}" transform="rotate(45 {x:.1f} {y})"/>'


class _Axis:
    """Places on the strip: even, or by logarithm where mean squares differ by much."""

    def __init__(self, finding: Finding) -> None:
        ends = [v for who, e in finding.values.items() for v in _ends(who, e) if math.isfinite(v)]
        positive = [v for v in ends if v > 0]
        wide = bool(positive) and max(positive) > WIDE_RANGE * min(positive)
        self._log = finding.unit == SQUARES and wide
        placed = [self._of(v) for v in ends] or [0.0]
        self._low, self._high = min(placed), max(placed)

    def at(self, value: float) -> float:
        """Where a value stands, in pixels."""
        span = (self._high - self._low) or 1.0
        share = (self._of(value) - self._low) / span
        return EDGE + min(1.0, max(0.0, share)) * (WIDTH - 2 * EDGE)

    def _of(self, value: float) -> float:
        return math.log10(max(value, 1e-3)) if self._log else value


def _ends(who: str, e: Estimate) -> tuple[float, ...]:
    return (e.value, e.low, e.high)
