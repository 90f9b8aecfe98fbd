"""Pictures that look alike: a 64-bit hash of their coarse structure, compared bit by bit.

The hash holds, for the 8 x 8 lowest frequencies of the grey picture's cosine transform (DCT-II), whether each
lies above their median (the constant left out), after Zauner 2010 ("Implementation and benchmarking of
perceptual image hash functions"). Brightness hardly changes it. A shift by one pixel changes much of a small
picture, so the distance is the least one between two pictures and one of them shifted right or down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import comb

import numpy as np

from disgorge_core.data.near.search import EXACT, Pairs, recall, sharing, within
from disgorge_core.types import Array, Dataset, Progress, Report

BLOCK = 2_048  # pictures in memory at once
FREQUENCIES = BYTES = 8
MOST_BITS = 6  # pictures that differ in so many bits still share two bytes of the hash
REACH = 256  # others of the same bytes that a picture is compared with, above EXACT


@dataclass(frozen=True, eq=False)
class Hashes:
    """64-bit hashes (3, n): of each picture, of it shifted right, shifted down; distances are in bits."""

    codes: Array

    @property
    def n(self) -> int:
        """Number of pictures."""
        return self.codes.shape[1]

    def block(self, rows: Array, start: int) -> Array:
        """Bits (m, n - start)."""
        return _bits(self.codes[:, rows, None], self.codes[:, None, start:])

    def of(self, pairs: Array) -> Array:
        """Bits (m,)."""
        return _bits(self.codes[:, pairs[:, 0]], self.codes[:, pairs[:, 1]])


def _bits(one: Array, other: Array) -> Array:
    ways = [one[0] ^ other[0]]
    ways += [one[0] ^ shifted for shifted in other[1:]] + [
        other[0] ^ shifted for shifted in one[1:]
    ]
    least = np.bitwise_count(ways[0])
    for way in ways[1:]:
        np.minimum(least, np.bitwise_count(way), out=least)
    return least


def hashes(data: Dataset, rows: Array) -> Hashes:
    """The hashes of these rows' pictures."""
    parts = [_three(data.take(rows[s : s + BLOCK])) for s in range(0, max(len(rows), 1), BLOCK)]
    return Hashes(np.concatenate(parts, axis=1))


def _three(x: Array) -> Array:
    grey = np.asarray(x, dtype=np.float32)[..., :3].mean(axis=3)
    right = np.concatenate([grey[:, :, :1], grey[:, :, :-1]], axis=2)
    down = np.concatenate([grey[:, :1], grey[:, :-1]], axis=1)
    return np.stack([_hash(grey), _hash(right), _hash(down)])


def _hash(grey: Array) -> Array:
    down, across = (_waves(side).astype(np.float32) for side in grey.shape[1:])
    low = np.einsum("ki,nij,lj->nkl", down, grey, across, optimize=True).reshape(len(grey), -1)
    low = np.round(low / (grey.shape[1] * grey.shape[2]), 3)  # an even picture is even, not noise
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _waves(side: int) -> Array:
    """The lowest cosine waves (8, side); those that a small picture has not are zero."""
    k, i = np.arange(FREQUENCIES)[:, None], np.arange(side)[None]
    return np.where(k < side, np.cos(np.pi * k * (2 * i + 1) / (2 * side)), 0.0)


def look_alikes(data: Dataset, rows: Array, most: int, report: Report) -> Pairs:
    """Pairs of these rows' pictures whose hashes differ in at most `most` bits, up to MOST_BITS.

    Hashes that differ in few bits agree in most of their eight bytes, so only those that do are compared.
    Above EXACT pictures each is compared with at most REACH that share the same bytes.
    """
    report(Progress(0.0, "Looking at the pictures"))
    found = hashes(data, rows)
    reach = 0 if found.n <= EXACT else REACH
    pairs = [_sharing(found.codes[[0, way]].ravel(), most, reach, report) for way in (1, 2)]
    near = within(found, np.concatenate(pairs) % max(found.n, 1), most)
    return near if found.n <= EXACT else replace(near, note=recall(found, most, near))


def _sharing(codes: Array, most: int, reach: int, report: Report) -> Array:
    """Pairs (m, 2) of hashes (n,) that differ in at most `most` bits."""

    def near(pairs: Array) -> Array:
        bits: Array = np.bitwise_count(codes[pairs[:, 0]] ^ codes[pairs[:, 1]]) <= most
        return bits

    return sharing(len(codes), near, _shared(codes, most), reach, report)


def _shared(codes: Array, most: int) -> list[Callable[[], Array]]:
    """Keys (n,) of which hashes that differ in `most` bits share one: all but so many of the bytes."""
    count = max(BYTES - most, BYTES - MOST_BITS)
    masks = np.zeros((comb(BYTES, count), BYTES), dtype=np.uint8)
    for number, chosen in enumerate(combinations(range(BYTES), count)):
        masks[number, list(chosen)] = 255
    return [partial(np.bitwise_and, codes, mask) for mask in masks.view(np.uint64)[:, 0]]
