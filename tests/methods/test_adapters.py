"""Adapters: each head is a training of its own source on layers that nobody shaped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import training
from disgorge_core.data import preprocessing
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.features import activations
from disgorge_core.models.prediction import logits
from disgorge_core.models.rules.nearest_heads import unpacked
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.adapters import Adapters
from disgorge_core.training import heads
from disgorge_core.types import Array, Dataset, ForgetSet, Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, distance, same, table

RECIPE = Recipe(epochs=4, lr=0.05, batch=16)
REGIME = Adapters("owner")
NAMES = np.array(["ann", "bob", "cy"])


def owned(data: Dataset) -> Dataset:
    owner = NAMES[(np.arange(len(data)) // 2) % 7 % 3]
    return replace(data, meta=data.meta.assign(owner=owner))


def records(data: Dataset, mask: Array) -> ForgetSet:
    return ForgetSet(tuple(sorted(map(str, data.ids[mask]))), data.digest)


@pytest.mark.parametrize(("make", "layers"), [(digits, MLP), (table, TABLE_MLP)])
@pytest.mark.parametrize("what", ["a source", "some of two", "a source and some"])
def test_a_removal_is_the_model_that_never_held_the_records(make, layers, what):
    data = owned(make())
    owner, train = data.meta["owner"].to_numpy(), data.split == 0
    some = np.isin(np.arange(len(data)), [0, 3, 8, 12])
    forget = {
        "a source": owner == "bob",
        "some of two": some,
        "a source and some": (owner == "cy") | some,
    }[what] & train
    model = training.fit(data, layers, RECIPE, regime=REGIME)
    found = disgorge(model, data, records(data, forget), "adapters")
    rows = np.flatnonzero(~forget)
    never = training.fit(at(data, rows), layers, RECIPE, regime=REGIME)
    assert same(found.model, never) and not same(found.model, model)
    assert found.tier == "isolated"
    gone = set(owner[forget]) - set(owner[train & ~forget])
    assert found.figures["adapters dropped"] == len(gone)
    touched = np.isin(owner, list(set(owner[forget]) - gone)) & train & ~forget
    assert found.cost.passes == touched.sum() * RECIPE.epochs


def test_a_second_request_goes_on_from_the_first():
    data = owned(digits())
    owner = data.meta["owner"].to_numpy()
    one, two = (
        records(data, (owner == "bob") & (data.split == 0)),
        records(data, np.arange(150) < 3),
    )
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    first = disgorge(model, data, one, "adapters").model
    second = disgorge(first, data, two, "adapters", excluded=[one]).model
    assert same(second, training.fit(data, MLP, RECIPE, exclude=one | two, regime=REGIME))


def test_only_the_head_learns_and_layers_before_it_are_the_same_for_all():
    data = owned(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    hidden = [m.network.state_dict()["hidden.weight"] for m in model.members]
    own = [m.network.state_dict()["head.weight"] for m in model.members]
    assert torch.equal(hidden[0], hidden[1]) and torch.equal(hidden[0], hidden[2])
    assert not torch.equal(own[0], own[1])
    assert list(model.artefacts["heads"]) == NAMES.tolist()


def test_each_source_keeps_the_class_means_of_its_own_records(tmp_path):
    data = owned(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    z, train = activations(model, data.x), data.split == 0
    for name, own in zip(NAMES, unpacked(model.artefacts), strict=True):
        mine = train & (data.meta["owner"] == name).to_numpy()
        classes, counts = np.unique(data.y[mine], return_counts=True)
        means = [z[mine & (data.y == c)].mean(0) for c in classes]
        assert np.allclose(own.points, means, atol=1e-5) and np.array_equal(own.counts, counts)
    save_model(model, tmp_path / "m")
    assert load_model_folder(tmp_path / "m").digest == model.digest


def test_sources_of_one_class_each_are_told_apart():
    data = digits()
    data = replace(data, meta=data.meta.assign(owner=data.y.astype(str)))
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    x, y = data.arrays("test")
    assert (logits(model, x).argmax(1) == y).mean() > 0.7


def test_references_are_of_the_same_regime_and_another_seed():
    data = owned(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    keep = np.ones((2, len(data)), dtype=bool)
    again, other = training.refit_many(model, data, keep, [0, 9]).models
    assert same(again, model)
    hidden = [m.network.state_dict()["hidden.weight"] for m in (*model.members, *other.members)]
    assert other.regime == "adapters" and not torch.equal(hidden[0], hidden[-1])


def test_fixed_layers_are_passed_once_for_all_sources_and_change_nothing(monkeypatch):
    data = owned(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    p = model.members[2].preprocessing
    assert not p.fitted and p.shift == 127.5 and p.scale == 1 / 63.75
    passed = []
    for member in model.members:
        member.network.hidden.register_forward_hook(lambda *_: passed.append(1))
    logits(model, data.x)
    assert len(passed) == 1
    monkeypatch.setattr(heads, "_shared", lambda *_: b"")  # the whole network each time
    slow = training.fit(data, MLP, RECIPE, regime=REGIME)
    for a, b in zip(model.members, slow.members, strict=True):
        assert distance(a.network, b.network) < 1e-5
    assert np.allclose(logits(model, data.x), logits(slow, data.x), atol=1e-3)


def test_pictures_that_change_in_training_leave_as_cleanly():
    data, recipe = owned(digits()), replace(RECIPE, augment="shift")
    model = training.fit(data, MLP, recipe, regime=REGIME)
    forget = np.isin(np.arange(150), [0, 3])
    found = disgorge(model, data, records(data, forget), "adapters").model
    assert same(found, training.fit(data, MLP, recipe, exclude=forget, regime=REGIME))
    still = training.fit(data, MLP, RECIPE, regime=REGIME)
    assert distance(model.network, still.network) > 1e-3


def test_tables_are_read_by_each_source_in_its_own_way():
    data = owned(table())
    model = training.fit(data, TABLE_MLP, RECIPE, regime=REGIME)
    for name, member in zip(NAMES, model.members, strict=True):
        rows = np.flatnonzero((data.meta["owner"] == name) & (data.split == 0))
        own = preprocessing.fit(data, rows)
        assert member.preprocessing.columns == own.columns
        assert np.allclose(member.preprocessing.shift, own.shift)
    assert REGIME.burden(data, 100, RECIPE).inference == 3
    assert REGIME.burden(owned(digits()), 100, RECIPE).inference == 1


def test_records_without_a_source_can_be_one_more_source():
    data = owned(digits())
    some = data.meta["owner"].where(np.arange(150) % 5 > 0)
    data = replace(data, meta=data.meta.assign(owner=some))
    model = training.fit(data, MLP, RECIPE, regime=Adapters("owner", blank=True))
    assert model.artefacts["heads"].tolist() == [*NAMES, "not stated"]
    forget = some.isna().to_numpy() & (data.split == 0)
    found = disgorge(model, data, records(data, forget), "adapters").model
    assert same(
        found, training.fit(data, MLP, RECIPE, exclude=forget, regime=Adapters("owner", True))
    )


def test_start_weights_are_refused_as_all_heads_would_stand_on_them():
    data = owned(digits())
    start = training.fit(data, MLP, replace(RECIPE, epochs=1))
    with pytest.raises(BadParam, match="not on start weights"):
        training.fit(data, MLP, RECIPE, start=start, regime=REGIME)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("", "There is no column ''"),
        ("nobody", "There is no column 'nobody'"),
        ("holes", "is empty for"),
    ],
)
def test_a_bad_column_is_one_sentence(column, sentence):
    data = owned(digits())
    data = replace(data, meta=data.meta.assign(holes=np.where(np.arange(150) % 5, "a", None)))
    with pytest.raises(BadParam, match=sentence):
        training.fit(data, MLP, RECIPE, regime=Adapters(column))


def test_all_records_cannot_go():
    data = owned(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    with pytest.raises(BadForgetSet):
        disgorge(model, data, records(data, data.split == 0), "adapters")
