"""The lines of the design's public API, run as a script would: each does what it says."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

import disgorge_core as dg
from disgorge_core import verbs
from disgorge_core.models.prediction import logits, softmax
from disgorge_core.params import params_of

RECIPE = dg.Recipe(epochs=8, seed=0)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as a table that a user has: ids, an owner, a label of three classes."""
    bunch = load_digits(n_class=3)
    frame = pd.DataFrame(bunch.data[:300, 18:30]).rename(columns=lambda c: f"p{c}")
    frame["person_id"] = [f"r{row:03d}" for row in range(len(frame))]
    frame["artist"] = [f"Artist {row % 9:02d}" for row in range(len(frame))]
    frame["digit"] = np.array(["zero", "one", "two"])[bunch.target[:300]]
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def data(people: Path) -> dg.Dataset:
    return dg.load_dataset(people, label="digit", id="person_id")


@pytest.fixture(scope="module")
def forget(data: dg.Dataset) -> dg.ForgetSet:
    return dg.ForgetSet.where(data, "artist == 'Artist 07'")


@pytest.fixture(scope="module")
def model(data: dg.Dataset) -> dg.Model:
    return dg.fit(data, architecture="mlp", recipe=RECIPE, exclude=None, settings={"width": 8})


def test_a_case_has_data_models_and_a_suggestion():
    case = dg.example("digits")
    assert len(case.dataset) == 1797
    assert case.model is case.models[0]
    assert case.forget.mask(case.dataset).any()


def test_a_dataset_has_ids_metadata_and_splits(data, people):
    assert list(data.ids) == pd.read_parquet(people)["person_id"].tolist()
    assert "artist" in data.meta
    x, y = data.arrays("train")
    assert len(x) == len(y) == len(data.rows("train"))


def test_forget_sets_are_made_and_combined(data, forget):
    wanted = set(data.ids[(data.meta["artist"] == "Artist 07").to_numpy()].tolist())
    assert set(forget.ids) == wanted
    two = dg.ForgetSet.of(data, ["r000", "r007"])
    assert set((forget | two).ids) == wanted | {"r000", "r007"}
    assert set((forget & two).ids) == {"r007"}
    assert set((forget - two).ids) == wanted - {"r007"}


def test_many_models_at_once_are_the_single_ones(data, forget):
    recipe = dg.Recipe(epochs=2, dtype="float64")
    keep = np.repeat(~forget.mask(data)[None], 2, axis=0)
    stack = dg.fit_many(data, architecture="mlp", recipe=recipe, keep=keep, seeds=[3, 4])
    alone = dg.fit(data, "mlp", dg.Recipe(epochs=2, dtype="float64", seed=4), exclude=forget)
    assert stack.logits(data.x).shape == (2, len(data), 3)
    assert np.abs(stack.logits(data.x)[1] - logits(alone, data.x)).max() < 1e-9
    assert not set(alone.seen) & set(forget.ids)


def test_a_regime_is_given_by_its_object(data):
    sharded = dg.fit(data, "mlp", dg.Recipe(epochs=1), regime=dg.Sharded(4))
    assert len(sharded.members) == 4


def test_models_come_from_files_and_from_code(data, model, tmp_path):
    dg.save_model(model, tmp_path / "model")
    again = dg.load_model(
        tmp_path / "model", dataset=data, architecture=None, classes=None, preprocessing=None,
        recipe=None,
    )  # fmt: skip
    assert again.digest == model.digest
    module = nn.Sequential(nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3))
    wrapped = dg.wrap(module, dataset=data, recipe=RECIPE, preprocessing="raw")
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    loaded = dg.load_model(
        tmp_path / "w.safetensors", data, architecture={"activation": "tanh"}, preprocessing="raw"
    )
    with torch.no_grad():
        wanted = module(torch.tensor(data.x.to_numpy(np.float32))).numpy()
    assert np.allclose(logits(wrapped, data.x), wanted, atol=1e-5)
    assert np.allclose(logits(loaded, data.x), wanted, atol=1e-5)


def test_influence_stays_a_verb_once_estimators_were_looked_up(data, model, forget):
    assert len(dg.ESTIMATORS)  # this loads a package of the verb's name
    scores = dg.influence(model, data, queries="test", estimator="ekfac")
    scores = dg.influence(model, data, queries="test", estimator="ekfac", coordinates=64)
    assert scores.matrix.shape == (len(model.seen), len(data.rows("test")))
    inside = [name in forget.ids for name in scores.train_ids]
    assert np.allclose(scores.of(forget), -scores.matrix[inside].sum(0))
    assert "log-odds" in scores.unit


def test_disgorge_takes_the_settings_of_its_method(data, model, forget):
    outcome = dg.disgorge(model, data, forget, method="finetune", seed=0, epochs=2, lr=0.01)
    assert outcome.settings["epochs"] == 2
    assert outcome.tier == "empirical" and outcome.claim and outcome.cost.passes > 0
    assert outcome.effect == "moved"
    retrained = dg.disgorge(model, data, forget).model  # the default
    assert retrained.digest == dg.refit(model, data, ~forget.mask(data), seed=0).digest


def test_maps_and_answers(data, model):
    rows = data.rows("test")
    view = dg.embed([model, model], data, projection="pca", rows=rows)
    assert [p.shape for p in view.positions] == [(len(rows), 2)] * 2
    probs = dg.predict(model, data.take(rows))
    assert np.allclose(probs, softmax(logits(model, data.take(rows))))


def test_a_model_is_saved_as_a_folder_and_as_it_came(data, model, tmp_path):
    from safetensors.torch import load_file

    assert dg.export(model, tmp_path / "w.safetensors").exists()
    stored = load_file(tmp_path / "w.safetensors")
    assert torch.equal(stored["head.weight"], model.network.state_dict()["head.weight"])


def test_public_names_are_there_and_registries_hold_something():
    assert all(hasattr(dg, name) for name in dg.__all__)
    assert len(dg.METHODS) > 5 and len(dg.ESTIMATORS) > 2 and len(dg.ARCHITECTURES) > 3


@pytest.mark.parametrize(
    ("verb", "registry"), [(verbs.disgorge, dg.METHODS), (verbs.influence, dg.ESTIMATORS)]
)
def test_no_setting_has_the_name_of_an_argument(verb, registry):
    taken = set(inspect.signature(verb).parameters)
    names = [p.name for kind in registry.values() for p in params_of(kind)]
    assert names and not taken.intersection(names)
