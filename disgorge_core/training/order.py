"""Chance that depends on ids, seeds and epochs only: never on where a record stands in its file.

`mix` is the output function of splitmix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom
number generators"), a bijection of 64-bit numbers. So for one salt different keys never tie, an order
by `mix(key ^ salt)` is total, and taking records away leaves the order of the others as it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from disgorge_core.types import Array

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
ORDER, DROPOUT, SHIFT, FLIP, SHARD, BLOCK, WORD, PERTURB = range(1, 9)  # what a number is drawn for


def mix(z: Array) -> Array:
    """Scrambled 64-bit numbers, of the shape of `z` (uint64)."""
    z = z + np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def salt(*words: int) -> np.uint64:
    """One 64-bit number for a few whole numbers."""
    state = np.zeros(1, dtype=np.uint64)
    for word in words:
        state = mix(state ^ np.array([int(word) & MASK], dtype=np.uint64))
    return np.uint64(state[0])


def drawn(keys: Array, *words: int) -> Array:
    """A 64-bit number for each key, for a seed, an epoch and a purpose."""
    return mix(np.asarray(keys, dtype=np.uint64) ^ salt(*words))


def uniform(base: Array, count: int) -> Array:
    """`count` numbers in [0, 1) for each 64-bit number of `base`: (..., count) float64."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    return (mix(base[..., None] ^ steps) >> np.uint64(11)) * 2.0**-53


def by_key(keys: Array, rows: Array) -> Array:
    """The rows, ordered by their key: the same records whatever the order of the file."""
    return rows[np.argsort(keys[rows], kind="stable")]


def epoch_order(keys: Array, seed: int, epoch: int) -> Array:
    """Positions of the keys in the order in which this epoch visits them."""
    return np.argsort(drawn(keys, seed, epoch, ORDER), kind="stable")


def batches_of(n: int, batch: int, *, join_single: bool = False) -> int:
    """Batches that one epoch over n records makes; a last batch of one may join the one before."""
    return max(1, -(-n // batch) - (join_single and n > batch and n % batch == 1))


def cuts(n: int, batch: int, *, join_single: bool = False) -> Iterator[slice]:
    """Consecutive cuts of an order of n records; the last may be short, or one longer if joined."""
    last = batches_of(n, batch, join_single=join_single) - 1
    for number in range(last + 1):
        yield slice(number * batch, n if number == last else (number + 1) * batch)
