"""Distance and trace on benches whose margins are known."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.audit.bench import REMOVED
from disgorge_core.audit.checks.distance import Distance
from disgorge_core.audit.checks.trace import NOT_MEASURABLE, Trace, traces
from tests.audit.benches import bench, drawn, sets


def test_distance_by_its_definition():
    references, model = drawn(25, 0, 1), drawn(1, 4, 2)[0]
    laid = bench({"before": model, "after": references[0] + 0.5}, references)
    found = {m.finding.records: m for m in Distance().run(laid)}[REMOVED]
    inside, least = sets()[REMOVED], laid.least
    z2 = np.maximum(0, np.abs(model - references.mean(0)) - least) ** 2
    z2 /= references.var(0, ddof=1) + least**2
    assert found.finding.values["before"].value == pytest.approx(z2[inside].mean())
    others = np.delete(references, 3, axis=0)
    own = np.maximum(0, np.abs(references[3] - others.mean(0)) - least) ** 2
    own /= others.var(0, ddof=1) + least**2
    assert found.ranked.references[3] == pytest.approx(own[inside].mean())
    assert found.finding.odds["before"] == 1 / 26


def test_references_have_a_floor_by_slice_and_by_far_records_each_beside_the_others():
    references = drawn(19, 0, 1)
    references[4, :12] += 40  # one reference that is odd on some removed records
    laid = bench({"before": references[0], "after": references[1]}, references)
    arrays = {m.finding.records: m.finding for m in Distance().run(laid)}[REMOVED].arrays
    assert arrays["far_of_references"].argmax() == 4 and arrays["far_of_references"][4] >= 12
    z2 = arrays["squared_of_references"]
    assert list(arrays["slices"]) == ["class: 0"] and z2.shape == (1, 19)
    others = np.delete(references, 7, axis=0)
    away = np.maximum(0, np.abs(references[7] - others.mean(0)) - laid.least)
    own = away**2 / (others.var(0, ddof=1) + laid.least**2)
    assert z2[0, 7] == pytest.approx(own[sets()[REMOVED]].mean())


@pytest.mark.parametrize(
    ("share", "low", "high"), [(1.0, 0.85, 1.15), (0.5, 0.35, 0.65), (0.0, -0.15, 0.15)]
)
def test_the_trace_is_the_share_of_what_training_on_the_records_leaves(share, low, high):
    references, twins = drawn(40, 0, 1), drawn(20, 5, 2)
    after = drawn(1, 5 * share, 3)[0]
    found = traces(bench({"before": twins[0], "after": after}, references, twins))
    assert low < found.judged["after"] < high
    assert found.references.mean() == pytest.approx(0, abs=1e-9)
    assert found.twins.mean() == pytest.approx(1, abs=1e-9)


def test_no_trace_is_reported_where_training_on_the_records_changes_nothing():
    references, twins = drawn(40, 0, 1), drawn(20, 0.05, 2)
    laid = bench({"before": twins[0], "after": twins[1]}, references, twins)
    assert traces(laid) is None and Trace().why_not(laid) == NOT_MEASURABLE


def test_the_interval_holds_an_honest_model_as_often_as_it_says():
    """90 % of the intervals of models without a trace hold 0; each draws its own references and twins."""
    held = 0
    for seed in range(200):
        references, twins = drawn(20, 0, 3 * seed), drawn(10, 4, 3 * seed + 1)
        laid = bench({"before": twins[0], "after": drawn(1, 0, 3 * seed + 2)[0]}, references, twins)
        after = Trace().run(laid)[0].finding.values["after"]
        held += after.low <= 0 <= after.high
    assert 0.84 <= held / 200 <= 0.96


def test_without_twins_the_model_before_stands_in_and_this_is_said():
    references, before = drawn(30, 0, 1), drawn(1, 6, 2)[0]
    laid = bench({"before": before, "after": before}, references)
    finding = Trace().run(laid)[0].finding
    assert finding.values["before"].value == pytest.approx(1)
    assert "No twins" in finding.says and "twins" not in finding.values


def test_it_is_blind_to_other_directions_and_distance_is_not():
    """Planted: margins moved up and down by turns, across what training on the records leaves."""
    references, twins = drawn(40, 0, 1), drawn(20, 5, 2)
    turned = drawn(1, 0, 3)[0] + 5 * np.where(np.arange(150) % 2, 1, -1) * sets()[REMOVED]
    laid = bench({"before": twins[0], "after": turned}, references, twins)
    assert abs(Trace().run(laid)[0].finding.values["after"].value) < 0.2
    distance = {m.finding.records: m.finding for m in Distance().run(laid)}[REMOVED]
    assert distance.odds["after"] == 1 / 41


def test_a_regression_bench_is_measured_by_residuals_in_its_own_unit():
    from dataclasses import replace

    from tests.audit.benches import dataset

    data = dataset("regression")
    laid = bench(
        {"before": drawn(1, 5, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(30, 0, 1), drawn(9, 5, 4)
    )
    first = {who: z[..., :1] for who, z in laid.judged.items()}
    numbers = replace(
        laid,
        data=data,
        judged=first,
        references=laid.references[..., :1],
        twins=laid.twins[..., :1],
    )
    assert numbers.least == pytest.approx(0.01 * np.std(data.y))
    assert numbers.margins["before"] == pytest.approx(first["before"][:, 0] - data.y)
    assert Trace().run(numbers)[0].finding.values["after"].value < 0.3


def test_models_that_do_not_vary_may_differ_by_what_counts_as_none():
    """A closed form: all references are equal; the original differs by less than `least`, or by more."""
    same = np.repeat(drawn(1, 0, 1), 19, axis=0)
    for off, refused in ((0.009, False), (0.03, True)):
        before = same[0] + off * sets()[REMOVED]
        laid = bench({"before": before, "after": same[0]}, same, np.repeat(before[None], 5, axis=0))
        distance = {m.finding.records: m.finding for m in Distance().run(laid)}[REMOVED]
        assert (distance.odds["before"] <= 0.05) is refused and distance.odds["after"] == 1.0
        assert (traces(laid) is not None) is refused
