from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.data.preprocessing import fit as fit_preprocessing
from disgorge_core.data.preprocessing import transform
from disgorge_core.errors import BadForgetSet, BadModel, NotApplicable
from disgorge_core.models.prediction import logits
from disgorge_core.training import closed_form
from disgorge_core.types import Recipe
from tests.training.small import at, digits, same, table

RECIPE = Recipe(l2=0.01)
DATA = {
    "digits": digits,
    "table": table,
    "values": lambda: table(task="regression"),
}


def prepared(data):
    rows = data.rows("train")
    p = fit_preprocessing(data, rows)
    return p, transform(p, data.take(rows), "float64").reshape(len(rows), -1), data.y[rows]


@pytest.mark.parametrize("l2", [0.01, 0.0])
@pytest.mark.parametrize("name", list(DATA))
def test_ridge_is_numpys_least_squares(name, l2):
    """On inputs that the ordinary preprocessing makes; L2 as extra rows √(n l2) I with target 0."""
    data = DATA[name]()
    p, z, y = prepared(data)
    model = training.fit(data, "ridge", replace(RECIPE, l2=l2))
    target = y[:, None] if data.task == "regression" else 2.0 * (y[:, None] == np.arange(10)) - 1
    target = target if name != "table" else target[:, :3]
    design = np.hstack([z, np.ones((len(z), 1))])
    extra = np.sqrt(len(z) * l2) * np.eye(design.shape[1])
    rows = np.vstack([design, extra]), np.vstack([target, np.zeros((len(extra), target.shape[1]))])
    theta = np.linalg.lstsq(*rows, rcond=1e-10)[0]
    head = model.network.head
    close = 1e-10 if l2 else 1e-8  # without L2 the condition number counts, squared
    assert np.abs(head.weight.detach().numpy() - theta[:-1].T).max() <= close
    assert np.abs(head.bias.detach().numpy() - theta[-1]).max() <= close
    assert np.abs(model.preprocessing.shift - p.shift).max() <= 1e-10
    assert np.abs(model.preprocessing.scale / p.scale - 1).max() <= 1e-10
    assert model.preprocessing.columns == p.columns


@pytest.mark.parametrize("name", ["digits", "table"])
def test_nearest_mean_answers_with_the_nearest_mean(name):
    data = DATA[name]()
    p, z, y = prepared(data)
    means = np.stack([z[y == c].mean(0) for c in range(len(data.classes))])
    model = training.fit(data, "nearest_mean")
    x, _ = data.arrays("test")
    query = transform(p, x, "float64").reshape(len(x), -1)
    distance = ((query[:, None] - means) ** 2).sum(2)
    expected = -0.5 * distance + 0.5 * (query**2).sum(1, keepdims=True)
    assert np.abs(logits(model, x) - expected).max() <= 1e-10


@pytest.mark.parametrize(
    ("architecture", "name"),
    [*(("ridge", name) for name in DATA), ("nearest_mean", "digits"), ("nearest_mean", "table")],
)
@pytest.mark.parametrize("leaves", ["rare", "many", "two"])
def test_removal_is_bitwise_the_fit_without_f(architecture, name, leaves):
    data = DATA[name]()
    choice = {"rare": [3, 8], "many": range(0, len(data), 2), "two": [10, 50]}
    forget = np.isin(np.arange(len(data)), list(choice[leaves]))
    model = training.fit(data, architecture, RECIPE)
    removed = closed_form.remove(model, data, ~forget)
    without = training.fit(data, architecture, RECIPE, exclude=forget)
    assert same(removed, without)
    assert same(without, training.fit(at(data, np.flatnonzero(~forget)), architecture, RECIPE))
    assert not same(removed, model)
    assert "potter" not in repr(removed.preprocessing) or leaves != "rare"


def test_removals_may_follow_each_other():
    data = table()
    model = training.fit(data, "ridge", RECIPE)
    order = np.random.default_rng(0).permutation(data.rows("train"))[:20]
    for count in range(5, 21, 5):
        model = closed_form.remove(model, data, ~np.isin(np.arange(len(data)), order[:count]))
    forget = np.isin(np.arange(len(data)), order)
    assert same(model, training.fit(data, "ridge", RECIPE, exclude=forget))


def test_only_touched_blocks_are_added_up_anew():
    data = digits(1000)
    model = training.fit(data, "ridge", RECIPE)
    forget = np.arange(1000) == 7
    removed = closed_form.remove(model, data, ~forget)
    changed = (removed.artefacts["gram"] != model.artefacts["gram"]).any((1, 2))
    assert changed.sum() == 1 == len(closed_form.touched(model, data, forget))
    assert 0 < removed.lineage.cost < 60
    assert model.lineage.cost == len(data.rows("train"))


def test_removing_records_that_were_not_seen_changes_nothing():
    data = digits(60)
    model = training.fit(data, "ridge", RECIPE)
    assert same(closed_form.remove(model, data, data.split == 0), model)


def test_a_class_that_is_gone_is_never_the_answer():
    data = digits()
    model = closed_form.remove(training.fit(data, "nearest_mean"), data, data.y != 4)
    assert 4 not in logits(model, data.x).argmax(1)


def test_a_constant_column_keeps_scale_one():
    data = table()
    still = replace(data, x=data.x.assign(age=0.1))
    model = training.fit(still, "ridge", RECIPE)
    assert model.preprocessing.scale[0] == 1


def test_the_model_survives_many_and_refit():
    data = digits(60)
    model = training.fit(data, "ridge", RECIPE)
    keep = np.stack([np.arange(60) != 4, np.arange(60) != 9])
    stack = training.refit_many(model, data, keep, [0, 1])
    assert same(stack.models[1], closed_form.remove(model, data, keep[1]))
    assert model.regime == "closed form"


def test_what_cannot_be_removed_from_is_said():
    data = digits(60)
    with pytest.raises(NotApplicable, match="did not keep the sums"):
        closed_form.remove(training.fit(data, "linear", Recipe(epochs=1)), data, data.y != 1)
    with pytest.raises(BadModel, match="regression of tables"):
        training.fit(table(task="regression"), "nearest_mean")
    with pytest.raises(BadForgetSet):
        closed_form.remove(training.fit(data, "ridge"), data, np.zeros(60, bool))


def test_sums_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(training.sums, "MEMORY", 8 * 15**2 * 10)
    with pytest.raises(BadModel, match="at most 11 blocks"):
        training.fit(table(), "ridge", RECIPE)
