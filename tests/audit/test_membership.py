"""The membership attack by loops over its formula, at extreme probabilities, and on planted models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.checks.membership import Membership, log_ratios, scores, scores_within
from tests.audit.benches import as_logits, bench, drawn, sets

AREA, CAUGHT = "Membership attack (AUC)", "Found at 1 % false alarms"


def measured(laid, gamma: float = 1.0) -> dict[tuple[str, str], object]:
    found = [m.finding for m in Membership(gamma).run(laid)]
    return {(f.measure, f.records): f for f in found}


def with_many_tests(laid):
    """Kept records count as test records, so that there are 120 of them."""
    both = sets()[KEPT] | sets()[TEST]
    return replace(laid, sets={REMOVED: sets()[REMOVED], KEPT: np.zeros(150, bool), TEST: both})


@pytest.mark.parametrize("gamma", [1.0, 1.3, 0.8])
def test_scores_and_area_by_loops_over_the_formula(gamma):
    references, before = drawn(5, 0, 1), drawn(1, 3, 2)[0]
    laid = bench({"before": before, "after": drawn(1, 0, 3)[0]}, references)
    p = softmax(laid.judged["before"], axis=1)[:, 0].astype(float)
    bar = softmax(laid.references, axis=2)[..., 0].astype(float).mean(0)
    inside, test = np.flatnonzero(sets()[REMOVED]), np.flatnonzero(sets()[TEST])

    def score(x, population):
        return np.mean([(p[x] / bar[x]) / (p[z] / bar[z]) >= gamma for z in population])

    members = [score(x, test) for x in inside]
    others = [score(x, [z for z in test if z != x]) for x in test]
    found = measured(laid, gamma)[AREA, REMOVED]
    assert found.arrays["before"] == pytest.approx(members)
    by_pairs = np.mean([(a > b) + 0.5 * (a == b) for a in members for b in others])
    assert found.values["before"].value == pytest.approx(by_pairs)
    assert found.arrays["rows"].tolist() == inside.tolist()


def test_each_reference_is_attacked_by_the_others():
    references = drawn(4, 0, 1, spread=2.0)
    laid = bench({"before": references[0], "after": references[1]}, references)
    _, own = log_ratios(laid)
    p = softmax(as_logits(references), axis=2)[..., 0]
    for i in range(4):
        assert own[i] == pytest.approx(np.log(p[i] / np.delete(p, i, axis=0).mean(0)), abs=1e-4)


def test_probabilities_that_are_no_floats_any_more_still_have_ratios():
    """e^-900 is 0 as a float; one reference that is sure does not hide what the others say."""
    references = np.full((3, 150), -900.0)
    references[0] = 900.0
    laid = bench({"before": np.full(150, -800.0), "after": references[0]}, references)
    judged, own = log_ratios(laid)
    assert judged["before"] == pytest.approx(np.full(150, -800 + np.log(3)), abs=1e-4)
    assert own[0] == pytest.approx(np.full(150, 900.0))
    assert own[1] == pytest.approx(np.full(150, -900 + np.log(2)), abs=1e-4)


def test_the_score_of_a_population_record_leaves_it_out_and_halves_ties():
    population = np.array([0.0, 1.0, 1.0, 5.0])
    assert scores_within(population).tolist() == [0, 0.5, 0.5, 1]
    assert scores(np.array([1.0, -1.0]), population).tolist() == [0.5, 0]
    assert scores_within(population, gamma=1.01).tolist() == [0, 1 / 3, 1 / 3, 1]


def test_members_are_found_before_and_not_after():
    references = drawn(25, 0, 1, spread=0.5)
    laid = bench({"before": drawn(1, 4, 2, 0.5)[0], "after": drawn(1, 0, 3, 0.5)[0]}, references)
    found = measured(laid)[AREA, REMOVED]
    before, after = found.values["before"], found.values["after"]
    assert before.low > 0.6 and found.odds["before"] == 1 / 26
    assert after.low < 0.5 < after.high and found.odds["after"] > 0.05
    assert 0.4 < found.values["references"].value < 0.6


def test_kept_records_that_became_more_exposed_are_seen():
    references = drawn(25, 0, 1, spread=0.5)
    exposed = drawn(1, 0, 2, 0.5)[0] + 4 * sets()[KEPT]
    found = measured(bench({"before": drawn(1, 0, 3, 0.5)[0], "after": exposed}, references))
    assert found[AREA, KEPT].odds["after"] == 1 / 26 < 0.05 < found[AREA, KEPT].odds["before"]
    assert found[AREA, REMOVED].odds["after"] > 0.05


def test_the_placebo_is_attacked_on_what_it_kept():
    references, removed = drawn(20, 0, 1, 0.3), np.arange(150) % 2 == 0
    placebo = references[0] - 9 * (removed & sets()[KEPT])
    laid = bench({"before": references[1], "after": references[2], "placebo": placebo}, references)
    whole = measured(laid)[AREA, KEPT].values["placebo"]
    kept = measured(replace(laid, placebo_set=removed))[AREA, KEPT].values["placebo"]
    assert (whole.n, kept.n) == (60, 30) and whole.value < 0.3 < kept.value


def test_a_record_that_is_remembered_alone_is_the_worst():
    references = drawn(26, 0, 1, spread=0.3)
    one, references = references[0].copy(), references[1:]
    odd = int(
        references.mean(0)[sets()[REMOVED]].argmin()
    )  # the one that they are most wrong about
    one[odd] += 9
    arrays = measured(bench({"before": one, "after": one}, references))[AREA, REMOVED].arrays
    assert arrays["rows"][arrays["after"].argmax()] == odd
    assert arrays["p"][odd] == 1 / 26 and np.median(arrays["p"]) > 0.2
    assert {len(a) for a in arrays.values()} == {30}


def test_few_false_alarms_are_measured_with_a_hundred_test_records_only():
    references, before = drawn(25, 0, 1, spread=0.3), drawn(1, 9, 2, 0.3)[0]
    laid = bench({"before": before, "after": references[0]}, references)
    found = measured(laid)
    assert (CAUGHT, REMOVED) not in found
    assert "needs 100 test records, and there are 60" in found[AREA, REMOVED].says
    many = measured(with_many_tests(laid))
    assert "not measurable" not in many[AREA, REMOVED].says
    caught = many[CAUGHT, REMOVED]
    judged, _ = log_ratios(laid)
    line = np.sort(judged["before"][sets()[KEPT] | sets()[TEST]])[-2]  # one in 120 is above it
    by_hand = np.mean(judged["before"][sets()[REMOVED]] > line)
    assert caught.values["before"].value == pytest.approx(by_hand)
    assert caught.values["before"].low < by_hand < caught.values["before"].high
    assert caught.odds["before"] == 1 / 26


def test_one_removed_record_equal_models_and_a_class_that_vanished():
    same = drawn(1, 0, 2)[0]
    references = np.tile(same - 60 * sets()[REMOVED], (20, 1))  # they never answer its class
    laid = bench({"before": same, "after": same}, references)
    found = measured(replace(laid, sets=sets() | {REMOVED: np.arange(150) == 0}))[AREA, REMOVED]
    assert found.values["after"] == found.values["before"]
    assert found.values["after"].value > 0.98 and found.values["after"].low < 0.6
    assert found.odds["after"] == 1 / 21


def test_rounding_is_no_membership():
    """References of a closed form are one model up to rounding, and so is the model after."""
    one = drawn(1, 3, 2)[0]
    references = one + 1e-6 * drawn(20, 0, 1)
    found = measured(bench({"before": one + 3 * sets()[REMOVED], "after": one}, references))
    after = found[AREA, REMOVED].values["after"]
    assert after.value == 0.5 and found[AREA, REMOVED].odds["after"] == 1
    assert found[AREA, REMOVED].odds["before"] == 1 / 21


def test_it_says_what_it_needs():
    laid = bench({"before": drawn(1, 0, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(2, 0, 1))
    assert "at least 3 references" in Membership().why_not(laid)
    enough = replace(laid, references=as_logits(drawn(3, 0, 1)))
    assert Membership().why_not(enough) is None
    nobody = replace(enough, sets=sets() | {TEST: np.arange(150) == 149})
    assert "test or validation records" in Membership().why_not(nobody)
