"""Checks on the procedure: KLoM, U-LiRA and the placebo, on ensembles with known margins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import rel_entr
from scipy.stats import norm

from disgorge_core import metrics
from disgorge_core.audit import ensembles
from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.audit.checks.klom import Klom
from disgorge_core.audit.checks.placebo import Placebo, of_originals
from disgorge_core.audit.checks.ulira import Ulira, scores
from disgorge_core.types import About, Marks
from tests.audit.benches import as_logits, bench, dataset, drawn, sets

CAP = math.log(1e5)


def judged_by(left: float, other: float = 3.0, count: int = 20, references: int = 40) -> Bench:
    """A procedure that leaves this much of a trace of 3, and run on other records that much."""
    single = {"before": drawn(1, 3, 1)[0], "after": drawn(1, left, 2)[0]}
    found = bench(single, drawn(references, 0, 3), drawn(count, 3, 4), repeats=count)
    return replace(
        found,
        repeated=as_logits(drawn(count, left, 5)),
        repeated_placebo=as_logits(drawn(count, other, 6)),
    )


def findings(check, found: Bench) -> dict:
    assert check.why_not(found) is None
    return {(m.finding.measure, m.finding.records): m.finding for m in check.run(found)}


# --- KLoM ---------------------------------------------------------------------------------------


def test_histograms_are_those_of_numpy():
    a, b = np.random.default_rng(0).normal(size=(2, 30, 50)).round(1)

    def slow(one, two):
        low, high = min(one.min(), two.min()), max(one.max(), two.max())
        p, q = (np.histogram(m, np.linspace(low, high, 21))[0] / len(m) for m in (one, two))
        q = np.maximum(q, 1e-5)
        return sum(p[k] * math.log(p[k] / q[k]) for k in range(20) if p[k] > 0)

    wanted = [slow(one, two) for one, two in zip(a.T, b.T, strict=True)]
    np.testing.assert_allclose(metrics.klom(a, b), wanted, atol=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.0), (1.0, 1.0), (0.0, 0.5), (0.0, 2.0)])
def test_klom_of_gaussians_is_the_integral(shift, scale):
    """∫ p ln(p / q) over the bins of the joint range, by the normal distribution function."""
    rng = np.random.default_rng(1)
    a, b = shift + scale * rng.normal(size=200_000), rng.normal(size=200_000)
    edges = np.linspace(min(a.min(), b.min()), max(a.max(), b.max()), 21)
    p, q = np.diff(norm.cdf(edges, shift, scale)), np.maximum(np.diff(norm.cdf(edges)), 1e-5)
    wanted = float(rel_entr(p, q).sum())
    assert metrics.klom(a[:, None], b[:, None])[0] == pytest.approx(wanted, abs=0.01)


def test_klom_weighs_answers_that_references_never_give():
    """Half of U outside of R: ½ ln(½ / 1e-5) + ½ ln ½; the other way round it is ln 2."""
    both, one = np.repeat([0.0, 20.0], 10)[:, None], np.zeros((20, 1))
    outside = 0.5 * math.log(0.5 / 1e-5) + 0.5 * math.log(0.5)
    assert metrics.klom(both, one)[0] == pytest.approx(outside)
    assert metrics.klom(one, both)[0] == pytest.approx(math.log(2))


def test_klom_of_the_check_has_that_direction():
    """All references at 0 on removed records, half of the procedure's models at 20."""
    flat = np.zeros((40, 150))
    out = flat[:20].copy()
    out[::2, :30] = 20.0
    found = bench({"before": flat[0], "after": flat[0]}, flat, flat[:20])
    found = findings(Klom(), replace(found, repeated=as_logits(out)))
    value = found["KLoM, mean", REMOVED].values["after"].value
    assert value == pytest.approx(0.5 * math.log(0.5 / 1e-5) + 0.5 * math.log(0.5), rel=1e-6)
    assert found["KLoM, mean", KEPT].values["after"].value == 0


def test_klom_catches_what_is_left_and_not_references():
    bad, good = findings(Klom(), judged_by(left=3)), findings(Klom(), judged_by(left=0))
    mean = ("KLoM, mean", REMOVED)
    assert bad[mean].odds["after"] == 0.01 and good[mean].odds["after"] > 0.05
    assert bad[mean].values["after"].low > bad[mean].values["references"].high
    floor, after = good[mean].values["references"], good[mean].values["after"]
    assert abs(after.value - floor.value) < floor.high - floor.low
    for records in (KEPT, TEST):
        assert bad["KLoM, mean", records].odds["after"] > 0.02
    assert bad[mean].values["before"].value > good[mean].values["after"].value
    assert all(f.about is About.PROCEDURE for f in bad.values())
    worst = bad["KLoM, 95th percentile", REMOVED].values["after"]
    assert bad[mean].values["after"].value < worst.low <= worst.value <= worst.high <= CAP + 1e-9


def test_residuals_are_taken_in_the_unit_of_the_targets():
    """In cents or in thousands of euros: the clip at 100 must not cut large residuals off."""
    rng = np.random.default_rng(8)
    data = dataset("regression")
    outputs = rng.normal(size=(60, len(data)))[..., None]
    outputs[:20] += 2.0

    def mean(unit: float) -> float:
        scaled = replace(data, y=unit * data.y)
        z = unit * outputs
        found = Bench(
            data=scaled, rows=np.arange(len(data)), sets=sets(), judged={"before": z[0], "after": z[0]},
            references=z[20:], twins=z[:0], marks=Marks(), repeated=z[:20],
        )  # fmt: skip
        return findings(Klom(), found)["KLoM, mean", TEST].values["after"].value

    assert mean(1e6) == pytest.approx(mean(1.0)) and mean(1.0) > 4


def test_value_and_floor_are_of_equal_sizes():
    """Of 20 repeats and 24 references twelve stand on each side, in every split."""
    found = judged_by(left=0, references=24)
    assert ensembles.size_of(found) == 12
    for split in ensembles.splits(found):
        stacks = (split.references, split.floor, *split.ensembles.values())
        assert {len(stack) for stack in stacks} == {12}
        assert not set(map(bytes, split.references)) & set(map(bytes, split.floor))
    assert "12 models" in findings(Klom(), found)["KLoM, mean", TEST].says


def test_p_of_a_shuffle_is_fair():
    """Draws of one distribution are refused about as often as the level says."""
    rng = np.random.default_rng(3)

    def apart(a, b):
        return [float(abs(a.mean() - b.mean()))]

    p = [ensembles.shuffled_p(rng.normal(size=(6, 1)), rng.normal(size=(9, 1)), apart, k)[0]
         for k in range(200)]  # fmt: skip
    assert 0.01 < np.mean(np.array(p) <= 0.1) < 0.19
    far = ensembles.shuffled_p(rng.normal(9, 1, size=(6, 1)), rng.normal(size=(9, 1)), apart, 0)
    assert far == [0.01]


# --- U-LiRA -------------------------------------------------------------------------------------


def test_scores_are_likelihood_ratios_of_the_other_fifths():
    rng = np.random.default_rng(2)
    ours, references = rng.normal(2, 1, size=(10, 3)), rng.normal(0, 2, size=(15, 3))
    members, others = scores(ours, references, 0.0)[1]
    rest, rest_of_references = np.delete(ours, [1, 6], 0), np.delete(references, [1, 6, 11], 0)
    for rows, stack, got in (((1, 6), ours, members), ((1, 6, 11), references, others)):
        wanted = [
            norm.logpdf(stack[row, x], rest[:, x].mean(), rest[:, x].std(ddof=1))
            - norm.logpdf(
                stack[row, x], rest_of_references[:, x].mean(), rest_of_references[:, x].std(ddof=1)
            )
            for row in rows
            for x in range(3)
        ]
        np.testing.assert_allclose(got, wanted)


def test_the_attack_names_originals_and_not_references():
    bad, good = findings(Ulira(), judged_by(left=3)), findings(Ulira(), judged_by(left=0))
    area, caught = ("U-LiRA attack (AUC)", REMOVED), ("U-LiRA: found at 1 % false alarms", REMOVED)
    assert bad[area].values["after"].value > 0.9 and bad[area].odds["after"] == 0.01
    assert bad[area].values["before"].value > 0.9
    assert all(e.low < e.high for f in bad.values() for e in f.values.values())
    assert good[area].values["after"].low < 0.5 < good[area].values["after"].high
    assert good[area].values["before"].value > 0.9 and good[area].odds["after"] > 0.05
    assert bad[caught].values["after"].low > good[caught].values["references"].high
    assert good[caught].values["after"].low <= good[caught].values["after"].value < 0.1


def test_equal_ensembles_are_expected_at_a_half():
    """Where one model at a time is left out they are expected below it."""
    rng = np.random.default_rng(5)
    areas = []
    for _ in range(60):
        scored = scores(rng.normal(size=(10, 20)), rng.normal(size=(10, 20)), 0.0)
        areas += [float((m[:, None] > o).mean()) for m, o in scored]
    assert np.mean(areas) == pytest.approx(0.5, abs=3 * np.std(areas) / math.sqrt(len(areas)))


def test_few_records_have_no_share_at_one_percent():
    found = judged_by(left=0)
    found.sets[REMOVED][4:] = False  # four models of a fifth, four records
    said = findings(Ulira(), found)
    assert list(said) == [("U-LiRA attack (AUC)", REMOVED)]
    assert "not measurable" in said["U-LiRA attack (AUC)", REMOVED].says
    assert "there are 16" in said["U-LiRA attack (AUC)", REMOVED].says


# --- placebo ------------------------------------------------------------------------------------


def test_a_specific_effect_is_told_from_harm_at_large():
    effect = ("Effect that is specific to the records", REMOVED)
    specific = findings(Placebo(), judged_by(left=0, other=3))
    at_large = findings(Placebo(), judged_by(left=0, other=0))
    assert specific[effect].values["after"].low > 0.8
    assert at_large[effect].values["after"].low < 0.05 < at_large[effect].values["after"].high + 0.1
    assert specific[effect].about is About.PROCEDURE
    runs = specific["Trace over many originals", REMOVED]
    assert runs.values["placebo"].value == pytest.approx(1, abs=0.1)
    assert runs.values["after"].value == pytest.approx(0, abs=0.1)
    assert {len(array) for array in runs.arrays.values()} == {20}


def test_a_method_that_does_nothing_is_measured_without_its_own_twin():
    """Outcomes that are the twins themselves are no further along than fresh twins are."""
    found = judged_by(left=3)
    same = of_originals(replace(found, repeated=found.twins))["after"]
    fresh = of_originals(found)["after"]
    half = 3 * math.hypot(same.std(), fresh.std()) / math.sqrt(len(same))
    assert same.mean() == pytest.approx(fresh.mean(), abs=half)


def test_a_single_placebo_speaks_of_this_model():
    judged = {"before": drawn(1, 3, 1)[0], "after": drawn(1, 0, 2)[0], "placebo": drawn(1, 3, 7)[0]}
    found = bench(judged, drawn(21, 0, 3), drawn(10, 3, 4))
    measured = Placebo().run(found)
    assert len(measured) == 1 and measured[0].ranked is None
    finding = measured[0].finding
    assert finding.about is About.MODEL
    value = finding.values["after"]
    assert value.low < 1 < value.high and value.low > 0.5


# --- bad input ----------------------------------------------------------------------------------


def test_what_is_missing_is_said():
    judged = {"before": drawn(1, 3, 1)[0], "after": drawn(1, 0, 2)[0]}
    single = bench(judged, drawn(21, 0, 3), drawn(10, 3, 4))
    for check in (Klom(), Ulira()):
        assert "set Repeats to 20 or more" in check.why_not(single)
        assert "there are 5" in check.why_not(judged_by(left=0, count=5))
        assert "20 references; there are 19" in check.why_not(judged_by(left=0, references=19))
    assert "run on other records" in Placebo().why_not(single)
    seen_all = replace(single, judged=single.judged | {"placebo": single.judged["before"]})
    flat = replace(seen_all, twins=as_logits(drawn(10, 0, 9)))
    assert "cannot be told apart" in Placebo().why_not(flat)


def test_repeats_that_broke_are_counted():
    found = judged_by(left=0, count=21)
    found = replace(found, repeated=found.repeated[1:], twins=found.twins[1:],
                    repeated_placebo=found.repeated_placebo[1:])  # fmt: skip
    for check in (Klom(), Ulira(), Placebo()):
        said = next(iter(findings(check, found).values())).says
        assert "1 of 21 repeats are left out" in said


def test_one_removed_record_and_identical_models_have_numbers():
    found = judged_by(left=0)
    found.sets[REMOVED][1:] = False
    for check in (Klom(), Ulira()):
        assert all(np.isfinite(f.values["after"].value) for f in findings(check, found).values())
    same = np.zeros((40, 150))
    flat = bench({"before": same[0], "after": same[0]}, same, same[:20])
    flat = replace(flat, repeated=as_logits(same[:20]))
    area = findings(Ulira(), flat)["U-LiRA attack (AUC)", REMOVED]
    assert area.values["after"].value == 0.5 and area.odds["after"] == 1
    assert findings(Klom(), flat)["KLoM, mean", REMOVED].values["after"].value == 0
