from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.training.order import (
    by_key,
    cuts,
    drawn,
    epoch_order,
    mix,
    salt,
    uniform,
)
from tests.training.small import digits


def test_mix_is_splitmix64():
    """The published first outputs for state 0 (each call adds the golden ratio once more)."""
    golden = 0x9E3779B97F4A7C15
    states = np.array([0, golden, 2 * golden % 2**64], dtype=np.uint64)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert mix(states).tolist() == expected


def test_order_of_what_stays_is_unmoved_by_what_leaves():
    keys = digits(90).keys
    stays = np.arange(90) % 4 != 1
    whole = keys[epoch_order(keys, 3, 5)]
    part = keys[stays][epoch_order(keys[stays], 3, 5)]
    assert whole[np.isin(whole, keys[stays])].tolist() == part.tolist()


def test_orders_differ_between_seeds_and_epochs_and_are_permutations():
    keys = digits(60).keys
    orders = {tuple(epoch_order(keys, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
    assert all(sorted(order) == list(range(60)) for order in orders)


def test_every_place_is_equally_likely():
    """Chi-squared of record against place over 2,000 epochs: 81 degrees of freedom."""
    keys = digits(10).keys
    counts = np.zeros((10, 10))
    for epoch in range(2000):
        counts[np.arange(10), epoch_order(keys, 0, epoch)] += 1
    assert ((counts - 200) ** 2 / 200).sum() < 81 + 4 * np.sqrt(2 * 81)


def test_uniform_numbers_are_uniform_and_their_own_for_each_key():
    u = uniform(drawn(digits(150).keys, 1, 2, 3), 200)
    assert u.shape == (150, 200)
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 0.01 and abs(u.var() - 1 / 12) < 0.005
    assert abs(np.corrcoef(u)[np.triu_indices(150, 1)]).max() < 0.4


def test_salt_tells_purposes_apart():
    assert len({int(salt(a, b)) for a in range(20) for b in range(20)}) == 400


def test_by_key_forgets_the_order_of_the_rows():
    keys = digits(30).keys
    rows = np.arange(30)
    assert by_key(keys, rows).tolist() == by_key(keys, rows[::-1]).tolist()


@pytest.mark.parametrize(
    ("n", "batch", "join", "sizes"),
    [
        (10, 4, False, [4, 4, 2]),
        (9, 4, False, [4, 4, 1]),
        (9, 4, True, [4, 5]),
        (10, 4, True, [4, 4, 2]),
        (1, 4, True, [1]),
        (8, 4, True, [4, 4]),
    ],
)
def test_cuts_cover_all_and_a_single_record_may_join(n, batch, join, sizes):
    parts = [range(n)[cut] for cut in cuts(n, batch, join_single=join)]
    assert [len(part) for part in parts] == sizes
    assert [i for part in parts for i in part] == list(range(n))
