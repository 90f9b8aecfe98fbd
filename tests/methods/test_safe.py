"""A shard graph: what each node learns from, and what a removal trains again."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for
from disgorge_core.errors import BadParam
from disgorge_core.methods.compartmentalization.safe import Safe
from disgorge_core.models.rules.nearest_heads import unpacked
from disgorge_core.regimes.adapters import Adapters
from disgorge_core.regimes.shard_graph import ShardGraph, expected_share
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table

RECIPE = Recipe(epochs=3, lr=0.05, batch=16)
GRAPH = ShardGraph(6, 2)


@cache
def data_of(kind: str = "digits") -> Dataset:
    data = digits() if kind == "digits" else table()
    owner = np.array([f"owner {i}" for i in np.arange(len(data)) // 10])
    return replace(data, meta=data.meta.assign(owner=owner, row=np.arange(len(data))))


@cache
def trained(graph: ShardGraph = GRAPH, kind: str = "digits") -> Model:
    layers = MLP if kind == "digits" else TABLE_MLP
    return training.fit(data_of(kind), layers, RECIPE, regime=graph)


def without(graph: ShardGraph, forget: Array, kind: str = "digits") -> Model:
    layers = MLP if kind == "digits" else TABLE_MLP
    return training.fit(data_of(kind), layers, RECIPE, exclude=forget, regime=graph)


def records(data: Dataset, mask: Array) -> ForgetSet:
    return ForgetSet(tuple(sorted(map(str, data.ids[mask]))), data.digest)


def training_rows(data: Dataset, rows: list[int]) -> Array:
    return np.isin(np.arange(len(data)), data.rows("train")[rows])


@pytest.mark.parametrize(
    ("graph", "kind"),
    [
        (GRAPH, "digits"),
        (ShardGraph(4, 1), "table"),
        (ShardGraph(5, 1, by="owner"), "digits"),
        (ShardGraph(5, 1, safe="row >= 40"), "digits"),
    ],
)
def test_a_removal_is_the_graph_that_never_held_the_records(graph, kind):
    data, model = data_of(kind), trained(graph, kind)
    forget = training_rows(data, [2, 40])
    found = disgorge(model, data, records(data, forget), "safe")
    assert same(found.model, without(graph, forget, kind)) and not same(found.model, model)
    never = at(data, np.flatnonzero(~forget))
    assert same(found.model, training.fit(never, model.layers, RECIPE, regime=graph))
    assert found.tier == "isolated"


def test_two_requests_in_a_row_and_an_emptied_shard_is_dropped():
    data, model, shard = data_of(), trained(), GRAPH.shard_of(data_of())
    one, two = (shard == 3) & (data.split == 0), training_rows(data, [0, 5])
    two &= shard != 3
    first = disgorge(model, data, records(data, one), "safe")
    assert (first.figures["nodes dropped"], first.figures["nodes trained again"]) == (1, 2)
    assert first.model.artefacts["heads"].tolist() == [f"node {i}" for i in (1, 2, 3, 5, 6)]
    excluded = [records(data, one)]
    second = disgorge(first.model, data, records(data, two), "safe", excluded=excluded).model
    assert same(second, without(GRAPH, one | two))


def test_each_node_learns_from_its_shard_and_the_next_ones():
    data, model = data_of(), trained()
    shard, train = GRAPH.shard_of(data), data.split == 0
    unions = [np.isin(shard, [i, (i + 1) % 6, (i + 2) % 6]) for i in range(6)]
    assert np.array_equal(GRAPH.parts(model, data), unions)
    counts = [places.counts.sum() for places in unpacked(model.artefacts)]
    assert counts == [(union & train).sum() for union in unions]
    assert model.lineage.cost == sum(counts) * RECIPE.epochs
    assert GRAPH.burden(data, int(train.sum()), RECIPE).passes == model.lineage.cost
    kept = ShardGraph(5, 1, by="owner")
    one = dict(zip(data.meta["owner"], kept.shard_of(data), strict=True))
    assert [one[name] for name in data.meta["owner"]] == kept.shard_of(data).tolist()


def test_without_edges_it_is_an_adapter_for_each_shard():
    alone = ShardGraph(4, 0)
    data = replace(data_of(), meta=data_of().meta.assign(shard=alone.shard_of(data_of())))
    graph = training.fit(data, MLP, RECIPE, regime=alone)
    adapters = training.fit(data, MLP, RECIPE, regime=Adapters("shard"))
    unnamed = [{**m.artefacts, "heads": np.arange(4)} for m in (graph, adapters)]
    assert same(replace(graph, artefacts=unnamed[0]), replace(adapters, artefacts=unnamed[1]))


@pytest.mark.parametrize(("shards", "degree", "requests"), [(12, 0, 2), (12, 2, 1), (12, 3, 4)])
def test_what_is_promised_is_run_and_near_the_formula(shards, degree, requests):
    graph, data = ShardGraph(shards, degree), data_of()
    model = replace(trained(), regime_settings=vars(graph))
    rows, draw = data.rows("train"), np.random.default_rng(1)
    share = []
    for _ in range(60):
        forget = training_rows(data, draw.choice(len(rows), requests, replace=False).tolist())
        share.append(Safe().price(facts_for(model, data, records(data, forget))))
    assert np.mean(share) == pytest.approx(
        expected_share(shards, degree, len(rows), requests), rel=0.1
    )


def test_the_price_is_what_is_paid():
    data, forget = data_of(), records(data_of(), training_rows(data_of(), [7]))
    price = Safe().price(facts_for(trained(), data, forget))
    found = disgorge(trained(), data, forget, "safe")
    assert found.cost.of_full == pytest.approx(price) and found.figures["nodes trained again"] == 3


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (ShardGraph(126, 0), "125 training records for 126 shards"),
        (ShardGraph(5, 5), "cannot learn from 5 other shards of 5"),
        (ShardGraph(5, 1, by="nobody"), "no column 'nobody'"),
        (ShardGraph(5, 1, by="holes"), "is empty for"),
        (ShardGraph(5, 1, safe="row >= 0"), "All training records are safe"),
        (ShardGraph(5, 1, safe="colour == 1"), "colour"),
    ],
)
def test_a_bad_graph_is_one_sentence(graph, sentence):
    holes = np.where(np.arange(150) % 5, "a", None)
    data = replace(data_of(), meta=data_of().meta.assign(holes=holes))
    assert sentence in (graph.why_not(data, "mlp") or "")
    with pytest.raises(BadParam, match=sentence):
        training.fit(data, MLP, RECIPE, regime=graph)


def test_the_form_says_where_shards_would_be_empty():
    data = data_of()
    assert "would have no record" in (ShardGraph(40, 1, by="owner").why_not(data, "mlp") or "")
    assert GRAPH.why_not(data, "mlp") is None
