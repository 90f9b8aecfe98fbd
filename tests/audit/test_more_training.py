"""Models trained further: held against one step by hand, and against each trained alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from disgorge_core import training
from disgorge_core.audit.more_training import (
    NO_MODELS,
    NO_RECIPE,
    SOLVED,
    mean_rate,
    short,
    trained,
    why_not_further,
)
from disgorge_core.auditing import Beside, Pair, lay
from disgorge_core.data.loading import dataset_of
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.regimes.sharded import Sharded, shard_of
from disgorge_core.types import Marks, Recipe, silent
from tests.audit.benches import bench, drawn
from tests.methods.small import closed_form, digits, first, plain, sharded


def everything():
    return np.ones(len(digits()), bool)


def test_one_step_on_all_records_is_the_step_of_the_formula():
    """θ - η ∇ mean loss with the mean rate η = 0.05 / 2 of a rate that falls from 0.05 to 0."""
    model, data, keep = plain(), digits(), everything()
    recipe = replace(short(Recipe(lr=0.05, schedule="cosine"), 1), batch=10_000)
    found = trained([model], data, keep, recipe, 0, silent)[0]
    rows = data.rows("train")
    network = plain().network
    z = network(inputs(model.members[0], data.take(rows)))
    loss = torch.nn.functional.cross_entropy(z, torch.from_numpy(data.y[rows]))
    grads = torch.autograd.grad(loss, list(network.parameters()))
    for own, new, grad in zip(network.parameters(), found.network.parameters(), grads, strict=True):
        torch.testing.assert_close(new, own - 0.025 * grad, atol=1e-6, rtol=1e-5)


def test_the_mean_rate():
    assert mean_rate(Recipe(lr=0.4, schedule="constant")) == 0.4
    steps = np.arange(1000) / 1000
    for schedule, shape in (("linear", 1 - steps), ("cosine", (1 + np.cos(np.pi * steps)) / 2)):
        rate = mean_rate(Recipe(lr=0.4, schedule=schedule))
        assert rate == pytest.approx(0.4 * shape.mean(), rel=2e-3)


def test_each_keeps_its_preprocessing_and_goes_on_as_if_alone():
    data, keep = digits(), everything()
    p = plain().preprocessing
    other = replace(plain().members[0], preprocessing=replace(p, shift=p.shift + 2.0))
    models = [plain(), replace(plain(15), members=(other,))]
    recipe = short(Recipe(epochs=12, batch=32), 1)
    together = trained(models, data, keep, recipe, 5, silent)
    for k, (model, start) in enumerate(zip(together, models, strict=True)):
        assert model.preprocessing.shift.tolist() == start.preprocessing.shift.tolist()
        alone = trained([start], data, keep, recipe, 5 + k, silent)[0]
        np.testing.assert_allclose(
            logits(model, data.x), logits(alone, data.x), atol=1e-3, rtol=1e-3
        )


def test_categories_and_words_that_one_model_does_not_know_are_kept_apart():
    """A colour that only removed records have: the original reads it, references do not."""
    rng, n = np.random.default_rng(0), 60
    colours = np.where(np.arange(n) < 5, "red", np.where(rng.random(n) < 0.5, "blue", "green"))
    frame = pd.DataFrame(
        {"size": rng.normal(size=n), "colour": colours, "y": rng.integers(0, 2, n)}
    )
    data = dataset_of(frame, "colours", {"label": "y"}, "classification")
    data = replace(data, split=np.zeros(n, np.int8))
    keep = np.stack([np.ones(n, bool), np.arange(n) >= 5])
    recipe = Recipe(epochs=2, lr=0.1, batch=16)
    models = training.fit_many(data, "mlp", recipe, keep, [0, 1], settings={"width": 4}).models
    widths = [sum(c.width for c in m.preprocessing.columns) for m in models]
    assert widths[0] == widths[1] + 1
    together = trained(models, data, keep[1], short(recipe, 2), 3, silent)
    for k, (model, start) in enumerate(zip(together, models, strict=True)):
        assert model.preprocessing.columns == start.preprocessing.columns
        alone = trained([start], data, keep[1], short(recipe, 2), 3 + k, silent)[0]
        np.testing.assert_allclose(logits(model, data.x), logits(alone, data.x), atol=1e-5)
        assert not np.allclose(logits(model, data.x), logits(start, data.x))


def test_shards_learn_their_own_records_only_and_empty_ones_stay():
    data, model = digits(), sharded()
    shard = shard_of(data, Sharded(**model.regime_settings))
    found = trained([model], data, shard == 2, short(Recipe(), 1), 0, silent)[0]
    moved = [
        not torch.equal(
            a.network.state_dict()["head.weight"], b.network.state_dict()["head.weight"]
        )
        for a, b in zip(model.members, found.members, strict=True)
    ]
    assert moved == [False, False, True, False, False]


def test_a_guard_is_left_off():
    guard = {
        "guard_points": np.zeros((1, 64), np.float32),
        "guard_radius": np.full(1, 1e6, np.float32),
    }
    guarded = replace(plain(), rule="guard", artefacts=guard)
    found = trained([guarded], digits(), everything(), short(Recipe(), 1), 0, silent)[0]
    assert not logits(guarded, digits().x).any() and logits(found, digits().x).any()


def laid(model, **changes):
    pair = Pair(replace(model, **changes), replace(model, **changes), digits(), first(digits()))
    return lay(pair, Beside(), Marks())[0]


def test_why_not():
    assert why_not_further(laid(plain())) is None
    assert why_not_further(laid(plain(), recipe=None)) == NO_RECIPE
    assert why_not_further(laid(closed_form())) == SOLVED
    assert why_not_further(bench({"before": drawn(1, 0, 0)[0]}, drawn(3, 0, 1))) == NO_MODELS
