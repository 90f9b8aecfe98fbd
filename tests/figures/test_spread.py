"""References as a distribution: a dot each, at its own value and in its own row."""

from __future__ import annotations

import pandas as pd

from disgorge_core.figures.spread import spread


def test_every_reference_is_a_dot_in_its_row() -> None:
    table = pd.DataFrame({"set": ["Removed", "Test"], "n": [5, 9], "references": [3, 3]})
    for name in ("before", "after", "reference"):
        table = table.assign(**{name: 0.5, f"{name}_low": 0.4, f"{name}_high": 0.6})
    each = [[0.4, 0.5, 0.6], [0.5, 0.5, 0.5]]
    figure = spread(table, "set", template="light", each=each)
    (dots,) = [trace for trace in figure.data if trace.name == "each reference"]
    assert list(dots.x) == [value for row in each for value in row]
    assert [round(y) for y in dots.y] == [1, 1, 1, 0, 0, 0]
    assert len(set(dots.y)) == 6  # equal ones do not hide each other
    assert not [
        t for t in spread(table, "set", template="light").data if t.name == "each reference"
    ]
