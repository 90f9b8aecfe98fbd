"""Model cards: what they must say, in the words of the library, and what names of others cannot do."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.cases import Cases, Recent
from disgorge_core.evidence.card import shown
from disgorge_core.jobs.cards import model_card
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.models.bundle import folder_bytes
from disgorge_core.models.loading import load_model
from disgorge_core.runs import result
from disgorge_core.runs.run import RESULT
from disgorge_core.store import Workspace
from disgorge_core.types import Lineage, Recipe, silent
from disgorge_core.words import NO_REMOVAL, NOT_AUDITED, NOT_KNOWN, RECIPES, TIERS
from tests.jobs import bench
from tests.methods.small import chosen
from tests.test_words import BANNED

RECIPE = Recipe(epochs=3, lr=0.1, batch=32, l2=0.001)


@pytest.fixture
def desk(tmp_path):
    workspace, data = Workspace(tmp_path), bench.data()
    model = training.fit(data, bench.LAYERS, RECIPE, name="first")
    case = Cases(workspace).create("Digits", data, (model,))
    return Desk(Cases(workspace), case.id, tmp_path, silent, Recent(8, workspace.model))


def removed(desk: Desk, digest: str, rows, method: str, **about) -> str:
    """Remove these rows by a run that is left behind as a finished one; gives the new model."""
    forget = replace(chosen(desk.data, np.array(rows)), **about)
    request = {
        "task": "disgorge", "model": digest, "forget": desk.cases.save_forget(desk.case_id, forget),
        "method": method, "references": 0, "settings": {"epochs": 1} if method == "finetune" else {},
    }  # fmt: skip
    run = desk.cases.queue(desk.case_id, request)
    found = task_of(request).run(desk)
    result.save(run.folder / RESULT, found)
    return str(found.values["after"])


def test_a_model_that_was_trained_here(desk: Desk) -> None:
    digest = desk.case.models[0]
    card = model_card(desk.cases, desk.case_id, digest)
    assert card.startswith("# Model card: first\n")
    for said in (
        "## What it is", "## Data", "## Recipe", "## What was removed", "## What is not known",
        "## Digests", NO_REMOVAL, NOT_AUDITED, NOT_KNOWN["attacks"], NOT_KNOWN["copies"],
        "- **Epochs:** 3", "- **L2:** 0.001", "- **Parameters:** 650", "120 of them (known)",
        f"`{digest}`", f"`{desk.data.digest}`", "fitted to its training records",
    ):  # fmt: skip
        assert said in card, said
    assert NOT_KNOWN["history"] not in card
    assert not any(word in card.lower() for word in BANNED)


def test_a_chain_of_removals_is_told_in_order_with_its_claims(desk: Desk) -> None:
    start = desk.case.models[0]
    once = removed(desk, start, range(10), "retrain", name="first request", reason="asked to")
    twice = removed(desk, once, range(20, 25), "finetune", name="second request", by_looking=True)
    other = removed(desk, start, range(30, 33), "guard", name="not in this line")
    card = model_card(desk.cases, desk.case_id, twice)
    values = [
        run.result().values for run in desk.cases.runs(desk.case_id)
        if run.result().values["after"] in (once, twice)
    ]  # fmt: skip
    assert len(values) == 2
    for value in values:
        assert value["outcome"]["claim"] in card
        assert TIERS[value["outcome"]["tier"]].badge in card
    assert card.index("1. first request") < card.index("2. second request")
    assert "- **Reason:** asked to" in card
    assert card.count("**Chosen by looking at the model:** yes") == 1
    assert "not in this line" not in card
    assert f"`{start}`" in card
    assert f"`{once}`" in card
    assert other not in card
    assert not any(word in card.lower() for word in BANNED)


def test_what_is_not_known_of_an_upload_is_said(desk: Desk) -> None:
    own = desk.model(desk.case.models[0])
    unknown = replace(
        own, recipe=None, seen=None, lineage=Lineage("uploaded", "unknown"),
        artefacts={"n": np.ones(1)},
    )  # fmt: skip
    card = model_card(desk.cases, desk.case_id, desk.cases.add_model(desk.case_id, unknown))
    for said in (NOT_KNOWN["history"], NOT_KNOWN["elsewhere"], RECIPES["unknown"]):
        assert said in card
    stated = replace(own, lineage=Lineage("uploaded", "stated"), artefacts={"n": np.ones(2)})
    card = model_card(desk.cases, desk.case_id, desk.cases.add_model(desk.case_id, stated))
    for said in (NOT_KNOWN["stated"], RECIPES["unchecked"], "120 of them (stated)"):
        assert said in card


def test_names_of_others_mark_nothing_up() -> None:
    hostile = "x](http://evil) <script>\n# Proven | `code` *bold*"
    plain = shown(hostile)
    assert "\n" not in plain
    for sign in "[]<>#`*|":
        assert plain.count(sign) == plain.count("\\" + sign)


def test_the_card_goes_along_in_the_zip_and_the_zip_comes_back(desk: Desk, tmp_path) -> None:
    digest = desk.case.models[0]
    card = model_card(desk.cases, desk.case_id, digest)
    content = folder_bytes(desk.cases.model(digest), card)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("model/MODEL_CARD.md").decode() == card
        assert json.loads(archive.read("model/model.json"))["digest"] == digest
    (tmp_path / "m.zip").write_bytes(content)
    assert load_model(tmp_path / "m.zip", desk.data).digest == digest
