"""Audits as tasks: pairs made elsewhere, and what goes wrong: one sentence each, nothing lost."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disgorge_core import training
from disgorge_core.audit.bench import KEPT, REMOVED
from disgorge_core.cases import Cases, Recent
from disgorge_core.data.forget_set import from_mask
from disgorge_core.errors import BadParam, Cancelled, Diverged
from disgorge_core.jobs import references as reference_models
from disgorge_core.jobs.audits import report_of
from disgorge_core.jobs.pairs import limits
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.jobs.uploaded import keep_reference
from disgorge_core.runs import result
from disgorge_core.runs.run import RESULT
from disgorge_core.store import Workspace
from disgorge_core.types import (
    Array,
    AuditReport,
    Lineage,
    Member,
    Model,
    Progress,
    Recipe,
    silent,
)
from disgorge_core.words import PAIR_LIMITS, VERDICTS, reservation
from tests.jobs import bench
from tests.methods.small import first

RECIPE = Recipe(epochs=4, lr=0.1, batch=32)
FAST = "distance,trace,quality,agreement,membership,collateral"
MARKS = {"references": 5, "twins": 2, "checks": FAST}


def desk_of(folder: Path, *models: Model) -> Desk:
    workspace = Workspace(folder)
    cases = Cases(workspace)
    made = models or (training.fit(bench.data(), bench.LAYERS, RECIPE, name="before"),)
    case = cases.create("Digits", bench.data(), made)
    return Desk(cases, case.id, folder, silent, Recent(8, workspace.model))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_of(tmp_path)


def removal(desk: Desk, fid: str, method: str = "finetune", **settings: object) -> str:
    """The id of a finished run."""
    request = {
        "task": "disgorge", "model": desk.case.models[0], "forget": fid, "method": method,
        "settings": settings, "seed": 0, "references": 0, "marks": {},
    }  # fmt: skip
    run = desk.cases.queue(desk.case_id, request)
    result.save(run.folder / RESULT, task_of(request).run(desk))
    return run.id


def audited(desk: Desk, run: str, **marks: object) -> AuditReport:
    found = task_of({"task": "audit", "audited": run, "marks": MARKS | marks}).run(desk)
    return report_of(found.values, found.arrays)


def pair(desk: Desk, before: str, after: str, fid: str, **marks: object) -> AuditReport:
    request = {"task": "audit_pair", "before": before, "after": after, "forget": fid}
    found = task_of({**request, "marks": MARKS | marks}).run(desk)
    return report_of(found.values, found.arrays)


def nudged(model: Model, by: float) -> Model:
    """The model with another last bias, brought from elsewhere."""
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        network.get_submodule("head").bias[0] += by
    member = Member(network, model.preprocessing)
    return replace(model, members=(member,), name="theirs", lineage=Lineage("uploaded", "stated"))


def saved(desk: Desk, mask: Array) -> str:
    return desk.cases.save_forget(desk.case_id, from_mask(desk.data, mask, "query", name="F"))


# --- pairs made elsewhere -----------------------------------------------------------------------


def test_a_pair_is_measured_as_a_run_is_but_nothing_is_claimed_for_it(desk: Desk) -> None:
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    run = removal(desk, fid, "retrain")
    values = desk.cases.run(desk.case_id, run).result().values
    of_run, of_pair = audited(desk, run), pair(desk, values["before"], values["after"], fid)
    assert of_run.verdict.key == "exact" and of_pair.verdict.key != "exact"
    found = [
        next(f for f in r.findings if (f.check, f.records) == ("distance", REMOVED))
        for r in (of_run, of_pair)
    ]
    assert found[0].values["after"].value == pytest.approx(found[1].values["after"].value)
    assert "placebo" in found[0].values and "placebo" not in found[1].values


def test_what_cannot_be_tested_of_a_pair_is_said(desk: Desk) -> None:
    before = desk.model(desk.case.models[0])
    unknown = replace(nudged(before, 1.0), recipe=None, seen=None)
    later = desk.cases.add_model(desk.case_id, unknown)
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    said = limits(desk, desk.case.models[0], later, fid)
    assert said == (PAIR_LIMITS["how unknown"], PAIR_LIMITS["after unknown"])
    said = limits(desk, later, desk.case.models[0], fid)
    assert reservation("no recipe") in said and PAIR_LIMITS["no references"] in said
    assert PAIR_LIMITS["saw them"].format(count=15) in said
    keep_reference(desk.cases, desk.case_id, fid, nudged(unknown, 2.0))
    assert PAIR_LIMITS["own references"].format(count=1) in limits(
        desk, later, desk.case.models[0], fid
    )


def test_the_same_model_twice_is_refused(desk: Desk) -> None:
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    with pytest.raises(BadParam, match="the same model"):
        pair(desk, desk.case.models[0], desk.case.models[0], fid)


def test_answers_that_are_not_numbers_are_said_and_conclude_nothing(desk: Desk) -> None:
    broken = nudged(desk.model(desk.case.models[0]), float("nan"))
    later = desk.cases.add_model(desk.case_id, broken)
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    report = pair(desk, desk.case.models[0], later, fid, references=0, twins=0)
    assert report.verdict.key == "cannot tell" and not report.findings
    assert "The model after gives answers that are not numbers" in report.verdict.reasons[0]


def test_references_whose_answers_are_not_numbers_are_left_out_and_counted(desk: Desk) -> None:
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    before = desk.model(desk.case.models[0])
    kept = tuple(sorted(set(before.seen or ()) - set(desk.cases.forget(desk.case_id, fid).ids)))
    for by in (1.0, 2.0, float("nan")):
        keep_reference(desk.cases, desk.case_id, fid, replace(nudged(before, by), seen=kept))
    later = desk.cases.add_model(desk.case_id, nudged(before, 3.0))
    report = pair(desk, desk.case.models[0], later, fid, references=4)
    assert report.references == 6
    assert reservation("references broken", 1) in report.verdict.reasons


# --- what goes wrong ----------------------------------------------------------------------------


def test_one_record_is_enough_for_an_audit(desk: Desk) -> None:
    run = removal(desk, desk.cases.save_forget(desk.case_id, first(desk.data, 1)))
    report = audited(desk, run)
    assert report.verdict.key in VERDICTS
    far = next(f for f in report.findings if (f.check, f.records) == ("distance", REMOVED))
    assert far.arrays["rows"].size == 1 and np.isfinite(far.values["after"].value)


def test_four_references_refuse_nothing(desk: Desk) -> None:
    run = removal(desk, desk.cases.save_forget(desk.case_id, first(desk.data, 15)))
    verdict = audited(desk, run, references=4).verdict
    assert verdict.key == "cannot tell"
    assert "There are 4 references; with fewer than 19" in verdict.reasons[0]


def test_a_class_that_vanishes_from_the_kept_records_is_still_told_apart(desk: Desk) -> None:
    fid = saved(desk, (desk.data.y == 3) & (desk.data.split == 0))
    report = audited(desk, removal(desk, fid, "retrain"))
    assert report.verdict.key == "exact"
    found = next(f for f in report.findings if (f.check, f.records) == ("collateral", KEPT))
    assert np.isfinite(found.values["after"].value)


def test_a_recipe_that_diverges_is_said_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    before = training.fit(bench.data(), bench.LAYERS, RECIPE, name="before")
    wild = replace(
        before,
        recipe=replace(RECIPE, lr=50.0, l2=1.0, epochs=30),
        lineage=Lineage("uploaded", "stated"),
    )
    desk = desk_of(tmp_path, wild, nudged(before, 1.0))
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    with pytest.raises(Diverged) as caught:
        pair(desk, *desk.case.models, fid)
    assert "cannot be trained by the recipe" in caught.value.problem
    assert "State the recipe" in caught.value.remedy
    assert len(desk.case.models) == 2
    report = pair(desk, *desk.case.models, fid, references=0, twins=0)
    assert report.verdict.key == "cannot tell"


def test_what_was_trained_before_a_cancel_is_used_by_the_next_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = removal(desk, desk.cases.save_forget(desk.case_id, first(desk.data, 15)))
    trained: list[int] = []
    really = training.refit_many

    def counted(model: Model, data: object, keep: Array, seeds: Sequence[int], **more: object):
        trained.extend(seeds)
        return really(model, data, keep, seeds, **more)

    def cancelled(progress: Progress) -> None:
        if len(trained) > 10:  # the second handful has begun
            raise Cancelled("You stopped it.")

    monkeypatch.setattr(reference_models.training, "refit_many", counted)
    with pytest.raises(Cancelled):
        audited(replace(desk, report=cancelled), run, references=12)
    assert len(trained) == 13
    del trained[:]
    assert audited(desk, run, references=12).references == 12
    assert len(trained) == 3 + 2  # what was missing, and the twins
