"""The anamnesis index: by hand, for a model that still knows the records, and for one that never did."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from disgorge_core.audit.checks.anamnesis import KNOWN, Anamnesis, index, reached
from disgorge_core.audit.contract import price_of
from disgorge_core.audit.more_training import DIVERGED
from disgorge_core.types import Marks, Recipe
from tests.audit import trained


def test_the_index_by_hand():
    """Of r = 2 among references 1, 4, 4: s = √3, t = 2.920 at 5 % on each side and 2 degrees of freedom."""
    found = index(2.0, np.array([1.0, 4.0, 4.0]), 10, 0.05)
    reach = 2.91999 * np.sqrt(3) * np.sqrt(4 / 3) / 4
    assert (found.value, found.low, found.n) == (0.5, 0.0, 3)
    assert found.high == pytest.approx(0.5 + reach, abs=1e-4)
    assert index(9.0, np.array([3.0, 3.0]), 10, 0.05).low == 3
    assert index(0.0, np.array([2.0, 3.0]), 10, 0.05).value == 0


def test_nothing_is_said_where_nobody_came_back():
    assert np.isnan(index(10, np.array([10.0, 10.0]), 10, 0.05).value)
    assert index(4.0, np.array([10.0, 10.0]), 10, 0.05).value == 0.4
    assert index(10, np.array([5.0, 5.0]), 10, 0.05).value == 2


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [([0.9], 0.0), ([0.2, 0.8], 1.0), ([0.2, 0.4, 1.0], 1 + 2 / 3), ([0.2, 0.4], 9.0)],
)
def test_epochs_lie_on_straight_lines(curve, epochs):
    assert reached(curve, 0.8, 9) == pytest.approx(epochs)


@cache
def bench(still_knows: bool):
    before = trained.models("seven", 1, False, 1)[0]
    return trained.bench(before if still_knows else None, "seven", references=9, twins=2)


def test_a_model_that_still_knows_them_needs_no_time_and_a_reference_as_much_as_others():
    knows = Anamnesis(cap=8).run(bench(True))[0].finding
    assert knows.values["after"].value == 0 < knows.values["references"].low
    honest = Anamnesis(cap=8).run(bench(False))[0].finding
    assert honest.values["after"].low <= 1 <= honest.values["after"].high
    assert honest.values["references"].n == 9 and not honest.odds
    assert "before" not in honest.values


def test_models_that_are_not_back_in_time_are_named():
    finding = Anamnesis(cap=1).run(trained.bench(None, "wrong", references=3, twins=0))[0].finding
    assert "after 1 epochs" in finding.says.lower() and "3 references" in finding.says
    assert np.isnan(finding.values["after"].value) and np.isnan(finding.values["references"].value)


def test_progress_only_goes_forward():
    heard = []
    Anamnesis(cap=3).run(replace(trained.bench(None, references=3), report=heard.append))
    shares = [p.share for p in heard]
    assert len(shares) > 3 and shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_not_measurable_where_references_know_the_records_too():
    laid = bench(False)
    alike = replace(laid, references=np.repeat(laid.judged["before"][None], 4, axis=0))
    assert Anamnesis().why_not(replace(alike, reference_models=laid.reference_models[:4])) == KNOWN
    some = np.concatenate(
        [alike.references[:3], *[laid.references] * 3]
    )  # 9 are timed, 3 of them know
    models = laid.reference_models[:3] + laid.reference_models * 3
    assert Anamnesis().why_not(replace(laid, references=some, reference_models=models)) == KNOWN
    assert Anamnesis().why_not(laid) is None
    assert "references" in Anamnesis().why_not(trained.bench(None, references=2))


def test_a_training_that_diverges_is_said():
    laid = bench(False)
    before = laid.models["before"]
    fast = replace(before, recipe=replace(before.recipe, lr=100.0, l2=100.0))
    finding = Anamnesis().run(replace(laid, models=laid.models | {"before": fast}))[0].finding
    assert finding.says == DIVERGED and np.isnan(finding.values["after"].value)


def test_the_price_is_in_full_trainings():
    assert price_of(Anamnesis(cap=10), Marks(references=50), Recipe(epochs=20)) == (4 + 9) / 2
