"""Every method on texts: it runs, says what it did, and keeps its own promise."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.models.prediction import logits, withheld
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.registry import METHODS
from disgorge_core.types import Dataset, ForgetSet, Model, Recipe
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=12, lr=0.3, batch=16, l2=1e-3)
SETTINGS = {"width": 4}


@cache
def data() -> Dataset:
    return texts(140)


@cache
def plain(regime: str = "plain") -> Model:
    shards = Sharded(3) if regime == "sharded" else None
    return training.fit(
        data(), "text_mean", RECIPE, settings=SETTINGS, regime=shards, name="stories"
    )


def forget() -> ForgetSet:
    return ForgetSet(tuple(sorted(data().ids[data().rows("train")[:8]])), data().digest)


APPLIES = [
    "retrain", "compressed_retrain", "finetune", "gradient_ascent", "neg_grad_plus", "influence_step",
    "newton", "fisher", "ntk", "sisa", "guard",
]  # fmt: skip


@pytest.mark.parametrize("name", APPLIES)
def test_it_runs_on_texts(name: str, tmp_path) -> None:
    model = plain("sharded" if name == "sisa" else "plain")
    before = model.digest
    outcome = disgorge(model, data(), forget(), name)
    assert model.digest == before and outcome.model.digest != before
    assert outcome.effect == "moved"
    again = load_model_folder(save_model(outcome.model, tmp_path / "m"))
    x = data().x
    assert np.array_equal(logits(again, x), logits(outcome.model, x))
    assert [m.preprocessing.columns for m in again.members] == [
        m.preprocessing.columns for m in outcome.model.members
    ]


def test_the_others_say_why_not() -> None:
    facts = facts_for(plain(), data(), forget())
    for name in set(METHODS) - set(APPLIES) | {"sisa"}:
        reason = why_not(METHODS[name](), facts)
        assert reason and reason.endswith("."), name


def test_retraining_gives_the_model_that_never_saw_the_words_of_f() -> None:
    outcome = disgorge(plain(), data(), forget(), "retrain", seed=RECIPE.seed)
    known = outcome.model.preprocessing.columns[0].values
    wanted = training.fit(data(), "text_mean", RECIPE, settings=SETTINGS, exclude=forget())
    assert known == wanted.preprocessing.columns[0].values
    assert np.array_equal(logits(outcome.model, data().x), logits(wanted, data().x))


def test_shards_after_removal_are_those_trained_without_f() -> None:
    outcome = disgorge(plain("sharded"), data(), forget(), "sisa")
    wanted = training.fit(
        data(), "text_mean", RECIPE, settings=SETTINGS, regime=Sharded(3), exclude=forget()
    )
    assert [m.preprocessing.columns for m in outcome.model.members] == [
        m.preprocessing.columns for m in wanted.members
    ]
    assert np.array_equal(logits(outcome.model, data().x), logits(wanted, data().x))


def test_the_guard_withholds_on_the_texts_of_f_only() -> None:
    after = disgorge(plain(), data(), forget(), "guard").model
    inside = forget().mask(data())
    assert withheld(after, data().x[inside]).all()
    kept = ~inside & (data().split == 0)
    assert not withheld(after, data().x[kept]).any()
    assert after.artefacts["guard_points"].shape == (8, 4)
