"""Relearning on real models: what is hidden comes back, what never was there does not."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from disgorge_core.audit.bench import REMOVED
from disgorge_core.audit.checks.few_shot import ONE, FewShot
from disgorge_core.audit.checks.relearning import Relearning
from disgorge_core.audit.checks.trace import traces
from disgorge_core.audit.contract import price_of
from disgorge_core.audit.more_training import DIVERGED
from disgorge_core.auditing import Pair, evidence
from disgorge_core.types import Decides, Marks, Model, Recipe
from tests.audit import trained
from tests.methods.small import digits

CHANCE = 1 / 21  # 20 references are trained further


@cache
def relearned(check, what: str, suppressed: bool):
    return check.run(trained.bench(hidden(what) if suppressed else None, what))[0].finding


@cache
def hidden(what: str) -> Model:
    """The original with its answers about the records suppressed: by ascent, or in the last bias."""
    if what == "wrong":
        return trained.ascended()
    before = trained.models(what, 1, False, 1)[0]
    network = copy.deepcopy(before.network)
    with torch.no_grad():
        network.get_submodule("head").bias[trained.SEVEN] -= 30
    return replace(before, members=(replace(before.members[0], network=network),))


def test_what_was_suppressed_comes_back_and_a_reference_learns_nothing():
    after = hidden("wrong")
    found = traces(trained.bench(after))
    assert found.judged["after"] < 0.3  # its answers alone look as if nothing were left
    caught = relearned(Relearning(), "wrong", True)
    assert caught.values["after"].low > 0.3 and caught.odds["after"] == CHANCE
    honest = relearned(Relearning(), "wrong", False)
    assert honest.odds["after"] > CHANCE and honest.odds["control"] > CHANCE
    assert honest.values["after"].low <= 0 <= honest.values["after"].high
    assert honest.odds["before"] == CHANCE and honest.decides is Decides.LOWERS


def test_a_class_that_vanished_comes_back_from_a_few_of_its_records():
    """Kept records say nothing of the class, so only `few_shot` sees that it was hidden."""
    assert trained.accuracy(hidden("seven"), digits(trained.WRONG).rows("train")) > 0.7
    assert relearned(Relearning(), "seven", True).odds["after"] > CHANCE
    caught = relearned(FewShot(), "seven", True)
    assert caught.odds["after"] == CHANCE and caught.values["after"].low > 0.5
    assert relearned(FewShot(), "seven", False).odds["after"] > CHANCE


def test_the_verdict_rests_on_it():
    bench = trained.bench(hidden("wrong"))
    pair = Pair(bench.models["before"], bench.models["after"], bench.data, trained.gone("wrong"))
    from disgorge_core.audit.checks.distance import Distance

    measured = [*Distance().run(bench), *Relearning().run(bench)]
    assert evidence(pair, bench, measured, "").p_relearned == CHANCE
    assert evidence(pair, bench, measured[:-1], "").p_relearned is None


def test_a_few_are_drawn_once_and_not_measured():
    rows = np.arange(100, 400)
    few, others = FewShot().split(rows, 3)
    assert len(few) == 20 and sorted([*few, *others]) == rows.tolist()
    assert (
        FewShot().split(rows, 3)[0].tolist() == few.tolist() != FewShot().split(rows, 4)[0].tolist()
    )
    assert [len(FewShot().split(rows[:n], 0)[0]) for n in (2, 10, 50)] == [1, 1, 5]


def test_one_record_has_no_others():
    bench = trained.bench(None, references=3)
    single = bench.sets | {REMOVED: np.arange(len(bench.rows)) == 0}
    assert FewShot().why_not(replace(bench, sets=single)) == ONE
    assert Relearning().why_not(replace(bench, sets=single)) is None


def test_it_needs_references():
    reason = "It needs at least 3 references; there are 2."
    for check in (Relearning(), FewShot()):
        assert check.why_not(trained.bench(None, references=2)) == reason


def test_without_a_trace_the_margins_are_compared():
    """Twins that are references: there is no trace between them, and no model is odd."""
    bench = trained.bench(None, references=6, twins=0)
    alike = bench.reference_models[3:]
    finding = (
        Relearning(epochs=1)
        .run(
            replace(
                bench,
                models=bench.models | {"before": bench.reference_models[0]},
                twin_models=alike,
            )
        )[0]
        .finding
    )
    assert finding.unit == "nats" and finding.odds["after"] > 1 / 7
    assert finding.measure.startswith("Mean margin") and finding.decides is Decides.NOT
    assert finding.values["after"].low < finding.values["after"].value < 0


def test_identical_models_stand_alike():
    bench = trained.bench(trained.models("wrong", 1, False, 1)[0], references=5, twins=2)
    finding = Relearning(epochs=1).run(bench)[0].finding
    before, after = finding.values["before"], finding.values["after"]
    assert after.value == pytest.approx(before.value, abs=0.1)  # the order of records differs


def test_a_training_that_diverges_is_said():
    bench = trained.bench(None, references=3, twins=2)
    before = bench.models["before"]
    fast = replace(before, recipe=replace(before.recipe, lr=100.0, l2=100.0))
    finding = Relearning().run(replace(bench, models=bench.models | {"before": fast}))[0].finding
    assert finding.says == DIVERGED and not finding.odds
    assert np.isnan(finding.values["after"].value)


def test_the_price_is_in_full_trainings():
    marks, recipe = Marks(references=50, twins=10), Recipe(epochs=20)
    assert price_of(Relearning(), marks, recipe) == (4 + 20 + 10) * 3 / 20
    assert price_of(FewShot(epochs=10), Marks(references=19, twins=0), recipe) == 23 * 10 / 20
    assert price_of(Relearning(), marks, None) == 0
