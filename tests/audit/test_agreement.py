"""Agreement and divergence against closed forms, loops over pairs, and planted models."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.checks.agreement import Agreement
from tests.audit.benches import bench, dataset, drawn, sets

SAME, JS = "Same answer as references", "Divergence from references (JS)"


def measured(laid) -> dict[tuple[str, str], object]:
    return {(m.finding.measure, m.finding.records): m.finding for m in Agreement().run(laid)}


def test_opposite_answers_diverge_by_ln_2_and_equal_ones_by_nothing():
    references = np.full((19, 150), 80.0)
    found = measured(bench({"before": -references[0], "after": references[0]}, references))
    assert found[JS, REMOVED].values["before"].value == pytest.approx(math.log(2))
    assert found[JS, REMOVED].values["after"].value == pytest.approx(0, abs=1e-12)
    assert found[JS, REMOVED].values["references"].value == pytest.approx(0, abs=1e-12)
    same = {who: e.value for who, e in found[SAME, REMOVED].values.items()}
    assert same == {"before": 0.0, "after": 1.0, "references": 1.0}
    assert found[SAME, REMOVED].odds == {"before": 1 / 20, "after": 1.0}


def test_every_value_by_loops_over_pairs():
    references, model = drawn(5, 0, 1, spread=2.0), drawn(1, 2, 2, spread=2.0)[0]
    laid = bench({"before": model, "after": references[0]}, references)
    found, inside = measured(laid), sets()[TEST]
    p = [softmax(z, axis=1)[inside] for z in (*laid.references, laid.judged["before"])]
    js = [[np.mean(jensenshannon(a, b, axis=1) ** 2) for b in p] for a in p]
    same = [[np.mean(a.argmax(1) == b.argmax(1)) for b in p] for a in p]
    for measure, table in ((JS, js), (SAME, same)):
        values = found[measure, TEST].values
        assert values["before"].value == pytest.approx(np.mean(table[5][:5]), rel=1e-5)
        own = [np.mean([table[i][j] for j in range(5) if j != i]) for i in range(5)]
        assert values["references"].value == pytest.approx(np.median(own), rel=1e-5)
        assert values["before"].low < values["before"].value < values["before"].high


def test_only_the_records_that_were_not_unlearned_stand_out():
    """Planted: margins of removed records lie elsewhere before, and as those of references after."""
    references = drawn(25, -3, 1)
    found = measured(bench({"before": drawn(1, 3, 2)[0], "after": drawn(1, -3, 3)[0]}, references))
    for measure in (SAME, JS):
        assert found[measure, REMOVED].odds["before"] == 1 / 26
        assert found[measure, REMOVED].odds["after"] > 0.05
        assert found[measure, KEPT].odds["before"] > 0.05


def test_confidence_alone_is_seen_by_divergence_and_not_by_answers():
    references = np.abs(drawn(25, 0, 1)) + 1
    sure = references[3] + 4 * sets()[REMOVED]
    found = measured(bench({"before": sure, "after": sure}, references))
    assert found[SAME, REMOVED].odds["after"] == 1
    assert found[JS, REMOVED].odds["after"] == 1 / 26


def test_the_placebo_is_compared_on_what_it_kept():
    references, removed = np.abs(drawn(20, 0, 1)) + 1, np.arange(150) % 3 == 0
    placebo = np.where(removed & sets()[KEPT], -5.0, references[0])
    laid = bench({"before": references[1], "after": references[2], "placebo": placebo}, references)
    found = measured(replace(laid, placebo_set=removed))[SAME, KEPT].values["placebo"]
    assert (found.value, found.n) == (1, 40)


def test_one_removed_record_has_no_narrow_interval():
    laid = bench({"before": drawn(1, 5, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(20, 0, 1))
    laid = replace(laid, sets={REMOVED: np.arange(150) == 4})
    found = measured(laid)
    assert (found[JS, REMOVED].values["after"].low, found[JS, REMOVED].values["after"].high) == (
        0,
        math.log(2),
    )
    assert found[SAME, REMOVED].values["after"].n == 1 and len(found) == 2


def test_numbers_differ_in_the_unit_of_the_target():
    rng = np.random.default_rng(0)
    references = rng.normal(0, 1, (30, 150, 1)).astype(np.float32)
    laid = bench({"after": references[0, :, 0]}, references[..., 0])
    laid = replace(
        laid, data=dataset("regression"), references=references, twins=references[:0],
        judged={"before": references[1] + 50, "after": references[0]},
    )  # fmt: skip
    found = measured(laid)["Difference from references", KEPT]
    inside = sets()[KEPT]
    by_hand = np.abs(references[0, inside] - references[:, inside])[..., 0].mean()
    assert found.values["after"].value == pytest.approx(by_hand, rel=1e-6)
    assert found.unit == "unit of the target" and found.odds["before"] == 1 / 31


def test_with_two_references_it_says_what_it_needs():
    laid = bench({"before": drawn(1, 0, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(2, 0, 1))
    assert "at least 3 references" in Agreement().why_not(laid)
