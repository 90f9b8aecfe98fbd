"""CP-Δ over two halves: the answer is bounded by the network that never saw the record."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.models.prediction import logits, mean_logits, member_logits, softmax, withheld
from disgorge_core.models.rules.near_access_free import KINDS
from disgorge_core.regimes.halves import Halves
from disgorge_core.regimes.sharded import shard_of
from disgorge_core.types import Model, Tier
from disgorge_core.words import RESERVATIONS
from tests.methods.small import LAYERS, RECIPE, chosen, digits, first, plain, same_weights

REGIME = Halves(seed=3)


def halves() -> Model:
    return training.fit(digits(15), LAYERS, RECIPE, regime=REGIME)


def in_half(number: int, n: int) -> np.ndarray:
    rows = digits(15).rows("train")
    return rows[shard_of(digits(15), REGIME.sharded)[rows] == number][:n]


@pytest.mark.parametrize("limit", KINDS)
def test_no_answer_is_more_than_k_likelier_than_without_the_record(limit):
    data, model = digits(15), halves()
    rows = in_half(0, 7)
    found = disgorge(model, data, chosen(data, rows), "naf", settings={"limit": limit})
    p = softmax(logits(found.model, data.take(rows)))
    never = softmax(member_logits(model.members[1], data.take(rows)))  # it holds none of them
    saw = softmax(member_logits(model.members[0], data.take(rows)))
    average = limit == KINDS[1]
    most = (p * np.log(p / never)).sum(1) if average else np.log(p / never).max(1)
    most = most[~withheld(found.model, data.take(rows))]
    assert most.max() <= found.figures["k, largest (nats)"] + 1e-9
    raw = (saw * np.log(saw / never)).sum(1) if average else np.log(saw / never).max(1)
    assert raw.max() > most.max() + 0.1  # what the network that saw them would have said
    assert same_weights(found.model, model) and found.tier is Tier.SUPPRESSED
    assert found.effect == "moved"


def test_a_request_in_both_halves_is_said_to_have_no_bound():
    data, model = digits(15), halves()
    one = disgorge(model, data, chosen(data, in_half(1, 5)), "naf")
    both = disgorge(model, data, first(data), "naf")
    assert RESERVATIONS["both halves"] not in one.notes
    assert RESERVATIONS["both halves"] in both.notes


def test_a_plain_model_is_told_how_to_get_there():
    with pytest.raises(NotApplicable, match="Two halves"):
        disgorge(plain(), digits(), first(digits()), "naf")


def test_a_smaller_k_gives_fewer_answers_and_each_within_it():
    data, model = digits(15), halves()
    rows = in_half(0, 12)
    given = []
    for k in (0.02, 0.5, 20.0):
        found = disgorge(
            model, data, chosen(data, rows), "naf", settings={"limit": KINDS[2], "k": k}
        )
        silent = withheld(found.model, data.take(rows))
        assert silent.sum() == found.figures["answers withheld"]
        assert (logits(found.model, data.take(rows))[silent] == 0).all()
        given.append(int((~silent).sum()))
    assert given == sorted(given) and given[-1] == 12
    same = softmax(mean_logits(model, data.take(rows)))  # 20 nats limit nothing
    np.testing.assert_allclose(softmax(logits(found.model, data.take(rows))), same, atol=1e-9)


def test_a_second_request_is_told_that_it_is_covered():
    data, model = digits(15), halves()
    once = disgorge(model, data, chosen(data, in_half(0, 3)), "naf").model
    with pytest.raises(NotApplicable, match="limited so already"):
        disgorge(
            once, data, chosen(data, in_half(1, 3)), "naf", excluded=[chosen(data, in_half(0, 3))]
        )
