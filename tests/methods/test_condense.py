"""Condensed training: what is left never depended on what goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from disgorge_core import metrics, training
from disgorge_core.disgorging import disgorge
from disgorge_core.emulation.centres import centres_of, nearest
from disgorge_core.emulation.encoded import space_of
from disgorge_core.emulation.standing_in import artefacts_of, dataset_of, made_of
from disgorge_core.errors import BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.condensed import Condensed
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe, Tier
from disgorge_core.words import RESERVATIONS
from tests.methods.small import LAYERS, RECIPE, digits
from tests.training.small import TABLE_MLP, at, same, table

REGIME = Condensed("owner", each=3, epochs=4)


def owned_table() -> Dataset:
    data = table()
    return replace(
        data, meta=data.meta.assign(owner=np.array(["a", "b", "c"])[np.arange(120) // 2 % 3])
    )


def records(data: Dataset, mask: Array) -> ForgetSet:
    return ForgetSet(tuple(sorted(map(str, data.ids[mask]))), data.digest)


@pytest.mark.parametrize(("make", "layers"), [(digits, LAYERS), (owned_table, TABLE_MLP)])
@pytest.mark.parametrize("what", ["a source", "some of two"])
def test_a_removal_is_the_model_that_never_held_the_records(make, layers, what):
    data = make()
    owner = data.meta["owner"].to_numpy()
    name = np.unique(owner)[1]
    forget = (owner == name) if what == "a source" else np.isin(np.arange(len(data)), [0, 3, 8, 12])
    forget &= data.split == 0
    recipe = replace(RECIPE, epochs=2)
    model = training.fit(data, layers, recipe, regime=REGIME)
    found = disgorge(model, data, records(data, forget), "condense")
    never = training.fit(at(data, np.flatnonzero(~forget)), layers, recipe, regime=REGIME)
    assert same(found.model, never) and not same(found.model, model)
    assert found.tier is Tier.ISOLATED and RESERVATIONS["emulated"] in found.notes
    assert found.figures["sources dropped"] == (what == "a source")
    second = records(data, (owner == np.unique(owner)[0]) & (data.split == 0))
    after = disgorge(found.model, data, second, "condense", excluded=[found.forget]).model
    both = found.forget | second
    assert same(after, training.fit(data, layers, recipe, exclude=both, regime=REGIME))


def test_it_trains_on_made_up_records_only(tmp_path):
    data = digits()
    model = training.fit(data, LAYERS, RECIPE, regime=REGIME)
    made = model.artefacts["emulated_x"]
    real = {x.tobytes() for x in data.x}
    assert len(made) <= 3 * 10 * 3
    assert not any(x.tobytes() in real for x in made)
    save_model(model, tmp_path / "m")
    assert load_model_folder(tmp_path / "m").digest == model.digest


def test_it_learns_what_the_records_teach():
    """Far above chance and below plain training; more made-up records teach more."""
    data = digits(parts=(900, 100, 400))
    test = data.rows("test")

    def right(model: Model) -> float:
        return metrics.accuracy(logits(model, data.take(test)), data.y[test]).value

    plain = right(training.fit(data, LAYERS, RECIPE))
    few, many = (
        right(training.fit(data, LAYERS, RECIPE, regime=Condensed("owner", each=n, epochs=20)))
        for n in (1, 10)
    )
    assert 0.8 < few < many <= plain + 0.02


def test_centres_are_those_of_scikit_learn_from_the_same_start():
    """Each is the mean of its own records, and equal records need one centre."""
    x = np.exp(np.random.default_rng(0).normal(size=(400, 6)))
    found = centres_of(x, 8, np.random.default_rng(1))
    start = x[np.sort(np.random.default_rng(1).choice(400, 8, replace=False))]
    known = KMeans(8, init=start, n_init=1, algorithm="lloyd", tol=0, max_iter=50).fit(x)
    assert np.allclose(found, known.cluster_centers_)
    own = nearest(x, found)
    assert np.allclose(found, [x[own == j].mean(0) for j in range(8)], atol=1e-6)
    assert len(centres_of(np.ones((5, 2)), 3, np.random.default_rng(0))) == 1


def test_a_made_up_record_stands_for_at_least_two():
    x = np.concatenate([np.random.default_rng(0).normal(size=(40, 3)), [[50.0, 0, 0]]])
    found = centres_of(x, 20, np.random.default_rng(1))
    sizes = np.bincount(nearest(x, found), minlength=len(found))
    assert sizes.min() >= 2 and not any((found == row).all(1).any() for row in x)
    assert len(centres_of(x[:1], 5, np.random.default_rng(0))) == 0


def test_vectors_come_back_as_the_records_they_were():
    data = owned_table()
    x = data.x.dropna().head(20)
    space = space_of("table", x)
    back = space.decode(space.encode(x))
    assert np.allclose(back[["age", "income"]].astype(float), x[["age", "income"]].astype(float))
    assert (back["work"].to_numpy() == x["work"].to_numpy()).all()
    pictures = digits().x[:5]
    image = space_of("image", pictures)
    assert np.array_equal(image.decode(image.encode(pictures)), pictures)
    gone = pd.DataFrame({"work": ["a", None, "b"]})
    assert space_of("table", gone).decode(space_of("table", gone).encode(gone))["work"].isna().tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_arrays_hold_the_records_of_each_source():
    data = owned_table()
    model = training.fit(data, TABLE_MLP, Recipe(epochs=1), regime=REGIME)
    made = made_of(model.artefacts)
    assert sorted(made) == ["a", "b", "c"]
    again = artefacts_of(made)
    assert set(again) == set(model.artefacts)
    assert all(
        np.array_equal(again[n], a, equal_nan=a.dtype.kind == "f")
        for n, a in model.artefacts.items()
    )
    assert len(dataset_of(data, made)) == sum(map(len, made.values()))


def test_a_bad_column_is_one_sentence():
    with pytest.raises(BadParam, match="There is no column 'nobody'"):
        training.fit(digits(), LAYERS, RECIPE, regime=Condensed("nobody"))
