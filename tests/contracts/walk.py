"""The data path of the screens: every task on one case, each held against what it must agree with.

A task that is registered without an entry here fails the contract test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.cases import Cases, Recent
from disgorge_core.comparison import Comparison
from disgorge_core.data import forget_set
from disgorge_core.data.near import kinds_of
from disgorge_core.data.words import words_of
from disgorge_core.influence.contract import OUTPUTS, estimators_for
from disgorge_core.jobs.task import Desk, canonical, task_of
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.registry import ARCHITECTURES, ESTIMATORS, TASKS, VIEWS
from disgorge_core.runs import Run, TaskResult, result
from disgorge_core.store import Workspace
from disgorge_core.training import fit
from disgorge_core.types import Array, Dataset, Model, Recipe, silent
from tests.pages.finished import finished_run

READ = 256  # words that a model of texts reads
EVERY = 9  # one record in so many goes, whatever its split


@dataclass(frozen=True, eq=False)
class Bench:
    """A case in a workspace with one model, and a forget set that goes."""

    desk: Desk
    digest: str
    fid: str

    def do(self, task: str, **arguments: Any) -> TaskResult:
        """A task as a screen asks for it, and its result as it comes back from the disk."""
        request = {"task": task, **arguments}
        found = task_of(canonical(request, task_of(request).lanes[0])).run(self.desk)
        folder = self.desk.folder / "results" / str(len(list(self.desk.folder.glob("results/*"))))
        result.save(folder, found)
        return result.read(folder)

    @property
    def data(self) -> Dataset:
        return self.desk.data

    @property
    def model(self) -> Model:
        return self.desk.model(self.digest)

    @cached_property
    def copies(self) -> list[int]:
        """The rows of the two records that are equal."""
        return copies_in(self.data)

    @cached_property
    def gone(self) -> Array:
        return self.desk.forget(self.fid).mask(self.data)

    @cached_property
    def run(self) -> Run:
        """The forget set retrained away beside two references, as a finished run of the case."""
        return finished_run(self.desk.cases, self.desk.case, references=2)

    @cached_property
    def removed(self) -> TaskResult:
        return self.run.result()

    @property
    def both(self) -> list[str]:
        """The model before and after."""
        return [self.digest, str(self.removed.values["after"])]

    @cached_property
    def answers(self) -> Array:
        return logits(self.model, self.data.x)


def bench(folder: Path, data: Dataset, model: Model | None = None, **wanted: Any) -> Bench:
    """A case of this data and model; one is trained as `wanted` where none is given."""
    cases = Cases(Workspace(folder))
    case = cases.create("any", data, [model] if model else [])
    gone = np.arange(len(data)) % EVERY == 0
    fid = cases.save_forget(case.id, forget_set.from_mask(data, gone, "every ninth", reason="why"))
    desk = Desk(cases, case.id, folder, silent, Recent(8, cases.workspace.model))
    if model is None:
        Bench(desk, "", fid).do("train", **wanted)
    return Bench(desk, desk.case.models[0], fid)


def copies_in(data: Dataset) -> list[int]:
    """The first rows that hold the same record, found the slow way."""
    if data.kind == "image":
        cells = [np.asarray(record).tobytes() for record in data.x]
    else:
        cells = ["|".join(map(str, row)) for row in data.x.itertuples(index=False)]
    return [row for row, cell in enumerate(cells) if cells.count(cell) > 1][:2]


# --- tasks ----------------------------------------------------------------------------------------


def overview(b: Bench) -> None:
    found = b.do("overview", model=b.digest)
    np.testing.assert_array_equal(found.arrays["logits"], b.answers)
    width = len(b.data.classes) or 1
    assert b.answers.shape == (len(b.data), width) and np.isfinite(b.answers).all()
    rows = b.data.rows("test")
    right = b.answers[rows].argmax(1) == b.data.y[rows]
    rmse = np.sqrt(((b.answers[rows, 0] - b.data.y[rows]) ** 2).mean())
    expected = rmse if b.data.task == "regression" else right.mean()
    np.testing.assert_allclose(found.values["splits"]["test"]["value"], expected, rtol=1e-6)


def predict(b: Bench) -> None:
    rows = [b.copies[0], 0, 9]
    found = b.do("predict", models=b.both, rows=rows)
    np.testing.assert_allclose(found.arrays["logits_0"], b.answers[rows], atol=1e-5)
    typed = b.do("predict", models=b.both, record=_typed(b.data, 9))
    np.testing.assert_allclose(typed.arrays["logits_1"], found.arrays["logits_1"][2:], atol=1e-5)


def _typed(data: Dataset, row: int) -> Any:
    """A record as a form of the screens sends it."""
    if data.kind == "image":
        return np.asarray(data.x[row]).tolist()
    cells = data.x.iloc[row].to_dict()
    return {name: None if pd.isna(value) else value for name, value in cells.items()}


def embed(b: Bench) -> None:
    found = b.do("embed", models=b.both, projection="pca")
    for number in range(2):
        places = found.arrays[f"positions_{number}"]
        assert places.shape == (len(b.data), 2) and np.isfinite(places).all() and places.std() > 0
        np.testing.assert_allclose(*places[b.copies], atol=1e-3 * places.std())


def neighbours(b: Bench) -> None:
    found = b.do("neighbours", model=b.digest, rows=[b.copies[0], 0], k=4)
    assert found.arrays["index"][0, 0] == b.copies[1] and found.arrays["distance"][0, 0] < 1e-4
    assert 0 not in found.arrays["index"][1]
    assert (np.diff(found.arrays["distance"], axis=1) >= 0).all()


def near_duplicates(b: Bench) -> None:
    for kind in kinds_of(b.data):
        model = b.digest if kind.name == "embedding" else ""
        found = b.do("near_duplicates", kind=kind.name, model=model)
        clusters = found.arrays["clusters"]
        assert clusters.shape == (len(b.data),), kind.name
        assert clusters[b.copies[0]] == clusters[b.copies[1]], kind.name


def attribute(b: Bench) -> None:
    inside = {"image": b.data.shape[:2], "table": b.data.shape, "text": (READ,)}[b.data.kind]
    if b.data.kind == "text" and b.model.preprocessing.backbone:
        inside = (max(len(words_of(text, READ)) for text in b.data.x.iloc[b.copies, 0]),)
    for view in VIEWS:
        found = b.do("attribute", models=b.both, view=view, rows=b.copies)
        for number in range(2):
            drawn = found.arrays[f"map_{number}"]
            assert drawn.shape == (2, *inside), view
            assert np.isfinite(drawn).all() and drawn.any(), view
            np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4 * np.abs(drawn).max())


def one_query(b: Bench) -> None:
    for target in ("margin", "loss"):
        found = b.do("one_query", model=b.digest, row=int(b.data.rows("test")[0]), target=target)
        assert found.values["unit"] == OUTPUTS[b.data.task, target]
        scores, rows = found.arrays["influence"], found.arrays["train_rows"]
        np.testing.assert_array_equal(rows, b.data.rows("train"))
        assert scores.shape == rows.shape and np.isfinite(scores).all() and scores.any()


def predicted_effect(b: Bench) -> None:
    found = b.do("predicted_effect", model=b.digest, forget=b.fid)
    rows = found.arrays["rows"]
    assert set(rows) == set(np.flatnonzero(b.gone | (b.data.split > 0)))
    np.testing.assert_allclose(found.arrays["before"], b.answers[rows], atol=1e-5)
    assert np.isfinite(found.arrays["change"]).all() and found.arrays["change"].any()
    assert np.isfinite(found.values["splits"]["test"]["after"]["value"])


def influence(b: Bench) -> None:
    """Estimators that train models have tests of their own."""
    for estimator in estimators_for(b.data.task):
        if hasattr(ESTIMATORS[estimator], "trainings"):
            continue
        found = b.do("influence", model=b.digest, forget=b.fid, estimator=estimator)
        mine = np.flatnonzero(b.gone & (b.data.split == 0))
        np.testing.assert_array_equal(np.sort(found.arrays["forget_rows"]), mine)
        whole, each = found.arrays["on_queries"], found.arrays["by_record"]
        asked = np.isin(b.data.y[found.arrays["query_rows"]], b.data.y[mine]).any()
        votes = (
            estimator == "knn_shapley"
        )  # of records whose class nobody asks for, it may say nothing
        assert np.isfinite(whole).all() and (each.any() or (votes and not asked)), estimator
        scale = np.abs(each).max() * len(each)
        np.testing.assert_allclose(whole.mean(), each.sum(), atol=1e-4 * scale)


def disgorge(b: Bench) -> None:
    after, values = b.desk.model(b.both[1]), b.removed.values
    gone = set(b.data.ids[b.gone].astype(str))
    assert set(after.seen or ()) == set(b.model.seen or ()) - gone and values["references"] == 2
    assert values["outcome"]["effect"] == "moved" and np.isfinite(values["outcome"]["distance"])
    c = Comparison.from_arrays(b.removed.arrays)
    np.testing.assert_allclose(c.before, b.answers, atol=1e-5)
    np.testing.assert_allclose(c.after, logits(after, b.data.x), atol=1e-5)
    assert c.references.shape == (2, *b.answers.shape) and np.isfinite(c.references).all()


def train(b: Bench) -> None:
    """The same recipe once more gives the same model, where it was trained here."""
    m = b.model
    if not m.architecture or m.recipe is None:
        return  # a network that came as layers is trained again by the task disgorge
    recipe, settings = asdict(m.recipe), dict(m.architecture_settings)
    found = b.do("train", architecture=m.architecture, settings=settings, recipe=recipe)
    assert found.values["model"] in b.desk.case.models
    assert found.values["model"] == b.digest or m.lineage.origin != "trained here"
    assert np.isfinite(logits(b.desk.model(found.values["model"]), b.data.x)).all()


def plan_shards(b: Bench) -> None:
    """One shard is one network: its quality is that of the same fit, measured by hand."""
    name = next(
        n for n, kind in zip(ARCHITECTURES, ARCHITECTURES.values(), strict=True)
        if b.data.kind in kind.kinds and b.data.task in kind.tasks and not hasattr(kind, "solve")
    )  # fmt: skip
    found = b.do("plan_shards", architecture=name, recipe={"epochs": 1}, shards=[1, 3])
    one, three = found.values["rows"]
    rows = b.data.rows("validation")
    z = logits(fit(b.data, name, Recipe(epochs=1), regime=Sharded(1)), b.data.take(rows))
    if b.data.task == "regression":
        wanted = np.sqrt(((z[:, 0] - b.data.y[rows]) ** 2).mean())
    else:
        wanted = (z.argmax(1) == b.data.y[rows]).mean()
    np.testing.assert_allclose(one["value"], wanted, rtol=1e-6)
    assert (one["shards"], three["shards"]) == (1, 3) and three["low"] <= three["value"]


def twins(b: Bench) -> None:
    found = b.do("twins", model=b.digest, number=2)
    assert found.values["twins"] == 2 and found.values["measures"]
    assert all(np.isfinite(m["value"]) and np.isfinite(m["z"]) for m in found.values["measures"])


def audit(b: Bench) -> None:
    """With few references: enough to measure, too few to refuse."""
    found = b.do("audit", audited=b.run.id, marks={"references": 4, "twins": 3}).values
    assert (found["references"], found["twins"]) == (4, 3) and found["findings"]
    assert found["verdict"]["key"] and found["verdict"]["title"] and found["verdict"]["measured"]


def audit_pair(b: Bench) -> None:
    """The same two models as if made elsewhere: no claim of a method speaks for them."""
    marks = {"references": 4, "twins": 3, "checks": "distance,quality"}
    found = b.do("audit_pair", before=b.digest, after=b.both[1], forget=b.fid, marks=marks).values
    assert found["references"] == 4 and {f["check"] for f in found["findings"]} == {
        "distance",
        "quality",
    }
    assert found["verdict"]["key"] not in ("exact", "certified")


def elsewhere(b: Bench) -> None:
    """What opens a Hugging Face folder stands in test_model_formats.py."""


TASK: dict[str, Callable[[Bench], None]] = {
    "disgorge": disgorge, "overview": overview, "predict": predict, "embed": embed,
    "neighbours": neighbours, "near_duplicates": near_duplicates, "attribute": attribute,
    "one_query": one_query, "predicted_effect": predicted_effect, "influence": influence,
    "train": train, "plan_shards": plan_shards, "twins": twins, "audit": audit, "audit_pair": audit_pair,
    "bring": elsewhere, "time_whole": elsewhere,
}  # fmt: skip


def walk(b: Bench) -> None:
    """Every registered task that has an entry; a test of its own says which have none."""
    for name in TASKS:
        TASK.get(name, elsewhere)(b)
