"""Cost against distance in small panels, as an SVG without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDE, HIGH, ACROSS = 250, 190, 4  # pixels of a panel, panels in a row
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 30, 30  # of a panel's plot to its edges
COSTS, FAR = (0.02, 2.0), (0.5, 5000.0)
COST_TICKS = {0.05: "5 %", 0.2: "20 %", 1.0: "100 %"}
FAR_TICKS = {1.0: "1", 10.0: "10", 100.0: "100", 1000.0: "1000"}
SHORT, TUNED, FULL, BEFORE = "#0b6e75", "#b3541e", "#555555", "#9a2c5a"
TEXT, FAINT = "#222222", "#999999"
KEY = (
    (SHORT, "circle", "short retrain, by budget"),
    (SHORT, "ring", "some ended in full"),
    (TUNED, "square", "fine-tuned"),
    (FULL, "ring", "full retrain (band: their spread)"),
    (BEFORE, "dash", "the model before"),
)


@dataclass(frozen=True)
class Panel:
    """One setting: cost, distance, and whether all stayed short; floor, the model before, fine-tuning."""

    title: str
    points: list[tuple[float, float, bool]]
    floor: tuple[float, float]
    before: float
    tuned: tuple[float, float]
    retrain: float  # cost of a full retrain

    def body(self) -> list[str]:
        """Elements, with the panel's corner at 0, 0."""
        return [*self._frame(), *self._levels(), *self._marks()]

    def _frame(self) -> list[str]:
        found = [
            _text(LEFT, TOP - 10, self.title, 13, weight=600),
            f'<rect x="{LEFT}" y="{TOP}" width="{WIDE - LEFT - RIGHT}" height="{HIGH - TOP - BOTTOM}" '
            f'fill="none" stroke="{FAINT}"/>',
        ]
        for value, name in COST_TICKS.items():
            found.append(_text(_x(value), HIGH - BOTTOM + 14, name, 10, anchor="middle"))
        for value, name in FAR_TICKS.items():
            found.append(_text(LEFT - 5, _y(value) + 3, name, 10, anchor="end"))
            found.append(_line(LEFT, _y(value), WIDE - RIGHT, _y(value), "#eeeeee"))
        return found

    def _levels(self) -> list[str]:
        top, bottom = _y(self.floor[1]), _y(self.floor[0])
        band = f'<rect x="{LEFT}" y="{top:.1f}" width="{WIDE - LEFT - RIGHT}" height="{bottom - top:.1f}"'
        line = _line(LEFT, _y(self.before), WIDE - RIGHT, _y(self.before), BEFORE, "6 4")
        return [f'{band} fill="{FULL}" opacity="0.2"/>', line]

    def _marks(self) -> list[str]:
        path = " ".join(f"{_x(cost):.1f},{_y(far):.1f}" for cost, far, _ in self.points)
        middle = math.sqrt(self.floor[0] * self.floor[1])
        return [
            f'<polyline points="{path}" fill="none" stroke="{SHORT}" stroke-width="1.8"/>',
            *(
                _mark("circle" if all_short else "ring", _x(cost), _y(far), SHORT)
                for cost, far, all_short in self.points
            ),
            _mark("square", _x(self.tuned[0]), _y(self.tuned[1]), TUNED),
            _mark("ring", _x(self.retrain), _y(middle), FULL),
        ]


def drawn(panels: Sequence[Panel]) -> str:
    """The whole figure."""
    rows = math.ceil(len(panels) / ACROSS)
    width, height = ACROSS * WIDE + 10, rows * HIGH + 70
    found = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_key(),
    ]
    for number, panel in enumerate(panels):
        x, y = number % ACROSS * WIDE, 40 + number // ACROSS * HIGH
        found += [f'<g transform="translate({x} {y})">', *panel.body(), "</g>"]
    about = "across: cost as a share of one full training; up: mean z² of the margins on F against references"
    found += [_text(LEFT, height - 10, about, 12), "</svg>"]
    return "\n".join(found) + "\n"


def _key() -> list[str]:
    found, x = [], LEFT
    for colour, shape, name in KEY:
        if shape == "dash":
            found.append(_line(x - 6, 18, x + 12, 18, colour, "6 4"))
        else:
            found.append(_mark(shape, x, 18, colour))
        found.append(_text(x + 16, 22, name, 12))
        x += 34 + round(6.6 * len(name))
    return found


def _mark(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "square":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
    fill = "#ffffff" if shape == "ring" else colour
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, dash: str = "") -> str:
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}" '
        f'stroke-dasharray="{dash}"/>'
    )


def _text(
    x: float, y: float, text: str, size: int, anchor: str = "start", weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{TEXT}">{text}</text>'
    )


def _x(cost: float) -> float:
    return LEFT + _share(cost, COSTS) * (WIDE - LEFT - RIGHT)


def _y(far: float) -> float:
    return HIGH - BOTTOM - _share(far, FAR) * (HIGH - TOP - BOTTOM)


def _share(value: float, ends: tuple[float, float]) -> float:
    low, high = map(math.log, ends)
    return min(1.0, max(0.0, (math.log(max(value, 1e-9)) - low) / (high - low)))
