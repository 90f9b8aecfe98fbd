"""Tasks against what the library gives when it is called directly, and against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disgorge_core import features, training, verbs
from disgorge_core.cases import Cases, Recent
from disgorge_core.comparison import Comparison
from disgorge_core.data import preprocessing
from disgorge_core.errors import BadData, BadParam
from disgorge_core.jobs.records import raw_of, rows_of
from disgorge_core.jobs.task import INTERACTIVE, QUEUE, Desk, canonical, task_of
from disgorge_core.models.prediction import logits
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult, result
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Recipe, Roles, silent
from tests.jobs import bench
from tests.methods.small import chosen, first


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    cases, data = Cases(workspace), bench.data()
    recipe = Recipe(epochs=60, lr=0.2, batch=32, l2=1e-2)
    model = training.fit(data, bench.LAYERS, recipe, name="converged")
    case = cases.create("Digits", data, (model,))
    return Desk(cases, case.id, workspace.root, silent, Recent(8, workspace.model))


def do(desk: Desk, task: str, **arguments) -> TaskResult:
    """The result as it comes back from the disk."""
    found = task_of({"task": task, **arguments}).run(desk)
    folder = desk.folder / "results" / str(len(list(desk.folder.glob("results/*"))))
    result.save(folder, found)
    return result.read(folder)


def disgorged(desk: Desk, **arguments) -> TaskResult:
    return do(desk, "disgorge", **{"method": "retrain", "references": 2, **arguments})


@pytest.fixture(scope="module")
def removed(desk):
    forget = first(desk.data, 15)
    return forget, disgorged(
        desk, model=desk.case.models[0], forget=desk.cases.save_forget(desk.case_id, forget)
    )


def test_disgorging_gives_a_model_and_what_is_compared(desk, removed):
    forget, found = removed
    data, values = desk.data, found.values
    after = desk.model(values["after"])
    assert values["before"] == desk.case.models[0] and values["references"] == 2
    outcome = values["outcome"]
    assert (outcome["method"], outcome["tier"], outcome["effect"]) == (
        "retrain",
        "rebuilt",
        "moved",
    )
    assert outcome["claim"] and outcome["cost"]["passes"] == 60 * 105
    assert not set(after.seen) & set(forget.ids)

    c = Comparison.from_arrays(found.arrays)
    np.testing.assert_array_equal(c.forget, forget.mask(data))
    np.testing.assert_array_equal(c.after, logits(after, data.x))
    assert c.references.shape == (2, len(data), 10)


def test_references_are_honest_retrainings_with_other_seeds(desk, removed):
    forget, found = removed
    model = desk.model(found.values["before"])
    expected = training.refit(model, desk.data, ~forget.mask(desk.data), seed=1000)
    got = found.arrays["references"][0]
    np.testing.assert_allclose(got, logits(expected, desk.data.x), atol=1e-4)
    assert np.abs(got - found.arrays["after"]).max() > 1e-3


def test_only_missing_references_are_trained(desk, removed, monkeypatch):
    _, found = removed
    asked = []
    real = training.refit_many

    def counted(model, data, keep, seeds, **rest):
        asked.extend(seeds)
        return real(model, data, keep, seeds, **rest)

    monkeypatch.setattr(training, "refit_many", counted)
    fid = found.values["forget"]
    more = disgorged(desk, model=found.values["before"], forget=fid, references=3)
    assert asked == [1002]
    np.testing.assert_array_equal(more.arrays["references"][:2], found.arrays["references"])
    other = disgorged(desk, model=found.values["before"], forget=fid, references=1, seed=1000)
    assert asked == [1002] and other.values["references"] == 1  # 1000 would be the result itself
    np.testing.assert_array_equal(other.arrays["references"][0], found.arrays["references"][1])


def test_a_second_removal_keeps_the_first_out(desk, removed):
    forget, found = removed
    second = chosen(desk.data, desk.data.rows("train")[20:25])
    fid = desk.cases.save_forget(desk.case_id, second)
    again = disgorged(desk, model=found.values["after"], forget=fid, references=1)
    after = desk.model(again.values["after"])
    assert not set(after.seen) & (set(forget.ids) | set(second.ids))
    assert after.lineage.excluded == (forget.digest, second.digest)
    both = forget.mask(desk.data) | second.mask(desk.data)
    np.testing.assert_array_equal(again.arrays["excluded"], both)
    expected = training.refit(desk.model(found.values["before"]), desk.data, ~both, seed=1000)
    np.testing.assert_allclose(
        again.arrays["references"][0], logits(expected, desk.data.x), atol=1e-4
    )


def test_a_model_is_trained_without_what_a_filter_leaves_out(desk):
    data = desk.data
    expression = f"label == '{data.classes[0]}'"
    values = do(desk, "train", recipe=bench.SETTINGS, leave_out=expression, label="Part").values
    seen = set(desk.model(values["model"]).seen)
    train = data.split == 0
    assert (
        seen == set(data.ids[train & (data.y != 0)].astype(str)) != set(data.ids[train].astype(str))
    )


def test_a_sharded_model_is_trained(desk):
    request = {
        "recipe": bench.SETTINGS,
        "regime": {"name": "sharded", "shards": 3, "seed": 1},
        "label": "Shards",
    }
    values = do(desk, "train", **request).values
    model = desk.model(values["model"])
    assert (model.name, model.regime, len(model.members)) == ("Shards", "sharded", 3)


def test_the_overview_counts_right_answers(desk):
    found = do(desk, "overview", model=desk.case.models[0])
    data, z = desk.data, found.arrays["logits"]
    for code, split in enumerate(("train", "validation", "test")):
        right = (z.argmax(1) == data.y)[data.split == code].mean()
        assert found.values["splits"][split]["value"] == pytest.approx(right)


def test_neighbours_are_the_nearest(desk):
    found = do(desk, "neighbours", model=desk.case.models[0], rows=[0, 150], k=4)
    z = features.activations(desk.model(desk.case.models[0]), desk.data.x).astype(np.float64)
    for place, row in enumerate((0, 150)):
        far = np.sqrt(((z - z[row]) ** 2).sum(1))
        far[row] = np.inf
        assert found.arrays["index"][place].tolist() == np.argsort(far)[:4].tolist()
        np.testing.assert_allclose(found.arrays["distance"][place], np.sort(far)[:4], rtol=1e-4)


def test_a_map_of_two_models(desk, removed):
    _, found = removed
    models = [found.values["before"], found.values["after"]]
    maps = do(desk, "embed", models=models, projection="pca").arrays
    n = len(desk.data)
    assert maps["positions_0"].shape == maps["positions_1"].shape == (n, 2)
    assert maps["rows"].tolist() == list(range(n))
    alone = do(desk, "embed", models=models[:1] * 2, projection="pca").arrays
    np.testing.assert_allclose(alone["positions_0"], alone["positions_1"], atol=0.01)
    assert task_of({"task": "embed", "models": models, "projection": "umap"}).lanes == (QUEUE,)
    with pytest.raises(BadParam, match="cannot be asked"):
        canonical({"task": "embed", "models": models, "projection": "umap"}, INTERACTIVE)


def test_attributions_of_two_models_add_up_to_their_own_answers(desk, removed):
    _, found = removed
    models, row = [found.values["before"], found.values["after"]], 3
    view = "integrated_gradients"
    maps = do(desk, "attribute", models=models, view=view, rows=[row], target=[4]).arrays
    for number, digest in enumerate(models):
        model = desk.model(digest)
        # the mean record is 0 in the input of a network, where a linear model answers its bias
        z = logits(model, desk.data.x[[row]])[0].astype(float)
        base = model.network.head.bias.detach().numpy().astype(float)
        total = _log_odds(z, 4) - _log_odds(base, 4)
        assert maps[f"map_{number}"].sum() == pytest.approx(total, abs=0.05)
    own = do(desk, "attribute", models=models[:1], view=view, rows=[row, 5]).arrays
    z = logits(desk.model(models[0]), desk.data.x[[row, 5]])
    assert own["target"].tolist() == z.argmax(1).tolist() and own["map_0"].shape == (2, 8, 8)
    for wrong in ([4, 4], [10], [-1]):
        with pytest.raises(BadParam, match="do not fit"):
            do(desk, "attribute", models=models, view=view, rows=[row], target=wrong)


def _log_odds(z: np.ndarray, k: int) -> float:
    return float(z[k] - np.log(np.exp(np.delete(z, k)).sum()))


def test_what_made_a_prediction_is_a_column_of_the_scores(desk):
    digest, row = desk.case.models[0], int(desk.data.rows("test")[3])
    found = do(desk, "one_query", model=digest, row=row)
    scores = verbs.influence(desk.model(digest), desk.data, np.array([row]))
    ids = desk.data.ids[found.arrays["train_rows"]].astype(str)
    np.testing.assert_array_equal(ids, scores.train_ids)
    mine, theirs = found.arrays["influence"], scores.matrix[:, 0]
    assert np.corrcoef(mine, theirs)[0, 1] > 0.99 and found.values["unit"] == scores.unit


def test_the_predicted_effect_foretells_the_retrained_answers(desk):
    digest, forget = desk.case.models[0], first(desk.data, 40)
    fid = desk.cases.save_forget(desk.case_id, forget)
    found = do(desk, "predicted_effect", model=digest, forget=fid)
    rows = found.arrays["rows"]
    mask = forget.mask(desk.data)
    retrained = training.refit(desk.model(digest), desk.data, ~mask)
    x = desk.data.take(rows)
    true = logits(retrained, x) - logits(desk.model(digest), x)
    assert np.corrcoef(true.ravel(), found.arrays["change"].ravel())[0, 1] > 0.6
    again = do(desk, "predicted_effect", model=digest, rows=np.flatnonzero(mask).tolist())
    np.testing.assert_allclose(again.arrays["change"], found.arrays["change"], atol=1e-6)
    z, y = found.arrays["before"], desk.data.y[rows]
    assert set(rows) == set(np.flatnonzero(mask | (desk.data.split > 0)))
    test = np.isin(rows, desk.data.rows("test"))
    right = (z.argmax(1) == y)[test].mean()
    assert found.values["splits"]["test"]["before"]["value"] == pytest.approx(right)
    with pytest.raises(BadParam, match="No record"):
        do(desk, "predicted_effect", model=digest)


def test_influence_is_the_sum_over_the_removed_records(desk):
    digest, forget = desk.case.models[0], first(desk.data, 10)
    fid = desk.cases.save_forget(desk.case_id, forget)
    found = do(desk, "influence", model=digest, forget=fid)
    rows, own = found.arrays["query_rows"], found.arrays["forget_rows"]
    scores = verbs.influence(desk.model(digest), desk.data, np.concatenate([rows, own]))
    inside = np.isin(scores.train_ids, forget.ids)
    total = -scores.matrix[inside].sum(0)
    np.testing.assert_allclose(found.arrays["on_queries"], total[: len(rows)], atol=1e-6)
    np.testing.assert_allclose(found.arrays["on_forget"], total[len(rows) :], atol=1e-6)
    by_record = -scores.matrix[inside][:, : len(rows)].mean(1)
    np.testing.assert_allclose(found.arrays["by_record"], by_record, atol=1e-6)
    np.testing.assert_array_equal(
        desk.data.ids[found.arrays["train_rows"]].astype(str), scores.train_ids
    )
    on_own = scores.matrix[:, len(rows) :].mean(1)
    np.testing.assert_allclose(found.arrays["on_own"], on_own, atol=1e-6)
    assert found.values["held_up"][0] == rows[total[: len(rows)].argmin()]
    assert total[len(rows) :].mean() < 0  # without them they are harder to get right


def test_foreign_models_and_rows_are_refused(desk):
    with pytest.raises(BadParam, match="not in this case"):
        do(desk, "overview", model="0" * 64)
    with pytest.raises(BadData, match="no row -1"):
        rows_of(desk.data, [3, -1])


def test_records_that_are_typed_in(desk):
    picture = desk.data.x[7]
    np.testing.assert_array_equal(raw_of(desk.data, (), picture.tolist())[0], picture)
    for wrong in ([[1, 2]], [[["a"]]], (picture.astype(int) + 250).tolist()):
        with pytest.raises(BadData, match="shape"):
            raw_of(desk.data, (), wrong)


def test_a_line_that_is_typed_in():
    x = pd.DataFrame({"age": [30.0, 40.0], "work": pd.Categorical(["a", "b"])})
    data = Dataset(
        "t", "table", "classification", np.array(["0", "1"]), x, np.zeros(2, int), ("n", "y"),
        np.zeros(2, int), pd.DataFrame({"label": ["n", "n"]}), Roles(), "d",
    )  # fmt: skip
    row = raw_of(data, (), {"work": "b", "age": "33"})
    assert row.iloc[0].tolist() == [33.0, "b"] and list(row.columns) == ["age", "work"]
    p = preprocessing.fit(data, np.arange(2))
    z = preprocessing.transform(p, raw_of(data, (), {"work": "unheard of", "age": None}))
    seen = preprocessing.transform(p, row)
    assert np.isfinite(z).all() and z.shape == seen.shape
    assert z[0, 0] == 0 and seen[0, 0] == pytest.approx(-0.4)  # (33 - 35) / 5
    with pytest.raises(BadData, match="lacks: work"):
        raw_of(data, (), {"age": 3})
    with pytest.raises(BadData, match="age is 'old'"):
        raw_of(data, (), {"age": "old", "work": "a"})


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_says_what_it_is(name):
    kind = TASKS[name]
    assert kind.title and kind.__doc__ and len(kind.__doc__.splitlines()[0]) <= 110
    arguments = dict.fromkeys(kind.__dataclass_fields__, "")
    assert set(kind(**arguments).lanes) <= {QUEUE, INTERACTIVE}
