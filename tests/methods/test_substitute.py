"""Substitution is bitwise a training on the kept records and the picked ones, and says what it saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.retraining.substitute import Substitute
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Tier
from disgorge_core.words import reservation
from tests.methods.small import (
    LAYERS,
    RECIPE,
    chosen,
    digits,
    first,
    plain,
    same_weights,
    spared,
)

Run = Callable[[Model, Dataset, ForgetSet], Model]
SPARE = np.arange(200, 300)  # rows that the model has not seen


def substitute(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "substitute").model


def came_in(after: Model, before: Model, data: Dataset) -> Array:
    """Rows that only the later model saw."""
    return np.flatnonzero(np.isin(data.ids, sorted(set(after.seen or ()) - set(before.seen or ()))))


def proof(run: Run) -> None:
    data, before = digits(15), spared()
    after = run(before, data, first(data))
    picked = came_in(after, before, data)
    assert Counter(data.y[picked].tolist()) == Counter(data.y[:15].tolist())
    assert set(picked) <= set(SPARE)
    rows = [*range(15, 200), *picked]
    assert set(after.seen or ()) == set(data.ids[rows])
    gone = ~np.isin(np.arange(len(data)), rows)
    assert same_weights(after, training.fit(data, LAYERS, RECIPE, exclude=gone))


def test_it_is_a_training_on_the_kept_and_as_many_spare_records_of_each_class():
    proof(substitute)


def test_the_account_says_that_it_is_rebuilt_and_what_came_in():
    data = digits(15)
    found = disgorge(spared(), data, first(data), "substitute")
    assert found.tier is Tier.REBUILT and found.figures["substitutes"] == 15
    assert reservation("substitutes", "15") in found.notes
    assert found.cost.of_full == 1


def test_another_seed_draws_others_and_the_recipe_keeps_its_own_seed():
    data = digits(15)
    one, two = (disgorge(spared(), data, first(data), "substitute", seed=s).model for s in (0, 1))
    assert one.seen != two.seen
    assert one.recipe == two.recipe == spared().recipe


def test_nearest_are_those_of_least_distance_in_the_class():
    data, forget = digits(15), first(digits(15), 5)
    found = disgorge(spared(), data, forget, "substitute", settings={"choice": "nearest"})
    pixels = data.x.reshape(len(data), -1).astype(float)  # scaling is one number for all pixels
    wanted = set()
    for code in set(data.y[:5].tolist()):
        gone, pool = np.flatnonzero(data.y[:5] == code), SPARE[data.y[SPARE] == code]
        far = np.linalg.norm(pixels[pool][:, None] - pixels[gone], axis=2).min(1)
        wanted |= set(pool[np.argsort(far)[: len(gone)]].tolist())
    assert set(came_in(found.model, spared(), data).tolist()) == wanted
    assert reservation("picked by likeness") in found.notes


def test_the_pool_is_a_filter_in_our_grammar():
    data = digits(15)
    high = replace(data, meta=data.meta.assign(row=np.arange(len(data))))
    found = disgorge(
        spared(), high, first(data), "substitute", settings={"pool": "row >= 220 and row != 250"}
    )
    picked = came_in(found.model, spared(), data)
    assert len(picked) == 15 and picked.min() >= 220 and 250 not in picked


def test_requested_records_never_come_in():
    """The request names spare records too, and an earlier one others: neither may stand in."""
    data = digits(15)
    forget = chosen(data, np.r_[np.arange(15), np.arange(200, 230)])
    earlier = chosen(data, np.arange(230, 250))
    found = disgorge(spared(), data, forget, "substitute", excluded=[earlier])
    assert came_in(found.model, spared(), data).min() >= 250


def test_later_requests_may_name_what_came_in():
    data = digits(15)
    once = disgorge(spared(), data, first(data), "substitute").model
    picked = came_in(once, spared(), data)
    again = disgorge(once, data, chosen(data, picked), "substitute", excluded=[first(data)])
    assert not set(again.model.seen or ()) & set(data.ids[[*range(15), *picked]])
    assert len(again.model.seen or ()) == 200


def test_copies_among_the_substitutes_are_said():
    data = digits(15)
    near = data.meta.near.to_numpy().copy()
    near[SPARE] = near[0]  # the whole spare part copies the first removed record
    copied = replace(data, meta=data.meta.assign(near=near))
    found = disgorge(spared(), copied, first(data), "substitute")
    assert reservation("near", "15") in found.notes


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ("near < 0", "None of the 100 spare records is in the pool"),
        ("label == '3'", "The pool has 0 spare records of the class .*: widen the filter"),
        ("label = '3'", "Write == to compare"),
        ("nothing == 1", "There is no column 'nothing'"),
    ],
)
def test_a_pool_that_will_not_do_is_refused_before_anything_is_trained(pool, said):
    data, before = digits(15), spared()
    digest = replace(before).digest
    with pytest.raises(NotApplicable, match=said):
        disgorge(before, data, first(data), "substitute", settings={"pool": pool})
    assert replace(before).digest == digest


def test_too_few_of_a_class_are_counted():
    data = digits(15)
    eights = np.flatnonzero(data.y == 8)
    gone = [r for r in eights if 15 <= r < 200]
    spare = [r for r in eights if r in SPARE]
    assert len(gone) > len(spare)
    reason = why_not(Substitute(), facts_for(spared(), data, chosen(data, np.array(gone)))) or ""
    assert f"{len(spare)} spare records of the class '8', and {len(gone)} are needed" in reason
    assert reason.endswith("train a model that leaves out more, or remove fewer.")


def test_where_it_does_not_apply_it_says_why():
    data = digits(15)
    assert "spare part first" in (
        why_not(Substitute(), facts_for(plain(15), data, first(data))) or ""
    )
    bare = replace(spared(), recipe=None)
    assert "recipe" in (why_not(Substitute(), facts_for(bare, data, first(data))) or "")
    lineage = replace(spared().lineage, trained_on="unknown")
    unknown = replace(spared(), seen=None, lineage=lineage)
    assert "unknown which records" in (
        why_not(Substitute(), facts_for(unknown, data, first(data))) or ""
    )


def test_numbers_are_replaced_by_as_many_of_any_value():
    data = digits(0, "regression")
    spare = np.isin(np.arange(len(data)), SPARE)
    before = training.fit(data, (LAYERS[0], *_line()), replace(RECIPE, lr=1e-3), exclude=spare)
    found = disgorge(before, data, first(data), "substitute")
    assert len(came_in(found.model, before, data)) == 15


def _line():
    return (replace(LAYERS[1], name="head", options={"inputs": 64, "outputs": 1}),)
