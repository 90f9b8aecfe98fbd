"""Repeats of a method over many originals: made once, by their own seeds, kept when stopped half-way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disgorge_core import disgorging, training
from disgorge_core.audit.bench import REMOVED
from disgorge_core.cases import Cases, Recent
from disgorge_core.controls import FIRST_TWIN, placebo_set
from disgorge_core.errors import BadParam, Cancelled, NotApplicable
from disgorge_core.jobs.audits import report_of
from disgorge_core.jobs.placebo import Again
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.jobs.tasks.audit import pair_of
from disgorge_core.models.saved import load_model_folder
from disgorge_core.runs import result
from disgorge_core.runs.run import RESULT, Run
from disgorge_core.store import Workspace
from disgorge_core.types import About, Progress, Recipe, silent
from tests.jobs import bench
from tests.methods.small import first

RECIPE = Recipe(epochs=3, lr=0.1, batch=32)
MARKS = {"references": 40, "twins": 2, "repeats": 20, "checks": "klom,ulira,placebo"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder: Path = tmp_path_factory.mktemp("repeats")
    workspace = Workspace(folder)
    cases = Cases(workspace)
    model = training.fit(bench.data(), bench.LAYERS, RECIPE, name="before")
    case = cases.create("Digits", bench.data(), (model,))
    cases.save_forget(case.id, first(bench.data(), 15))
    return Desk(cases, case.id, folder, silent, Recent(80, workspace.model))


def removal(desk: Desk, method: str, **settings: object) -> Run:
    fid = desk.cases.forget_sets(desk.case_id)[0][0]
    request = {
        "task": "disgorge", "model": desk.case.models[0], "forget": fid, "method": method,
        "settings": settings, "seed": 0, "references": 0, "marks": {},
    }  # fmt: skip
    run = desk.cases.queue(desk.case_id, request)
    result.save(run.folder / RESULT, task_of(request).run(desk))
    return run


def audit(desk: Desk, run: Run, **marks: object):
    found = task_of({"task": "audit", "audited": run.id, "marks": MARKS | marks}).run(desk)
    return report_of(found.values, found.arrays)


def kept(desk: Desk, task: str) -> list[Path]:
    folders = (desk.cases.workspace.root / "cache").glob("*/request.json")
    return sorted(p.parent for p in folders if f'"{task}"' in p.read_text())


def test_retraining_many_originals_is_no_copy_of_the_references(desk):
    """A retrain takes the seed of the original: were twins of the references' seeds, KLoM would be 0."""
    report = audit(desk, removal(desk, "retrain"))
    done = {f.check for f in report.findings} | {s.check for s in report.skipped}
    assert {"klom", "ulira", "placebo"} <= done
    mean = next(f for f in report.findings if f.measure == "KLoM, mean" and f.records == REMOVED)
    assert mean.about is About.PROCEDURE and mean.values["after"].value > 0.5
    assert mean.odds["after"] > 0.05
    area = next(f for f in report.findings if f.check == "ulira")
    assert area.values["after"].low < 0.5 < area.values["after"].high


def test_a_repeat_is_the_method_on_a_twin_with_its_seed(desk, monkeypatch):
    run = removal(desk, "finetune", epochs=1)
    before = set(kept(desk, "repeats"))
    audit(desk, run)
    folders = sorted(set(kept(desk, "repeats")) - before)
    assert len(folders) == 2  # the records, and the placebo
    seeds = {str(FIRST_TWIN + k) for k in range(20)}
    assert all({p.name for p in f.iterdir() if p.is_dir()} == seeds for f in folders)
    pair = pair_of(desk, run)
    facts = pair.facts()
    keep = (facts.keep | facts.forget)[None]
    twin = training.refit_many(pair.before, desk.data, keep, [FIRST_TWIN + 3]).models[0]
    wanted = disgorging.disgorge(
        twin, desk.data, pair.forget, "finetune", seed=FIRST_TWIN + 3, settings={"epochs": 1}
    )
    found = [load_model_folder(f / str(FIRST_TWIN + 3)).digest for f in folders]
    assert (
        sum(digest == replace(wanted.model, name=wanted.model.name).digest for digest in found) == 1
    )

    def never(*_args: object, **_named: object) -> None:
        raise AssertionError("it was made already")

    monkeypatch.setattr(disgorging, "disgorge", never)
    audit(desk, run)


def test_what_is_done_is_kept_when_an_audit_is_stopped(desk):
    run = removal(desk, "finetune", epochs=2)
    before = set(kept(desk, "repeats"))

    def stop(p: Progress) -> None:
        if p.message.startswith("Repeat 4"):
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        audit(replace(desk, report=stop), run)
    done = {p.name for f in set(kept(desk, "repeats")) - before for p in f.iterdir() if p.is_dir()}
    assert done == {str(FIRST_TWIN + k) for k in range(3)}
    pair = pair_of(desk, run)
    again = Again(desk, pair.facts(), run.request, ())
    removed = placebo_set(pair.facts(), 0)
    assert again.missing(removed, pair.forget, 20) == (0, 17, 17)
    heard: list[Progress] = []
    audit(replace(desk, report=heard.append), run)
    assert heard[0].message.startswith("Repeat 4") and heard[0].share > 0.5  # all else is there
    assert max(p.share for p in heard) <= 1
    assert again.missing(removed, pair.forget, 20) == (0, 0, 0)


def test_too_few_repeats_are_refused_before_any_work(desk):
    run = removal(desk, "finetune", epochs=1)
    with pytest.raises(BadParam, match=r"5 repeats are too few[.] Set Repeats to 0, or 20 or more"):
        audit(desk, run, repeats=5)


def test_a_method_that_twins_do_not_allow_is_said(desk, monkeypatch):
    run = removal(desk, "finetune", epochs=3)
    real = disgorging.disgorge

    def only_the_original(model, *rest, **named):
        if model.recipe.seed >= FIRST_TWIN:
            raise NotApplicable("It does not apply here.", "It needs checkpoints.")
        return real(model, *rest, **named)

    monkeypatch.setattr(disgorging, "disgorge", only_the_original)
    with pytest.raises(NotApplicable, match=r"It needs checkpoints[.] Set Repeats to 0"):
        audit(desk, run)


def test_the_placebo_is_drawn_from_what_stays(desk):
    facts = pair_of(desk, removal(desk, "finetune", epochs=1)).facts()
    mask = placebo_set(facts, 3)
    assert mask.sum() == 15 and not (mask & ~facts.keep).any()
    assert (mask == placebo_set(facts, 3)).all() and (mask != placebo_set(facts, 4)).any()
    assert np.flatnonzero(mask).size == mask.sum()
