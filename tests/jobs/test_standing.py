"""Twins, references of the user's own, and what is known of a recipe: by the library called directly."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import disgorging, training
from disgorge_core.cases import Cases, Recent
from disgorge_core.comparison import Comparison
from disgorge_core.disgorging import UNKNOWN_RECORDS
from disgorge_core.errors import BadModel, NotApplicable, StoreError
from disgorge_core.jobs import references as reference_models
from disgorge_core.jobs.references import references
from disgorge_core.jobs.standing import standing
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.jobs.uploaded import (
    count_uploaded,
    drop_reference,
    keep_reference,
    uploaded_references,
)
from disgorge_core.models.prediction import logits
from disgorge_core.recipe_check import among, measured
from disgorge_core.runs import TaskResult, result
from disgorge_core.runs.run import RESULT
from disgorge_core.store import Workspace
from disgorge_core.types import Lineage, Model, Recipe, silent
from disgorge_core.words import RECIPES, about_recipe, reservation
from tests.jobs import bench
from tests.methods.small import first

RECIPE = Recipe(epochs=4, lr=0.1, batch=32)


def upload(data, recipe: Recipe | None = RECIPE, made_by: Recipe = RECIPE) -> Model:
    """Trained by one recipe, brought with another."""
    model = training.fit(data, bench.LAYERS, replace(made_by, seed=9), name="theirs")
    return replace(model, recipe=recipe, lineage=Lineage("uploaded", "stated"))


@pytest.fixture
def desk(tmp_path):
    workspace, data = Workspace(tmp_path), bench.data()
    cases = Cases(workspace)
    case = cases.create("Digits", data, (upload(data),))
    cases.save_forget(case.id, first(data, 15))
    return Desk(cases, case.id, tmp_path, silent, Recent(8, workspace.model))


def done(desk: Desk, **request) -> TaskResult:
    """Run a task and leave its run behind as a finished one."""
    run = desk.cases.queue(desk.case_id, request)
    found = task_of(request).run(desk)
    result.save(run.folder / RESULT, found)
    return found


def fid(desk: Desk) -> str:
    return desk.cases.forget_sets(desk.case_id)[0][0]


# --- twins --------------------------------------------------------------------------------------


def test_twins_are_trainings_by_the_stated_recipe_on_what_was_seen(desk: Desk) -> None:
    digest, data = desk.case.models[0], desk.data
    found = done(desk, task="twins", model=digest, number=3).values
    model, keep = desk.model(digest), data.split == 0
    stack = training.refit_many(model, data, np.repeat(keep[None], 3, 0), [1000, 1001, 1002])
    rows = [measured(z, data, keep) for z in stack.logits(data.x)]
    expected = among(measured(logits(model, data.x), data, keep), rows).plain()
    assert found["twins"] == 3
    assert found["confirmed"] is True
    for mine, theirs in zip(found["measures"], expected["measures"], strict=True):
        assert mine["value"] == pytest.approx(theirs["value"], abs=1e-5)
        assert mine["twins"]["value"] == pytest.approx(theirs["twins"]["value"], abs=1e-3)


def test_twins_are_kept_for_the_next_check(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, asked = desk.case.models[0], []
    done(desk, task="twins", model=digest, number=2)
    real = training.refit_many

    def counted(model, data, keep, seeds, **rest):
        asked.extend(seeds)
        return real(model, data, keep, seeds, **rest)

    monkeypatch.setattr(training, "refit_many", counted)
    done(desk, task="twins", model=digest, number=4)
    assert asked == [1002, 1003]


@pytest.mark.parametrize(
    ("change", "says"),
    [({"recipe": None}, "recipe is unknown"), ({"seen": None}, "unknown which records")],
)
def test_twins_need_recipe_and_records(desk: Desk, change: dict, says: str) -> None:
    model = replace(desk.model(desk.case.models[0]), artefacts={"n": np.ones(1)}, **change)
    digest = desk.cases.add_model(desk.case_id, model)
    with pytest.raises(NotApplicable, match=says):
        task_of({"task": "twins", "model": digest}).run(desk)


# --- where a recipe stands ----------------------------------------------------------------------


def test_a_recipe_stands_as_its_newest_check_says(desk: Desk) -> None:
    digest = desk.case.models[0]
    assert standing(desk.cases, desk.case_id, digest).key == "unchecked"
    done(desk, task="twins", model=digest, number=3)
    found = standing(desk.cases, desk.case_id, digest)
    assert found.key == "confirmed"
    assert found.sentence == about_recipe("confirmed", 3)
    after = done(desk, task="disgorge", model=digest, forget=fid(desk), method="retrain",
                 references=0).values["after"]  # fmt: skip
    assert standing(desk.cases, desk.case_id, after).sentence == found.sentence


def test_a_wrong_recipe_is_unconfirmed_and_another_statement_starts_anew(desk: Desk) -> None:
    wrong = upload(desk.data, made_by=replace(RECIPE, epochs=80))
    digest = desk.cases.add_model(desk.case_id, wrong)
    done(desk, task="twins", model=digest, number=4)
    found = standing(desk.cases, desk.case_id, digest)
    assert found.key == "unconfirmed"
    assert found.sentence.startswith("Recipe unconfirmed")
    right = replace(wrong, recipe=replace(RECIPE, epochs=80), artefacts={"stated": np.ones(2)})
    other = desk.cases.add_model(desk.case_id, right)
    assert standing(desk.cases, desk.case_id, other).key == "unchecked"


def test_what_was_trained_here_and_what_has_no_recipe(desk: Desk) -> None:
    own = training.fit(desk.data, bench.LAYERS, RECIPE)
    known = standing(desk.cases, desk.case_id, desk.cases.add_model(desk.case_id, own))
    assert (known.key, known.sentence) == ("known", "")
    bare = replace(upload(desk.data, None), artefacts={"n": np.ones(3)})
    unknown = standing(desk.cases, desk.case_id, desk.cases.add_model(desk.case_id, bare))
    assert unknown.sentence == RECIPES["unknown"]


# --- references ---------------------------------------------------------------------------------


def test_two_at_once_train_the_same_references_without_a_collision(desk: Desk) -> None:
    model, keep = desk.model(desk.case.models[0]), desk.data.split == 0
    barrier, problems, found = threading.Barrier(2), [], []

    def work() -> None:
        barrier.wait()
        try:
            found.append(references(desk, model, keep, 2, {0}, silent))
        except StoreError as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert [m.digest for m in found[0]] == [m.digest for m in found[1]]


def test_a_reference_that_is_there_when_it_is_saved_is_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later of two: its folder appears between its look and its saving."""
    model, keep = desk.model(desk.case.models[0]), desk.data.split == 0
    real, saved = reference_models.save_model, []

    def twice(reference, place, **how):
        real(reference, place, **how)
        saved.append(place)
        return real(reference, place, **how)

    monkeypatch.setattr(reference_models, "save_model", twice)
    assert len(references(desk, model, keep, 2, {0}, silent)) == 2
    assert len(saved) == 2
    monkeypatch.setattr(reference_models, "save_model", _fails)
    with pytest.raises(StoreError, match="disk"):
        references(desk, model, keep, 3, {0}, silent)


def _fails(*_: object, **__: object) -> None:
    raise StoreError("The disk is full.", "Free some space.")


def test_references_follow_what_is_read_and_how(desk: Desk) -> None:
    """Two models that differ only in their preprocessing do not share references."""
    model, keep = desk.model(desk.case.models[0]), desk.data.split == 0
    p = replace(model.preprocessing, fitted=False, shift=np.zeros(1), scale=np.ones(1) / 255)
    stated = replace(model, members=(replace(model.members[0], preprocessing=p),))
    own = references(desk, model, keep, 1, {0}, silent)[0]
    other = references(desk, stated, keep, 1, {0}, silent)[0]
    assert own.preprocessing.scale[0] != other.preprocessing.scale[0] == 1 / 255


def brought(desk: Desk, seed: int = 3) -> Model:
    """A user's own model that never saw the forget set."""
    keep = ~desk.cases.forget(desk.case_id, fid(desk)).mask(desk.data) & (desk.data.split == 0)
    model = training.refit(desk.model(desk.case.models[0]), desk.data, keep, seed=seed)
    return replace(model, lineage=Lineage("uploaded", "stated"), recipe=None)


@pytest.mark.parametrize("number", [0, 2])
def test_uploaded_references_stand_beside_or_instead_of_trained_ones(
    desk: Desk, number: int
) -> None:
    mine = brought(desk)
    keep_reference(desk.cases, desk.case_id, fid(desk), mine)
    request = {"task": "disgorge", "model": desk.case.models[0], "forget": fid(desk)}
    found = done(desk, **request, method="retrain", references=number)
    assert (found.values["references"], found.values["uploaded"]) == (number + 1, 1)
    c = Comparison.from_arrays(found.arrays)
    np.testing.assert_allclose(c.references[-1], logits(mine, desk.data.x), atol=1e-6)
    assert reservation("uploaded references", 1) in found.values["outcome"]["notes"]


def test_a_reference_that_saw_the_records_is_refused(desk: Desk) -> None:
    keep_reference(desk.cases, desk.case_id, fid(desk), brought(desk))
    with pytest.raises(BadModel, match="seen 15 of the records that it must not know"):
        keep_reference(desk.cases, desk.case_id, fid(desk), upload(desk.data))
    assert count_uploaded(desk.cases, desk.case_id, fid(desk)) == 1


def test_a_reference_that_saw_an_earlier_request_is_left_out(desk: Desk) -> None:
    first_id, request = fid(desk), {"task": "disgorge", "method": "retrain", "references": 0}
    once = done(desk, **request, model=desk.case.models[0], forget=first_id).values["after"]
    second = replace(first(desk.data, 5), ids=tuple(sorted(desk.data.ids[20:25].tolist())))
    other = desk.cases.save_forget(desk.case_id, second)
    saw_first = replace(brought(desk), seen=tuple(sorted(first(desk.data, 15).ids)))
    keep_reference(desk.cases, desk.case_id, other, saw_first)
    found = done(desk, **request, model=once, forget=other).values
    assert (found["references"], found["uploaded"]) == (0, 0)
    assert reservation("references left out", 1) in found["outcome"]["notes"]


def test_references_go_with_the_case_and_one_by_one(desk: Desk) -> None:
    digest = keep_reference(desk.cases, desk.case_id, fid(desk), brought(desk))
    other = keep_reference(desk.cases, desk.case_id, fid(desk), brought(desk, seed=4))
    assert {m.digest for m in uploaded_references(desk.cases, desk.case_id, fid(desk))} == {
        digest, other,
    }  # fmt: skip
    drop_reference(desk.cases, desk.case_id, fid(desk), digest)
    assert count_uploaded(desk.cases, desk.case_id, fid(desk)) == 1
    root = desk.cases.workspace.root
    gone = desk.cases.purge(desk.case_id)
    assert any("references" in name for name in gone)
    assert not list(root.rglob(f"*{other}*"))


# --- unknown records ----------------------------------------------------------------------------


def test_unknown_records_keep_from_training_again_but_not_from_edits(desk: Desk) -> None:
    model = replace(
        desk.model(desk.case.models[0]), seen=None, lineage=Lineage("uploaded", "unknown"),
        artefacts={"n": np.ones(1)},
    )  # fmt: skip
    forget = desk.cases.forget(desk.case_id, fid(desk))
    offers = {o.method: o.why_not for o in disgorging.applicable(model, desk.data, forget)}
    assert offers["retrain"] == UNKNOWN_RECORDS
    assert offers["finetune"] is None
    assert offers["guard"] is None
    with pytest.raises(NotApplicable, match="unknown which records"):
        disgorging.disgorge(model, desk.data, forget, "retrain")
    digest = desk.cases.add_model(desk.case_id, model)
    found = done(desk, task="disgorge", model=digest, forget=fid(desk), method="guard").values
    assert found["references"] == 0
    assert reservation("no records") in found["outcome"]["notes"]
