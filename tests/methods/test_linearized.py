"""The user part is solved again bit for bit, and zeroed when all user records go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.selective_forgetting.linearized import NOT_LINEARIZED
from disgorge_core.methods.selective_forgetting.linearized import Linearized as Method
from disgorge_core.models.prediction import logits
from disgorge_core.models.rules.linearized import USER
from disgorge_core.regimes.linearized import MixedPrivacy
from disgorge_core.types import Dataset, ForgetSet, Model, Tier
from tests.methods.small import LAYERS, RECIPE, chosen, digits, first, mixed, plain
from tests.training.small import same

Run = Callable[[Model, Dataset, ForgetSet], Model]


def solved(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "linearized").model


def users(data: Dataset) -> np.ndarray:
    """Rows of the user records among those trained on: the first 100."""
    return data.rows("train")[:100]


def proof(run: Run) -> None:
    """Bitwise the regime's model that was trained without the records."""
    data, model = digits(15), mixed()
    forget = chosen(data, users(data)[:15])
    regime = training.regime_of(model)
    whole = training.fit(data, LAYERS, RECIPE, exclude=forget, regime=regime)
    after = run(model, data, forget)
    assert not np.array_equal(after.artefacts.get(USER), model.artefacts[USER])
    assert same(after, whole)


def test_it_is_the_whole_fit_without_the_records():
    proof(solved)


def test_without_any_user_record_the_answers_are_the_cores_bit_for_bit():
    data, model = digits(15), mixed()
    found = disgorge(model, data, chosen(data, users(data)), "linearized")
    core = training.fit(data, LAYERS, RECIPE, exclude=np.arange(len(data)) < 100)
    assert np.array_equal(logits(found.model, data.x), logits(core, data.x))
    assert not np.array_equal(logits(model, data.x), logits(core, data.x))
    assert not found.model.artefacts[USER].any() and found.cost.passes == 0
    assert found.tier is Tier.ISOLATED and found.model.seen == core.seen


def test_two_requests_end_where_one_request_for_both_does():
    data, model = digits(15), mixed()
    own = users(data)
    a, b = chosen(data, own[:5]), chosen(data, own[5:12])
    one = disgorge(model, data, a, "linearized").model
    two = disgorge(one, data, b, "linearized", excluded=[a]).model
    both = disgorge(model, data, chosen(data, own[:12]), "linearized").model
    assert same(two, both)


def test_a_record_of_the_core_is_refused():
    data, model = digits(15), mixed()
    rows = data.rows("train")
    core = rows[100:]
    forget = chosen(data, np.concatenate([core[:2], users(data)[:3]]))
    with pytest.raises(NotApplicable, match="2 of these records are core"):
        disgorge(model, data, forget, "linearized")


def test_another_model_is_refused_with_the_way_to_get_there():
    facts = facts_for(plain(), digits(), first(digits()))
    assert why_not(Method(), facts) == NOT_LINEARIZED


def test_what_is_not_known_of_the_core_limits_the_claim():
    data, model = digits(15), mixed()
    start = replace(model.lineage, trained_on="unknown")
    found = disgorge(
        replace(model, lineage=start), data, chosen(data, users(data)[:4]), "linearized"
    )
    assert found.tier is Tier.EMPIRICAL


def test_the_price_is_the_solve_over_core_and_solve():
    data, model = digits(15), mixed()
    forget = chosen(data, users(data)[:10])
    regime: MixedPrivacy = training.regime_of(model)
    n, own = 300, len(users(data))
    wanted = 100 * (n - 10) / (RECIPE.epochs * (n - own) + 100 * n)
    assert Method().price(facts_for(model, data, forget)) == pytest.approx(wanted)
    assert regime.burden(data, n, RECIPE).passes == pytest.approx(12 * (n - own) + 100 * n)
