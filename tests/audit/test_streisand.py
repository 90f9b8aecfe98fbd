"""Statistics by closed forms; over-forgetting that must be seen, and references that must not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from disgorge_core.audit.bench import REMOVED, TEST
from disgorge_core.audit.checks.streisand import Streisand, beyond, entropy, error, gap, own_label
from disgorge_core.types import Estimate
from tests.audit.benches import as_logits, bench, dataset, drawn, sets

LARGEST, ENTROPY, OWN = (
    "Told by one threshold",
    "Entropy of the answer",
    "Confidence in the own label",
)


def measured(laid) -> dict[str, object]:
    return {m.finding.measure: m.finding for m in Streisand().run(laid)}


def test_the_statistics_by_hand():
    p = np.array([[0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3], [0.98, 0.01, 0.01]])
    z, y = np.log(p) + 7, np.array([1, 0, 0])
    assert entropy(z, y) == pytest.approx(scipy_entropy(p, axis=1))
    assert entropy(z, y)[1] == pytest.approx(math.log(3))
    assert own_label(z, y) == pytest.approx(np.log([0.3, 1 / 3, 0.98]))
    assert gap(z, y) == pytest.approx([math.log(5 / 3), 0, math.log(98)], abs=1e-12)
    assert error(np.array([[3.0], [-1.0]]), np.array([1.0, 1.0])) == pytest.approx([2, 2])
    assert entropy(np.array([[2000.0, -2000.0]]), y[:1]) == pytest.approx([0])


@pytest.mark.parametrize(
    ("area", "usual", "expected"),
    [((0.9, 0.8, 0.95), 0.5, (0.4, 0.3, 0.45)), ((0.2, 0.1, 0.4), 0.5, (0.3, 0.1, 0.4)),
     ((0.55, 0.4, 0.7), 0.5, (0.05, 0, 0.2)), ((0.1, 0, 0.3), 0.1, (0, 0, 0.2))],
)  # fmt: skip
def test_an_area_beyond_the_usual(area, usual, expected):
    found = beyond(Estimate(*area, 9), usual)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_the_largest_is_that_of_its_statistics():
    references = drawn(20, 0, 1)
    laid = bench({"before": drawn(1, 3, 2)[0], "after": drawn(1, -3, 3)[0]}, references)
    found = measured(laid)
    y, cut = np.zeros(150, int), [sets()[REMOVED], sets()[TEST]]

    def area(statistic, z):
        inside, outside = (statistic(z, y)[mask] for mask in cut)
        return np.mean([(a > b) + 0.5 * (a == b) for a in inside for b in outside])

    gaps: dict = {"after": [], "own": []}
    for statistic in (entropy, own_label, gap):
        own = np.array([area(statistic, z) for z in laid.references])
        gaps["after"].append(abs(area(statistic, laid.judged["after"]) - own.mean()))
        gaps["own"].append(np.abs(own - [np.delete(own, i).mean() for i in range(20)]))
    assert found[LARGEST].values["after"].value == pytest.approx(max(gaps["after"]))
    floor = np.max(gaps["own"], axis=0)
    assert found[LARGEST].values["references"].value == pytest.approx(np.median(floor))
    margins, inside = laid.margins["after"], sets()
    pairs = [(a > b) for a in margins[inside[REMOVED]] for b in margins[inside[TEST]]]
    assert found[OWN].values["after"].value == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("pushed", ["wrong labels", "chance"])
def test_over_forgetting_is_seen_and_said(pushed):
    references, before = np.abs(drawn(25, 0, 1)) + 1, np.abs(drawn(1, 0, 2)[0]) + 1
    inside = sets()[REMOVED]
    after = np.where(inside, -8.0 if pushed == "wrong labels" else 0.0, references[3])
    found = measured(bench({"before": before, "after": after}, references))[LARGEST]
    assert found.odds["after"] == 1 / 26 < 0.05 < found.odds["before"]
    assert found.values["after"].value > 0.4 > 0.2 > found.values["before"].value
    assert "more than before" in found.says


def test_wrong_labels_that_references_tell_too_are_usual_and_chance_is_not():
    """Mislabelled records: models that never saw them are confidently against the label."""
    shift = 9 * sets()[REMOVED]
    references = np.abs(drawn(25, 0, 1)) + 1 - 2 * shift
    honest = np.abs(drawn(1, 0, 2)[0]) + 1 - 2 * shift
    uniform = np.where(sets()[REMOVED], 0.0, honest)
    found = measured(bench({"before": uniform, "after": honest}, references))
    assert found[LARGEST].odds["after"] > 0.05 and "as far as" in found[LARGEST].says
    assert found[OWN].values["references"].value < 0.01
    assert found[LARGEST].odds["before"] == found[ENTROPY].odds["before"] == 1 / 26


def test_of_twenty_equal_models_hardly_one_is_odd():
    odd = 0
    for seed in range(5):
        models = drawn(20, 0, 10 + seed)
        for who in range(20):
            laid = bench(
                {"before": models[who], "after": models[who]}, np.delete(models, who, axis=0)
            )
            odd += measured(laid)[LARGEST].odds["after"] <= 0.05
    assert 0 < odd <= 0.05 * 100 * 1.6


def test_one_removed_record_leaves_a_wide_interval():
    laid = bench({"before": drawn(1, 5, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(20, 0, 1))
    found = measured(replace(laid, sets=sets() | {REMOVED: np.arange(150) == 4}))
    after = found[OWN].values["after"]
    assert after.n == 1 and after.high - after.low > 0.4


def test_numbers_are_told_by_the_size_of_their_error():
    data = dataset("regression")
    references = (data.y + np.random.default_rng(0).normal(size=(25, 150)))[..., None]
    after = references[0] + 9 * sets()[REMOVED][:, None]
    laid = replace(
        bench({"after": data.y}, references[..., 0]), data=data, references=references,
        judged={"before": references[1], "after": after},
    )  # fmt: skip
    found = measured(laid)
    assert set(found) == {LARGEST, "Size of the error"}
    assert found[LARGEST].odds["after"] == 1 / 26 and found[LARGEST].odds["before"] > 0.05


def test_it_says_what_it_needs():
    laid = bench({"before": drawn(1, 0, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(2, 0, 1))
    assert "at least 3 references" in Streisand().why_not(laid)
    enough = replace(laid, references=as_logits(drawn(3, 0, 1)))
    assert Streisand().why_not(enough) is None
    nobody = replace(enough, sets=sets() | {TEST: np.zeros(150, bool)})
    assert "test or validation records" in Streisand().why_not(nobody)
