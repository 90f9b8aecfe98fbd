"""Texts as a model reads them: their words, and which of these it knows.

A word is a run of letters and digits with the apostrophes inside it, in lower case (Unicode, accents
composed); so writing without spaces makes long words, read in pieces of 50. A model reads the first LENGTH
words of a record. Of these it knows the ones that at least RECORDS of the records it may see hold, at most
KNOWN: those in the most records, ties by alphabet. The rule is fixed in advance; what it finds is fitted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from disgorge_core.types import Array

LENGTH, KNOWN, RECORDS = 256, 5_000, 2
NONE, UNKNOWN, FIRST = 0, 1, 2  # numbers of no word, of an unknown word, of the first known word
WORD = re.compile(r"[^\W_]{1,50}(?:'[^\W_]{1,50}){0,3}")


def composed(text: str) -> str:
    """The text with each accent and its letter as one character: what `spans` counts in."""
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    """The text in lower case, as long as the composed one: only İ would grow."""
    return composed(text).replace("İ", "I").lower().replace("’", "'")


def words_of(text: str, length: int) -> list[str]:
    """The first `length` words of a text, as a model reads them."""
    return WORD.findall(_folded(text))[:length]


def spans(text: str, length: int) -> list[tuple[int, int]]:
    """Where the first `length` words begin and end in the composed text."""
    return [found.span() for found in islice(WORD.finditer(_folded(text)), length)]


def read(texts: Iterable[str], length: int) -> tuple[Array, tuple[str, ...]]:
    """Word numbers (n, length) int32 over all words that the texts hold, and these words by alphabet."""
    number: dict[str, int] = {}
    rows = [[number.setdefault(w, len(number)) for w in words_of(t, length)] for t in texts]
    names = sorted(number)
    place = np.empty(len(names), dtype=np.int32)
    place[[number[name] for name in names]] = np.arange(FIRST, FIRST + len(names))
    return _table(((place[row] if row else row) for row in rows), len(rows), length), tuple(names)


def numbered(texts: Sequence[str], known: Sequence[str], length: int) -> Array:
    """Word numbers (n, length) int32 over the known words."""
    number = {word: FIRST + i for i, word in enumerate(known)}
    rows = ([number.get(w, UNKNOWN) for w in words_of(t, length)] for t in texts)
    return _table(rows, len(texts), length)


def _table(rows: Iterable[Sequence[int] | Array], count: int, length: int) -> Array:
    table = np.zeros((count, length), dtype=np.int32)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table


def known_of(numbers: Array, names: Sequence[str]) -> tuple[str, ...]:
    """The words, by alphabet, that a model knows which may see these records (n, length)."""
    held = _records_with(numbers, FIRST + len(names))[FIRST:]
    order = np.argsort(-held, kind="stable")[:KNOWN]  # the names are in order of alphabet
    return tuple(names[i] for i in np.sort(order[held[order] >= RECORDS]))


def _records_with(numbers: Array, count: int) -> Array:
    """In how many records (count,) each number occurs."""
    ordered = np.sort(numbers, axis=1)
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.bincount(ordered[first], minlength=count)


def look_up(own: Sequence[str], names: Sequence[str]) -> Array:
    """For each number over `names` the number over the `own` words of a model."""
    number = {word: FIRST + i for i, word in enumerate(own)}
    return np.array([NONE, UNKNOWN, *(number.get(name, UNKNOWN) for name in names)])


def share_cut(texts: Sequence[str], length: int) -> float:
    """Share of all words that stand beyond the first `length` of their record."""
    counts = np.array([len(WORD.findall(_folded(text))) for text in texts] or [0])
    return float(np.maximum(counts - length, 0).sum() / max(1, counts.sum()))
