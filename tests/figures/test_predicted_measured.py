"""Predicted against measured: every record where it belongs, the dotted line where both are equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disgorge_core.figures import predicted_measured as figures
from disgorge_core.figures.theme import palette


def table(n: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = ["Removed"] * 5 + ["Test"] * (n - 5)
    return pd.DataFrame(
        {"set": names, "id": [f"r{i}" for i in range(n)], "predicted": rng.normal(size=n),
         "measured": 2 * rng.normal(size=n)}
    )  # fmt: skip


@pytest.mark.parametrize("template", ["light", "dark"])
def test_sets_have_their_colours_and_the_removed_lie_on_top(template):
    shown = table()
    f = figures.predicted_measured(
        shown, forget="Removed", test="Test", unit="change", template=template
    )
    assert [trace.name for trace in f.data] == ["Test", "Removed"]
    p = palette(template)
    assert [trace.marker.color for trace in f.data] == [p.accent, p.forget]
    assert list(f.data[1].x) == list(shown["predicted"][:5])
    assert list(f.data[1].text) == [f"r{i}" for i in range(5)]


def test_the_dotted_line_stays_where_both_axes_reach():
    f = figures.predicted_measured(table(), forget="Removed", test="Test", unit="change")
    line, both = f.layout.shapes[0], table()[["predicted", "measured"]]
    assert (line.x0, line.x1) == (line.y0, line.y1)
    assert line.x0 >= both.min().max() - 1e-12 and line.x1 <= both.max().min() + 1e-12


def test_many_points_are_thinned_out_in_each_set(monkeypatch):
    monkeypatch.setattr(figures, "MOST", 10)
    shown = figures.drawn(table(1000))
    assert shown["set"].value_counts().to_dict() == {"Test": 10, "Removed": 5}
    assert {"r5", "r999"} <= set(shown["id"])
