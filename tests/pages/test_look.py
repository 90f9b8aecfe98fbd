"""The look: one set of colours for app and charts, readable on both grounds, nothing from outside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import plotly.graph_objects as go
import pytest

from disgorge_core.figures.loss_curve import loss_curve
from disgorge_core.figures.theme import DARK, LIGHT, MODES, Palette, dressed, palette

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def brightness(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("mode", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_charts_and_app_have_the_same_colours(mode: str, colours: Palette) -> None:
    theme = CONFIG["theme"][mode]
    assert palette(mode) is colours
    assert theme["backgroundColor"] == colours.ground
    assert theme["secondaryBackgroundColor"] == colours.raised
    assert theme["textColor"] == colours.text
    assert theme["borderColor"] == colours.line
    assert tuple(theme["chartCategoricalColors"]) == colours.categorical
    assert tuple(theme["chartSequentialColors"]) == colours.sequential
    assert tuple(theme["chartDivergingColors"]) == colours.diverging


@pytest.mark.parametrize("mode", MODES)
def test_text_and_badges_can_be_read(mode: str) -> None:
    p, theme = palette(mode), CONFIG["theme"][mode]
    for colour in (p.text, p.muted, p.accent, *p.tiers.values()):
        assert contrast(colour, p.ground) >= 4.5, colour
    for name in ("gray", "green", "blue", "violet", "orange", "red", "yellow"):
        pair = (theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"])
        assert contrast(*pair) >= 4.5, name
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5  # the primary button's label


@pytest.mark.parametrize("mode", MODES)
def test_marks_stand_out_from_the_ground(mode: str) -> None:
    p = palette(mode)
    for colour in (*p.categorical, p.before, p.after, p.reference, p.forget):
        assert contrast(colour, p.ground) >= 2.6, colour


@pytest.mark.parametrize("mode", MODES)
def test_a_dressed_figure_has_no_background_of_its_own(mode: str) -> None:
    figure = dressed(go.Figure(go.Scatter(x=[0, 1], y=[0, 1])), mode)
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.template.layout.font.color == palette(mode).text


def test_nothing_of_the_look_comes_from_outside() -> None:
    for path in (ROOT / "assets" / "app.css", ROOT / ".streamlit" / "config.toml"):
        assert not re.search(r"https?:|@import|url\(", path.read_text()), path.name
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["address"] == "127.0.0.1"


def test_a_curve_uses_the_epoch_as_its_axis_and_skips_missing_figures() -> None:
    reports = [
        {"seconds": 0.1, "epoch": 1, "loss": 2.0},
        {"seconds": 0.2, "epoch": 2},
        {"seconds": 0.3, "epoch": 3, "loss": 0.5},
    ]
    (line,) = loss_curve(reports).data
    assert (list(line.x), list(line.y), line.name) == ([1, 3], [2.0, 0.5], "loss")
