"""dg.audit: of an outcome and of a pair made elsewhere, with numbers, given models and repeats."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import disgorge_core as dg
from disgorge_core import controls
from disgorge_core.audit.bench import REMOVED
from disgorge_core.auditing import Beside, examine
from disgorge_core.data import forget_set
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.types import About, Progress
from tests.methods.small import digits, first, plain

FAST = ["distance", "trace", "quality"]


@pytest.fixture(scope="module")
def outcome() -> dg.Outcome:
    return dg.disgorge(
        plain(15), digits(15), first(digits(15)), "finetune", seed=5, epochs=1, lr=0.01
    )


def many(keep: np.ndarray, seeds: list[int]) -> tuple[dg.Model, ...]:
    masks = np.repeat(keep[None], len(seeds), 0)
    return dg.refit_many(plain(15), digits(15), masks, seeds).models


def test_an_audit_is_the_checks_on_models_trained_with_other_seeds(outcome):
    """References from seed 1000, the control after them, twins from 2000, the placebo by the method."""
    report = dg.audit(outcome, references=4, twins=2, checks=FAST, seed=3)
    pair = dg.Pair(outcome.before, outcome.model, outcome.data, outcome.forget, recipe="known")
    facts = pair.facts()
    references = many(facts.keep, [1000, 1001, 1002, 1003, 1004])
    removed = controls.placebo_set(facts, 3)
    other = forget_set.from_mask(outcome.data, removed, "placebo")
    placebo = dg.disgorge(plain(15), digits(15), other, "finetune", seed=5, epochs=1, lr=0.01).model
    beside = Beside(
        references[:4],
        many(facts.keep | facts.forget, [2000, 2001]),
        references[4],
        placebo,
        removed,
    )
    marks = dg.Marks(references=4, twins=2, seed=3, checks=",".join(FAST))
    wanted = examine(pair, beside, marks)
    assert report.to_json() == wanted.to_json()
    assert {f.check for f in report.findings} >= {"distance", "quality"}
    assert all("placebo" in f.values for f in report.findings if f.check == "distance")


def test_a_pair_has_no_placebo_and_an_unchecked_recipe(outcome):
    pair = dg.Pair(outcome.before, outcome.model, outcome.data, outcome.forget)
    heard: list[Progress] = []
    report = dg.audit(pair, references=3, twins=0, checks=["distance"], report=heard.append)
    assert pair.recipe == "unchecked"
    assert set(report.findings[0].values) == {"before", "after", "control", "references"}
    assert report.references == 3 and report.twins == 0
    shares = [p.share for p in heard]
    assert shares == sorted(shares) and shares[-1] <= 1


def test_references_may_be_given(outcome):
    keep = ~outcome.forget.mask(outcome.data)
    given = many(keep, [71, 72, 73])
    report = dg.audit(outcome, references=given, twins=0, checks=["distance"])
    own = dg.audit(outcome, references=3, twins=0, checks=["distance"])
    assert report.references == report.marks.references == 3
    assert report.findings[0].values["after"] != own.findings[0].values["after"]
    with pytest.raises(BadModel, match="seen 15 of the removed records"):
        dg.audit(outcome, references=[outcome.before], twins=0)


def test_the_method_is_repeated_on_twins(outcome):
    heard: list[Progress] = []
    report = dg.audit(
        outcome, references=20, twins=1, repeats=20, checks=["klom", "ulira"], report=heard.append
    )
    shares = [p.share for p in heard if p.message == "Repeats"]
    assert len(set(shares)) >= 40 and shares == sorted(shares)
    found = {f.measure: f for f in report.findings if f.records == REMOVED}
    assert report.twins == 20
    assert all(f.about is About.PROCEDURE for f in found.values())
    assert {"before", "after", "placebo", "references"} == set(found["KLoM, mean"].values)


def test_marks_are_taken_whole(outcome):
    marks = dg.Marks(references=3, twins=0, checks="quality", tolerance=0.3)
    report = dg.audit(outcome, references=9, marks=marks)
    assert report.marks == marks and report.references == 3


def test_what_cannot_be_is_said(outcome):
    for wrong, what in ({"repeats": 3}, "3 repeats"), ({"checks": ["no"]}, "no check 'no'"):
        with pytest.raises(BadParam, match=what):
            dg.audit(outcome, **wrong)
    with pytest.raises(BadParam):
        dg.audit(outcome, references=500)


def test_without_a_recipe_the_audit_says_what_is_not_tested(outcome):
    before = replace(outcome.before, recipe=None)
    pair = dg.Pair(before, outcome.model, outcome.data, outcome.forget, recipe="unknown")
    report = dg.audit(pair, references=5, twins=1)
    assert report.references == report.twins == 0
    assert report.verdict.key == "cannot tell"
    assert {"distance", "trace", "klom"} <= {one.check for one in report.skipped}


def test_an_outcome_after_an_earlier_removal_knows_it(outcome):
    data = digits(15)
    second = forget_set.from_mask(
        data, np.isin(np.arange(len(data)), data.rows("train")[20:30]), "b"
    )
    later = dg.disgorge(
        outcome.model, data, second, "finetune", excluded=[outcome.forget], epochs=1
    )
    assert later.excluded == (outcome.forget,)
    report = dg.audit(later, references=3, twins=0, checks=["distance"])
    removed = next(f for f in report.findings if f.records == REMOVED)
    assert removed.arrays["rows"].tolist() == data.rows("train")[20:30].tolist()


def test_the_report_as_json_holds_what_it_found(outcome):
    report = dg.audit(outcome, references=3, twins=0, checks=["quality", "distance"])
    broken = replace(report.findings[0], values={"after": replace(
        report.findings[0].values["after"], low=-np.inf)})  # fmt: skip
    plain_values = json.loads(replace(report, findings=(broken,)).to_json())
    assert plain_values["verdict"]["key"] == report.verdict.key
    assert plain_values["findings"][0]["values"]["after"]["low"] is None
    assert plain_values["findings"][0]["values"]["after"]["value"] == broken.values["after"].value
    assert plain_values["marks"]["references"] == 3
    assert plain_values["marks_digest"] == report.marks.digest
    assert plain_values["digest"] != json.loads(report.to_json())["digest"]
