"""Words against plain definitions: counting with dictionaries, one record after the other."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data import preprocessing, words
from tests.training.small_texts import texts

ODD = [
    "",
    "  ...  !? _ __ ",
    "Don’t stop; don't STOP",
    "Cafe\u0301 café naïve über-cool rock'n'roll 'quoted'",
    "3.5 per cent, 1,000 men",
    "Москва 東京 42nd",
    "İstanbul ΟΔΟΣ " + "x" * 120,
]


def test_words_are_runs_of_letters_and_digits_in_lower_case():
    told = [words.words_of(text, 50) for text in ODD]
    assert told[0] == told[1] == []
    assert told[2] == ["don't", "stop", "don't", "stop"]
    assert told[3] == ["café", "café", "naïve", "über", "cool", "rock'n'roll", "quoted"]
    assert told[4] == ["3", "5", "per", "cent", "1", "000", "men"]
    assert told[5] == ["москва", "東京", "42nd"]
    assert told[6] == ["istanbul", "οδος", "x" * 50, "x" * 50, "x" * 20]


def test_spans_point_at_the_words():
    for text in ODD[:6]:
        places = words.spans(text, 50)
        found = [words.composed(text)[a:b].lower().replace("’", "'") for a, b in places]
        assert found == words.words_of(text, 50)
    assert words.spans(ODD[6], 3) == [(0, 8), (9, 13), (14, 64)]


def test_numbers_name_words_by_alphabet_and_stop_at_the_length():
    numbers, names = words.read(["b a b", "", "c a d e"], 3)
    assert names == ("a", "b", "c", "d")
    assert numbers.tolist() == [[3, 2, 3], [0, 0, 0], [4, 2, 5]]
    assert words.numbered(["c z a", "d"], names, 3).tolist() == [[4, 1, 2], [5, 0, 0]]


def known_by_definition(told: list[list[str]], most: int) -> set[str]:
    held = Counter(word for record in told for word in set(record))
    often = [word for word, count in held.items() if count >= 2]
    return set(sorted(often, key=lambda word: (-held[word], word))[:most])


@pytest.mark.parametrize("most", [6, 5_000])
def test_the_words_known_are_those_in_most_records(most, monkeypatch):
    monkeypatch.setattr(words, "KNOWN", most)
    told = texts(60).x["story"].tolist()
    known = words.known_of(*words.read(told, 20))
    assert list(known) == sorted(known)
    assert set(known) == known_by_definition([words.words_of(t, 20) for t in told], most)
    assert words.known_of(*words.read([], 20)) == ()


def test_looking_up_is_reading_with_ones_own_words():
    told = texts(30).x["story"].tolist()
    numbers, names = words.read(told, 20)
    own = names[1::3]
    assert np.array_equal(words.look_up(own, names)[numbers], words.numbered(told, own, 20))


def test_the_share_that_is_cut_off():
    assert words.share_cut(["a b c d", "e f"], 3) == pytest.approx(1 / 6)
    assert words.share_cut([], 3) == words.share_cut([""], 3) == 0


def test_preprocessing_of_texts():
    data = texts(60)
    rows = data.rows("train")
    p = preprocessing.fit(data, rows)
    told = data.x["story"].iloc[rows].tolist()
    assert set(p.columns[0].values) == known_by_definition(
        [words.words_of(text, 256) for text in told], 5_000
    )
    x = preprocessing.transform(p, pd.DataFrame({"story": ["Ship! zebra", ""]}), "float64")
    assert x.dtype == np.int64 and x.shape == (2, 256)
    assert x[0, :3].tolist() == [2 + p.columns[0].values.index("ship"), 1, 0]
    assert not x[1].any()
    assert preprocessing.input_shape(p, data.shape) == (256, len(p.columns[0].values) + 2)
