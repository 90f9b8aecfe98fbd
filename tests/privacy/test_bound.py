from __future__ import annotations

import math

import pytest

from disgorge_core.errors import BadParam
from disgorge_core.privacy.bound import Bound, delta_for, foreseen


def bound(epsilon: float, delta: float, records: int = 1000) -> Bound:
    return Bound(epsilon, delta, epsilon, 1.0, 0.1, 10, records)


def test_a_group_by_hand():
    """Two steps from D to D'': P(D) ≤ e^ε P(D') + δ ≤ e^ε (e^ε P(D'') + δ) + δ, at most 2 e^ε δ more."""
    eps, delta = bound(0.5, 1e-5).group(2)
    assert (eps, delta) == (1.0, pytest.approx(2 * math.exp(0.5) * 1e-5))
    assert delta >= (1 + math.exp(0.5)) * 1e-5
    assert bound(0.5, 1e-5).group(3)[1] == pytest.approx(3 * math.e * 1e-5)
    assert bound(2.0, 0.0).group(5) == (10.0, 0.0)
    assert bound(3.0, 1e-5).group(10**6)[1] == 1.0


@pytest.mark.parametrize(
    ("epsilon", "delta", "most"),
    [
        (1.0, 0.0, 10),  # 10 ε = 10 is still said, 11 is not
        (1.0, 1e-6, 6),  # 6 e⁵ 1e-6 = 8.9e-4 < 1e-3 and 7 e⁶ 1e-6 = 2.8e-3
        (11.0, 0.0, 0),
        (3.0, 1e-4, 1),  # 2 e³ 1e-4 = 4e-3 ≥ 1e-3
    ],
)
def test_where_there_is_no_meaningful_bound(epsilon, delta, most):
    found = bound(epsilon, delta)
    assert found.most == most
    assert all(found.meaningful(k) for k in range(1, most + 1)) and not found.meaningful(most + 1)


def test_delta():
    assert delta_for(1000, 0.0) == pytest.approx(1e-4)
    assert delta_for(1000, 1e-6) == 1e-6
    for wrong in (-1e-6, 1e-3, 0.5):
        with pytest.raises(BadParam, match=r"says nothing of 1,000 records.*Take one between"):
            delta_for(1000, wrong)


@pytest.mark.parametrize(("epsilon", "most"), [(3.0, 3), (1.0, 10), (0.1, 100), (10.0, 1)])
def test_what_delta_covers_as_many_as_epsilon_allows(epsilon, most):
    """Just below it they are covered, just above they are not; one more never is."""
    k, delta = bound(epsilon, 1e-4).reach
    assert k == most
    below, above = bound(epsilon, 0.99 * delta), bound(epsilon, 1.01 * delta)
    assert below.meaningful(k) and not above.meaningful(k)
    assert not bound(epsilon, 1e-300).meaningful(k + 1)
    assert bound(11.0, 1e-4).reach == (0, 0.0)


def test_the_bound_that_a_training_will_have():
    found = foreseen(3.0, 1000, 0.0)
    assert (found.epsilon, found.delta, found.records, found.most) == (3.0, 1e-4, 1000, 1)
    with pytest.raises(BadParam, match="says nothing of"):
        foreseen(3.0, 1000, 0.01)
