"""The formulas of shards and slices, against published numbers, closed forms and plain counting."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core import sharding_plan as plan
from disgorge_core.errors import BadParam

PUBLISHED = {1: 599, 8: 4027, 18: 7224, 36: 10085, 100: 11825}  # S = 20, N = 12,000, one slice


@pytest.mark.parametrize(("requests", "records"), PUBLISHED.items())
def test_records_of_a_batch_of_requests(requests, records):
    """Theirs are shards of equal size; ours are hashes, which makes a difference of at most K records."""
    found = plan.removal_passes(12_000, 1, 20, 1, requests)
    assert found == pytest.approx(records, abs=requests, rel=0.003)


@pytest.mark.parametrize(("shards", "slices"), [(20, 10), (5, 4), (1, 9), (7, 1)])
def test_one_request_costs_the_papers_share(shards, slices):
    """(2R + 1) / (3 S R), where 2 e' / (R + 1) is a whole number of epochs."""
    share = plan.removal_share(1e6, 10 * (slices + 1), shards, slices, 1)
    assert share == pytest.approx((2 * slices + 1) / (3 * shards * slices), rel=1e-4)


SIMULATED = [(10, 1, 28.96), (10, 8, 4.09), (10, 18, 2.17), (50, 8, 4.22)]


@pytest.mark.parametrize(("slices", "requests", "speed_up"), SIMULATED)
def test_the_speed_up_that_was_simulated(slices, requests, speed_up):
    """S = 20, N = 12,000 (research/unlearning.md, section 4.4), on schedules of that many whole epochs."""
    share = plan.removal_share(12_000, 20 * (slices + 1), 20, slices, requests)
    assert 1 / share == pytest.approx(speed_up, rel=0.03)


@pytest.mark.parametrize(("slices", "requests", "together"), [(1, 3, 1), (4, 5, 1), (3, 2, 10)])
def test_by_counting_random_requests(slices, requests, together):
    """Groups of `together` records in random cells; stages of touched shards counted one by one."""
    rng, groups, shards = np.random.default_rng(0), 120, 6
    made = plan.stage_epochs(12, slices)
    counts = []
    for _ in range(3000):
        cell = rng.integers(0, shards * slices, groups)
        shard, part = cell // slices, cell % slices
        gone = np.arange(groups) < requests
        total = 0
        for r in range(slices):
            for s in np.unique(shard[gone & (part <= r)]):
                total += made[r] * together * int(((shard == s) & (part <= r) & ~gone).sum())
        counts.append(total)
    wanted = plan.removal_passes(groups * together, 12, shards, slices, requests, together)
    assert np.mean(counts) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("epochs", [1, 5, 20, 33])
@pytest.mark.parametrize("slices", [1, 2, 3, 7, 10])
def test_the_stages_make_as_many_passes_as_the_recipe(epochs, slices):
    if 2 * epochs < slices + 1:
        with pytest.raises(BadParam, match=f"{epochs} epochs? cannot be spread"):
            plan.stage_epochs(epochs, slices)
        return
    made = plan.stage_epochs(epochs, slices)
    assert len(made) == slices and min(made) >= 1
    passes = sum(e * (r + 1) / slices for r, e in enumerate(made))
    assert passes == pytest.approx(epochs, abs=0.5)
    assert plan.training_passes(600, epochs, slices) == pytest.approx(600 * passes)


@pytest.mark.parametrize(("shards", "slices", "requests"), [(5, 1, 1), (5, 3, 7), (20, 4, 300)])
def test_the_share_of_a_retrain_is_that_of_the_passes(shards, slices, requests):
    stay = plan.training_passes(5000 - requests, 20, slices)
    passes = plan.removal_passes(5000, 20, shards, slices, requests)
    assert plan.retrain_share(20, shards, slices, requests) == pytest.approx(passes / stay)


def test_many_requests_cost_a_full_training():
    assert plan.removal_share(1e6, 20, 20, 1, 1000) == pytest.approx(1, abs=0.002)
    assert plan.storage(20, 5) == 100 and plan.inference(20) == 20
