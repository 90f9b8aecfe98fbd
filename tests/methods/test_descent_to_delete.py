"""Descent contracts as the theory says, the optimum moves less than its bound, the noise hides the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from disgorge_core import training
from disgorge_core.accounting import tier_here
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.selective_forgetting.descent_to_delete import NO_NOISE, DescentToDelete
from disgorge_core.regimes.published_noisy import STATE, WITHIN, PublishedNoisy, seen
from disgorge_core.training import convex, descent
from disgorge_core.types import Dataset, ForgetSet, Model, Recipe, Tier
from tests.methods.small import chosen, first, linear, plain, published
from tests.methods.small import digits as dim
from tests.regimes.convex_digits import three_or_eight
from tests.training.small import digits, table

Run = Callable[[Model, Dataset, ForgetSet], Model]
REGIME = PublishedNoisy(l2=0.05)


def best(x: np.ndarray, target: np.ndarray, l2: float) -> np.ndarray:
    """The optimum of mean softmax loss + λ/2 ‖W‖² by scipy, from the formula."""
    shape = (target.shape[1], x.shape[1])

    def objective(flat):
        w = flat.reshape(shape)
        z = x @ w.T
        log = z - z.max(1, keepdims=True)
        log = log - np.log(np.exp(log).sum(1, keepdims=True))
        value = -(target * log).sum(1).mean() + l2 / 2 * (w**2).sum()
        return value, ((np.exp(log) - target).T @ x / len(x) + l2 * w).ravel()

    found = minimize(objective, np.zeros(math.prod(shape)), jac=True, options={"gtol": 1e-10})
    return found.x.reshape(shape)


def descended(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "descent_to_delete").model


def proof(run: Run) -> None:
    """Its state is within α of the optimum on R; before it was farther."""
    data = digits()
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    forget, rows = first(data, 20), data.rows("train")[20:]
    x, target = seen(model, data, rows)
    w = best(x, target, REGIME.l2)
    assert np.linalg.norm(model.artefacts[STATE] - w) > 10 * REGIME.distance
    assert np.linalg.norm(run(model, data, forget).artefacts[STATE] - w) <= REGIME.distance


def test_it_ends_within_the_distance_of_the_optimum_on_what_stays():
    proof(descended)


def test_each_step_contracts_at_the_theoretical_rate_or_better():
    data = digits()
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    x, target = seen(model, data, data.rows("train")[20:])
    w, goal, bowl = model.artefacts[STATE], best(x, target, REGIME.l2), REGIME.bowl
    assert bowl.rate == pytest.approx(0.5 / (0.5 + 2 * 0.05)) and bowl.step == pytest.approx(
        2 / 0.6
    )
    gaps = [np.linalg.norm(w - goal)]
    for _ in range(20):
        w = descent.descend(x, target, w, REGIME.l2, bowl, 1)
        gaps.append(np.linalg.norm(w - goal))
    assert (np.array(gaps[1:]) <= bowl.rate * np.array(gaps[:-1]) + 1e-8).all()
    assert gaps[-1] <= bowl.rate**20 * gaps[0] + 1e-8


@pytest.mark.parametrize("gone", [1, 10, 60])
def test_the_optimum_moves_less_than_its_bound(gone):
    data = three_or_eight()
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    rows = data.rows("train")
    n, l2 = len(rows), REGIME.l2
    x, target = seen(model, data, rows)
    moved = np.linalg.norm(best(x, target, l2) - best(x[gone:], target[gone:], l2))
    bound = descent.shift(gone, n, l2)
    assert 0 < moved <= bound
    published_bound = 2 * (2 * descent.PULL) * gone / (l2 * n)  # 2 L k / (m n) with L = 2 √2
    assert bound <= published_bound
    assert np.linalg.norm(best(x, target, l2)) <= descent.reach(l2)


def test_the_noise_is_the_formula_and_hides_what_it_must():
    epsilon, delta, distance = 1.0, 1e-4, 0.002
    sigma = descent.noise(distance, epsilon, delta)
    by_hand = distance / (math.sqrt(2) * (math.sqrt(9.210340372 + 1) - math.sqrt(9.210340372)))
    assert sigma == pytest.approx(by_hand)
    a = distance / sigma  # the exact δ of two Gaussians at this ε (Balle & Wang 2018)
    exact = norm.cdf(a / 2 - epsilon / a) - math.e**epsilon * norm.cdf(-a / 2 - epsilon / a)
    assert 0 < exact <= delta
    assert REGIME.sigma == pytest.approx(descent.noise(2 * REGIME.distance, 1.0, 1e-4))


def test_what_is_published_is_the_state_with_this_noise():
    data = digits()
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    found = disgorge(model, data, first(data, 5), "descent_to_delete")
    added = convex.weights_of(found.model) - found.model.artefacts[STATE]
    assert added.std() == pytest.approx(REGIME.sigma, rel=0.15)
    before = convex.weights_of(model) - model.artefacts[STATE]
    assert abs(np.corrcoef(added.ravel(), before.ravel())[0, 1]) < 0.2  # drawn anew
    assert found.tier is Tier.CERTIFIED and found.bound == "(ε = 1, δ = 0.0001)"
    wanted = REGIME.steps_without(5, 125)
    assert found.figures["steps"] == wanted and found.cost.passes == wanted * 120
    assert found.cost.of_full == pytest.approx(wanted * 120 / (REGIME.steps * 125))
    assert wanted < REGIME.steps
    true = np.linalg.norm(
        found.model.artefacts[STATE] - best(*seen(model, data, data.rows("train")[5:]), 0.05)
    )
    assert true <= found.figures["distance to the optimum, at most"] + 1e-8 <= REGIME.distance


def test_requests_follow_one_another_without_losing_the_distance():
    data, sets = digits(), []
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    for start in (0, 10, 20):
        forget = chosen(data, data.rows("train")[start : start + 10])
        model = disgorge(model, data, forget, "descent_to_delete", excluded=sets).model
        sets.append(forget)
    goal = best(*seen(model, data, data.rows("train")[30:]), REGIME.l2)
    assert np.linalg.norm(model.artefacts[STATE] - goal) <= REGIME.distance


def test_too_few_steps_claim_no_bound_and_are_made_up_for_later():
    data, few = digits(), {"most": 3}
    model = training.fit(data, "linear", Recipe(), regime=REGIME)
    short = disgorge(model, data, first(data, 5), "descent_to_delete", settings=few)
    assert short.tier is Tier.EMPIRICAL and short.bound == "" and "3 were allowed" in short.notes[0]
    assert short.model.artefacts[WITHIN][0] > REGIME.distance
    forget = chosen(data, data.rows("train")[5:6])
    later = disgorge(short.model, data, forget, "descent_to_delete", excluded=[first(data, 5)])
    assert later.tier is Tier.CERTIFIED
    goal = best(*seen(model, data, data.rows("train")[6:]), REGIME.l2)
    assert np.linalg.norm(later.model.artefacts[STATE] - goal) <= REGIME.distance


def test_a_plain_linear_model_descends_without_noise_and_without_a_claim():
    data = table(task="regression")
    model = training.fit(data, "linear", Recipe(epochs=30, l2=0.05))
    found = disgorge(model, data, first(data, 10), "descent_to_delete")
    assert found.tier is Tier.EMPIRICAL and NO_NOISE in found.notes
    rows = data.rows("train")[10:]
    x = convex.seen_by_head(found.model.members[0], data.take(rows))
    a = np.hstack([x, np.ones((len(x), 1))])
    y = data.y[rows]
    wanted = np.linalg.solve(a.T @ a / len(a) + 0.05 * np.eye(a.shape[1]), a.T @ y / len(a))
    head = found.model.network[-1]
    got = np.append(head.weight.detach().numpy()[0], head.bias.detach().numpy())
    old = np.append(model.network[-1].weight.detach().numpy()[0], model.network[-1].bias.detach())
    assert np.linalg.norm(got - wanted) < 0.02 * np.linalg.norm(old - wanted)


def test_another_state_or_other_records_are_refused():
    data, model = dim(), published()
    other = replace(model, artefacts={**model.artefacts, STATE: model.artefacts[STATE] + 1})
    with pytest.raises(NotApplicable, match="not near the optimum"):
        disgorge(other, data, first(data), "descent_to_delete")


def test_models_that_are_not_strongly_convex_are_refused():
    data = dim(15)
    assert "linear" in (why_not(DescentToDelete(), facts_for(plain(15), data, first(data))) or "")
    model = training.fit(data, "linear", Recipe(epochs=1))
    assert "Without L2" in (why_not(DescentToDelete(), facts_for(model, data, first(data))) or "")


def test_plan_offers_it_as_certified_only_where_noise_was_published():
    assert tier_here(DescentToDelete(), published()) is Tier.CERTIFIED
    assert tier_here(DescentToDelete(), linear()) is Tier.EMPIRICAL
