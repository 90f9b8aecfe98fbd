"""The logged regime: arrivals, the log, and a rewind against the whole log followed in the slowest way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import sharding_plan, training
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.logged import Logged, arrived_in, replay
from disgorge_core.training import batch_log
from disgorge_core.training.order import by_key, epoch_order
from disgorge_core.types import Layer, Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=6, lr=0.05, batch=16)
REGIME = Logged(by="year", stages=3)
NORMED = (
    Layer("flatten"),
    Layer("linear", "hidden", {"inputs": 64, "outputs": 8}),
    Layer("batchnorm1d", "norm", {"channels": 8}),
    Layer("relu"),
    Layer("linear", "head", {"inputs": 8, "outputs": 10}),
)


def dated(data):
    """Records of seven years, in no order."""
    year = 2010 + np.random.default_rng(2).integers(0, 7, len(data))
    return replace(data, meta=data.meta.assign(year=year))


def seen_of(model, data):
    return np.isin(data.ids.astype(str), np.array(model.seen))


def gone_of(data, rows) -> np.ndarray:
    return np.isin(np.arange(len(data)), rows) & (data.split == 0)


def rewound(model, data, gone, **how):
    return replay(model, data, seen_of(model, data), ~gone, **how)


def late(data, years=(2016,), n=4) -> np.ndarray:
    return np.flatnonzero(np.isin(data.meta["year"], years) & (data.split == 0))[:n]


@pytest.mark.parametrize(
    ("make", "layers"), [(digits, MLP), (table, TABLE_MLP), (digits, NORMED), (texts, "text_mean")]
)
def test_a_rewind_is_the_whole_log_followed_without_the_records(make, layers):
    """Bitwise, from the kept weights as from the start: the slow definition. And not a new training."""
    data = dated(make())
    model = training.fit(data, layers, RECIPE, regime=REGIME)
    for rows in (late(data), late(data, (2013,)), [3, 8], np.arange(20, 60)):
        gone = gone_of(data, rows)
        found = rewound(model, data, gone)
        assert same(found, rewound(model, data, gone, begin=0)) and not same(found, model)
        fresh = training.fit(data, layers, RECIPE, exclude=gone, regime=REGIME)
        assert found.seen == fresh.seen and found.digest != fresh.digest
    assert same(rewound(model, data, gone_of(data, []), begin=0), model)


def test_the_log_is_followed_as_plain_code_would():
    """SGD by hand: the logged cuts of the whole order, the removed records dropped from each batch."""
    data = dated(digits(90))
    recipe = replace(RECIPE, epochs=3, momentum=0.0, schedule="linear", dtype="float64")
    regime = Logged()
    model = training.fit(data, "linear", recipe, regime=regime)
    gone = gone_of(data, [0, 1, 2, 30, 31])
    rows = by_key(data.keys, data.rows("train"))
    kept = rows[~gone[rows]]
    pixels = data.x.reshape(len(data), -1).astype(np.float64)
    mean, spread = pixels[kept].mean(), pixels[kept].std()
    x, y = torch.tensor((pixels - mean) / spread), torch.tensor(data.y)
    first = training.fit(data, "linear", replace(recipe, epochs=1, lr=1e-8), exclude=gone)
    start = first.network.state_dict()
    w, b = (next(v for k, v in start.items() if k.endswith(n)).clone() for n in ("weight", "bias"))
    steps, step = 3 * -(-len(rows) // 16), 0
    for epoch in range(3):
        order = rows[epoch_order(data.keys[rows], recipe.seed, epoch)]
        for cut in range(0, len(order), 16):
            batch = [r for r in order[cut : cut + 16] if not gone[r]]
            w.requires_grad_(), b.requires_grad_()
            loss = torch.nn.functional.cross_entropy(x[batch] @ w.T + b, y[batch])
            gw, gb = torch.autograd.grad(loss, (w, b))
            rate = recipe.lr * (1 - step / steps)
            w, b, step = (w - rate * gw).detach(), (b - rate * gb).detach(), step + 1
    state = rewound(model, data, gone).network.state_dict()
    weight = next(v for k, v in state.items() if k.endswith("weight"))
    assert torch.allclose(weight, w, atol=1e-6)
    fresh = training.fit(data, "linear", recipe, exclude=gone, regime=regime).network.state_dict()
    assert not torch.allclose(
        next(v for k, v in fresh.items() if k.endswith("weight")), w, atol=1e-5
    )


def test_one_request_after_the_other_is_both_at_once():
    data = dated(table())
    model = training.fit(data, TABLE_MLP, RECIPE, regime=REGIME)
    one, two = gone_of(data, late(data)), gone_of(data, late(data, (2010, 2014)))
    assert same(
        rewound(rewound(model, data, one), data, one | two), rewound(model, data, one | two)
    )


def test_arrivals_are_years_in_order_put_together_evenly():
    data = dated(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    stage, year = arrived_in(model, data, data.split == 0), data.meta["year"].to_numpy()
    train = data.split == 0
    by_stage = [set(year[train & (stage == a)]) for a in range(3)]
    assert by_stage == [{2010, 2011, 2012}, {2013, 2014}, {2015, 2016}]
    assert (stage[~train] == -1).all()
    epochs = sharding_plan.stage_epochs(6, 3)
    counts = [int((train & (stage <= a)).sum()) for a in range(3)]
    assert model.lineage.cost == sum(e * n for e, n in zip(epochs, counts, strict=True))
    burden = REGIME.burden(data, int(train.sum()), RECIPE)
    assert burden.passes == pytest.approx(model.lineage.cost) and burden.storage == 3


def test_late_records_are_cheap_and_without_arrivals_all_is_paid():
    data = dated(digits())
    train = data.split == 0
    gone = gone_of(data, late(data))
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    last = sharding_plan.stage_epochs(6, 3)[-1]
    assert rewound(model, data, gone).lineage.cost == last * int((train & ~gone).sum())
    shuffled = training.fit(data, MLP, RECIPE, regime=Logged())
    assert rewound(shuffled, data, gone).lineage.cost == 6 * int((train & ~gone).sum())
    assert not [name for name in shuffled.artefacts if name.startswith("log/weights")]


def test_an_arrival_that_leaves_as_a_whole():
    data = dated(digits())
    model = training.fit(data, MLP, RECIPE, regime=Logged("year", 7))
    for years in ((2010,), (2013,), (2016,)):
        gone = gone_of(data, late(data, years, None))
        found = rewound(model, data, gone)
        assert same(found, rewound(model, data, gone, begin=0))
        more = gone | gone_of(data, late(data, (2011,), None))
        assert same(rewound(found, data, more), rewound(model, data, more, begin=0))


def test_the_log_names_nobody_and_shrinks():
    data = dated(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    gone = gone_of(data, late(data))
    found = rewound(model, data, gone)
    was, now = model.artefacts, found.artefacts
    assert was[batch_log.ARRIVED].sum() - now[batch_log.ARRIVED].sum() == gone.sum()
    epochs = sharding_plan.stage_epochs(6, 3)
    left = was[batch_log.BATCHES].sum() - now[batch_log.BATCHES].sum()
    assert left == gone.sum() * epochs[-1]
    assert sum(v.nbytes for k, v in was.items() if "weights" not in k) < 1000


def test_what_is_kept_travels_with_the_model(tmp_path):
    data = dated(table())
    model = training.fit(data, TABLE_MLP, RECIPE, regime=REGIME)
    save_model(model, tmp_path / "m")
    gone = gone_of(data, late(data))
    assert same(rewound(load_model_folder(tmp_path / "m"), data, gone), rewound(model, data, gone))


def test_references_are_new_trainings_of_the_regime():
    data = dated(table())
    model = training.fit(data, TABLE_MLP, RECIPE, regime=REGIME)
    keep = np.stack([~gone_of(data, late(data)), ~gone_of(data, late(data, (2010, 2011), None))])
    stack = training.refit_many(model, data, keep, [0, 5])
    fresh = training.fit(data, TABLE_MLP, RECIPE, exclude=~keep[0], regime=REGIME)
    assert same(stack.models[0], fresh)
    assert same(stack.models[1], training.refit(model, data, keep[1], seed=5))
    away = replace(at(data, np.flatnonzero(keep[0])), digest=data.digest)
    assert same(stack.models[0], training.fit(away, TABLE_MLP, RECIPE, regime=REGIME))


def test_a_log_of_another_dataset_or_a_torn_one_is_refused():
    data = dated(digits())
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    gone = gone_of(data, late(data))
    before = replace(model).digest
    short = {**model.artefacts, batch_log.BATCHES: model.artefacts[batch_log.BATCHES][:-1]}
    for bad, of, says in (
        (model, replace(data, digest="another"), "another dataset"),
        (replace(model, artefacts={}), data, "kept no log"),
        (replace(model, artefacts=short), data, "damaged"),
        (replace(model, seen=model.seen[1:]), data, "damaged"),
    ):
        with pytest.raises(NotApplicable, match=says):
            rewound(bad, of, gone)
    assert replace(model).digest == before


def test_a_column_that_is_missing_or_has_holes_and_too_few_epochs_are_refused():
    data = dated(digits())
    holes = replace(data, meta=data.meta.assign(year=data.meta["year"].where(data.y != 3)))
    for bad, column, says in ((data, "town", "no column 'town'"), (holes, "year", "is empty for")):
        assert says in (Logged(column).why_not(bad, "mlp") or "")
        with pytest.raises(BadParam, match=says):
            training.fit(bad, MLP, RECIPE, regime=Logged(column))
    with pytest.raises(BadParam, match="2 epochs cannot be spread over 7 stages"):
        training.fit(data, MLP, replace(RECIPE, epochs=2), regime=Logged("year", 7))


def test_start_weights_of_elsewhere_leave_no_log():
    """The log would not know what they saw."""
    data = dated(digits())
    start = training.fit(data, MLP, replace(RECIPE, epochs=1))
    assert training.fit(data, MLP, RECIPE, regime=REGIME, start=start).artefacts == {}
