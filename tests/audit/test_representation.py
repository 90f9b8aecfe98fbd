"""What features hold though answers do not show it: planted, and references in its place."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from disgorge_core.audit import features
from disgorge_core.audit.bench import REMOVED, TEST
from disgorge_core.audit.checks.removed_labels import NO_LABEL, RemovedLabels
from disgorge_core.audit.checks.representation import Representation
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Model
from tests.audit import trained
from tests.audit.test_relearning import hidden
from tests.methods.small import digits

READ = 1 / 21  # 20 references are read


@cache
def marked() -> Model:
    """A reference with one hidden unit that fires on removed records and on nothing that answers hear of."""
    data, model = digits(trained.WRONG), trained.models("wrong", 1, True, 400)[0]
    removed, test, _ = features.comparable(trained.bench(None))
    rows = np.concatenate([removed, test])
    x = inputs(model.members[0], data.take(rows)).flatten(1).double().numpy()
    side = np.repeat([1.0, -1.0], len(removed))
    weights = np.linalg.lstsq(np.c_[x, np.ones(len(x))], side, rcond=None)[0]
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        hidden_layer, head = network.get_submodule("hidden"), network.get_submodule("head")
        hidden_layer.weight[0] = torch.from_numpy(weights[:-1])
        hidden_layer.bias[0] = float(weights[-1])
        head.weight[:, 0] = 0
    return replace(model, members=(replace(model.members[0], network=network),))


@cache
def found(check, which: str):
    after = {"marked": marked, "honest": lambda: None, "suppressed": lambda: hidden("wrong")}[
        which
    ]()
    return {m.finding.unit: m.finding for m in check.run(trained.bench(after))}


def test_features_that_know_the_removed_records_are_caught_and_references_are_not():
    planted = found(Representation(), "marked")["AUC"]
    assert planted.values["after"].low > 0.8 and planted.odds["after"] == READ
    honest = found(Representation(), "honest")["AUC"]
    assert honest.odds["after"] > READ and honest.values["references"].n == 20
    assert planted.values["after"].low > honest.values["references"].high


def test_likeness_stands_beside_it():
    honest = found(Representation(), "honest")["CKA"]
    assert honest.odds["before"] == READ < honest.odds["after"]
    assert 0 < honest.values["before"].value < honest.values["references"].low < 1


def test_labels_that_were_only_suppressed_are_read_from_the_features():
    caught = found(RemovedLabels(), "suppressed")["score"]
    assert caught.odds["after"] == READ
    assert caught.values["after"].low > caught.values["references"].high
    honest = found(RemovedLabels(), "honest")["score"]
    assert honest.odds["after"] > READ and honest.odds["before"] == READ


def test_the_score_is_the_readers_own():
    """The reader of the model before, by scikit-learn."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    from disgorge_core.features import activations

    laid, data = trained.bench(None), digits(trained.WRONG)
    rows = {name: laid.rows[inside] for name, inside in laid.sets.items()}
    kept, removed = rows["Kept records"], rows[REMOVED]
    z = {
        k: activations(laid.models["before"], data.take(r))
        for k, r in (("k", kept), ("r", removed))
    }
    scaler = StandardScaler().fit(z["k"].astype(float))
    reader = Ridge(alpha=0.1 * len(kept)).fit(scaler.transform(z["k"]), np.eye(10)[data.y[kept]])
    said = reader.predict(scaler.transform(z["r"]))[np.arange(len(removed)), data.y[removed]]
    own = found(RemovedLabels(), "honest")["score"].values["before"]
    assert own.value == pytest.approx(said.mean(), abs=1e-6) and own.n == len(removed)


def test_identical_models_are_equal():
    laid = trained.bench(trained.models("wrong", 1, False, 1)[0], references=5)
    for check in (Representation(), RemovedLabels()):
        for one in check.run(laid):
            values = one.finding.values
            assert values["before"].value == pytest.approx(values["after"].value)


def test_too_few_records_or_references():
    laid = trained.bench(None, references=3)
    one = laid.sets | {REMOVED: np.arange(len(laid.rows)) == 0}
    assert "at least 10 removed records" in Representation().why_not(replace(laid, sets=one))
    none = laid.sets | {TEST: np.zeros(len(laid.rows), bool)}
    assert Representation().why_not(replace(laid, sets=none)).endswith("there are 0.")
    for check in (Representation(), RemovedLabels()):
        assert "references" in check.why_not(trained.bench(None, references=2))
        assert check.why_not(laid) is None


def test_a_class_that_vanished_cannot_be_read():
    laid = trained.bench(None, references=3)
    alone = laid.sets | {
        "Kept records": laid.sets["Kept records"] & (np.arange(len(laid.rows)) < 30)
    }
    assert RemovedLabels().why_not(replace(laid, sets=alone)) == NO_LABEL
