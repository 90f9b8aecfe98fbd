"""The placebo is judged on what it kept: the records that it was told to remove are not held against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core.audit.bench import KEPT, Bench
from disgorge_core.audit.checks.distance import Distance
from disgorge_core.audit.checks.quality import Quality
from disgorge_core.types import Finding
from tests.audit.benches import bench, drawn, sets

N = 19


def with_placebo(beside: float = 0.0) -> Bench:
    """A placebo that is a reference but for its own ten kept records, all answered wrong, and `beside`."""
    references = drawn(N + 1, 0, 1)
    taken = np.flatnonzero(sets()[KEPT])[:10]
    placebo = references[N] + beside * sets()[KEPT]
    placebo[taken] = -50.0
    judged = {"before": references[N] + 1, "after": references[N], "placebo": placebo}
    mask = np.isin(np.arange(len(placebo)), taken)
    return replace(bench(judged, references[:N]), placebo_set=mask)


def on(check: Distance | Quality, laid: Bench, measure: str, records: str) -> Finding:
    found = (m.finding for m in check.run(laid))
    return next(f for f in found if (f.measure, f.records) == (measure, records))


def test_its_distance_is_that_of_the_records_that_it_kept() -> None:
    laid = with_placebo()
    finding = on(Distance(), laid, "Distance to references", KEPT)
    stack, left = laid.margins["references"], sets()[KEPT] & ~laid.placebo_set
    away = np.abs(laid.margins["placebo"] - stack.mean(0)) - laid.least
    z2 = np.maximum(0, away) ** 2 / (stack.var(0, ddof=1) + laid.least**2)
    assert finding.values["placebo"].value == pytest.approx(z2[left].mean())
    assert finding.values["placebo"].n == 50 and finding.values["after"].n == 60
    assert z2[sets()[KEPT]].mean() > 100  # what it would be with its own records
    assert finding.odds["placebo"] > 0.05


def test_what_it_changes_besides_is_still_seen() -> None:
    finding = on(Distance(), with_placebo(beside=4.0), "Distance to references", KEPT)
    assert finding.odds["placebo"] == 1 / (N + 1)


def test_its_accuracy_is_that_of_the_records_that_it_kept() -> None:
    laid = with_placebo()
    right = laid.margins["placebo"] > 0
    left = sets()[KEPT] & ~laid.placebo_set
    finding = on(Quality(), laid, "Accuracy", KEPT)
    assert finding.values["placebo"].value == pytest.approx(right[left].mean())
    assert right[left].mean() > right[sets()[KEPT]].mean()


def test_its_tug_of_war_is_beside_references_on_the_same_records() -> None:
    laid = with_placebo()
    masks = [m & ~laid.placebo_set for m in laid.sets.values()]
    own = np.array([[(m > 0)[mask].mean() for mask in masks] for m in laid.margins["references"]])
    placebo = np.array([(laid.margins["placebo"] > 0)[mask].mean() for mask in masks])
    finding = on(Quality(), laid, "Tug-of-war", "")
    assert finding.values["placebo"].value == pytest.approx(
        np.prod(1 - np.abs(placebo - own.mean(0)))
    )
