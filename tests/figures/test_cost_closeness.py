"""Cost against closeness: marks where the numbers are, names that can be read; live curves."""

from __future__ import annotations

import base64
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from disgorge_core.figures.cost_closeness import CHEAPEST, cost_closeness
from disgorge_core.figures.labels import Box, placed
from disgorge_core.figures.live_curve import HEIGHT, MOST_POINTS, live_curve


def table() -> pd.DataFrame:
    rows = [
        ("a", "Retrain", "rebuilt", 0.9, 0.05), ("b", "Fine-tune", "empirical", 0.1, 0.3),
        ("c", "Fine-tune", "empirical", 0.1, 0.31), ("d", "Guard", "suppressed", 0.0, 0.4),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["run", "method", "tier", "cost", "after"])
    level = {"before": 0.4, "floor": 0.05}
    for name in ("after", *level):
        value = frame["after"] if name == "after" else level[name]
        frame = frame.assign(**{name: value, f"{name}_low": value, f"{name}_high": value})
    return frame.assign(
        seed=0, seconds=1.0, verdict="not audited", after_high=frame["after"] + 0.02, interval="range",
        audited=[True, False, False, False],
    )  # fmt: skip


def test_every_run_is_one_mark_at_its_cost_and_distance() -> None:
    figure = cost_closeness(table())
    found = {
        point[0]: (x, y, up)
        for trace in figure.data
        for point, x, y, up in zip(
            trace.customdata, trace.x, trace.y, trace.error_y.array, strict=True
        )
    }
    for row in table().to_dict("records"):
        x, y, up = found[row["run"]]
        assert (x, y) == (max(row["cost"], CHEAPEST), row["after"])
        assert up == pytest.approx(0.02)
    symbols = [symbol for trace in figure.data for symbol in trace.marker.symbol]
    assert symbols == ["circle", *["circle-open"] * 3]  # only the first was audited
    assert [trace.name for trace in figure.data] == ["rebuilt", "empirical", "suppressed"]


def test_each_method_is_named_once() -> None:
    texts = [a.text for a in cost_closeness(table()).layout.annotations]
    assert sorted(texts) == sorted(
        ["Retrain", "Fine-tune", "Guard", "references among themselves", "the model before"]
    )


def test_the_chosen_run_is_larger_and_the_axis_reaches_the_dearest() -> None:
    dear = table().assign(cost=[3.0, 0.1, 0.1, 0.0])
    figure = cost_closeness(dear, chosen="c")
    assert figure.layout.xaxis.range[1] > np.log10(3.0)
    sizes = dict(
        zip([d[0] for d in figure.data[1].customdata], figure.data[1].marker.size, strict=True)
    )
    assert sizes["c"] > sizes["b"]


def test_names_keep_clear_of_each_other_and_of_marks() -> None:
    generator = np.random.default_rng(0)
    frame = Box(0, 0, 900, 320)
    for _ in range(30):
        centres = generator.uniform([20, 20], [880, 300], (12, 2))
        marks = [Box(x - 8, y - 8, x + 8, y + 8) for x, y in centres]
        boxes = [b for b in placed(marks, ["A method's name"] * 12, frame) if b is not None]
        assert len(boxes) >= 9  # with twelve at random there is nearly always room
        assert not any(a.meets(b) for a, b in combinations(boxes, 2))
        assert not any(box.meets(mark) for box in boxes for mark in marks)
        assert all(box.inside(frame) for box in boxes)


def test_a_live_curve_runs_from_the_first_report_to_the_last() -> None:
    reports = [{"seconds": float(i), "loss": 1000.0 - i} for i in range(1000)]
    text = live_curve([*reports, {"seconds": 1000.0, "loss": float("nan")}])
    (picture,) = re.findall(r"base64,([^\"]+)", text)  # seconds are the axis, no curve
    points = re.search(r'points="([^"]+)"', base64.b64decode(picture).decode())[1].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert len(points) <= MOST_POINTS + 1
    assert heights == sorted(heights)
    assert heights[-1] == pytest.approx(HEIGHT - 4)
    assert "loss 1" in text
    assert "between 1 and 1e+03" in text


def test_names_from_outside_are_escaped() -> None:
    assert "<script>" not in live_curve([{"<script>": 1.0}])
