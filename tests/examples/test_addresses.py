"""The passages are the published addresses: their words, years and speakers; and an honest split."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.data.words import LENGTH, share_cut, words_of
from disgorge_core.examples.shipped import Example, example


@pytest.fixture(scope="module")
def addresses() -> Example:
    """The example, opened once."""
    return example("addresses")


def test_speakers_and_years_are_those_of_history(addresses: Example) -> None:
    meta = addresses.dataset.meta
    assert meta["address"].nunique() == 233 and meta["speaker"].nunique() == 43
    for speaker, first, last in (
        ("George Washington", 1790, 1796),
        ("Abraham Lincoln", 1861, 1864),
        ("Theodore Roosevelt", 1901, 1908),
        ("Barack Obama", 2009, 2016),
    ):
        years = meta["year"][meta["speaker"] == speaker]
        assert (years.min(), years.max()) == (first, last)


@pytest.mark.parametrize(
    ("speaker", "said"),
    [
        ("Franklin D Roosevelt", "four essential human freedoms"),  # 6 January 1941
        ("James Monroe", "not to be considered as subjects for future colonization"),  # 1823
        ("Abraham Lincoln", "the last best hope of earth"),  # 1862
        ("George W Bush", "axis of evil"),  # 2002
    ],
)
def test_famous_words_are_there(addresses: Example, speaker: str, said: str) -> None:
    meta = addresses.dataset.meta
    own = meta["text"][meta["speaker"] == speaker].str.lower().str.replace(",", "")
    assert own.str.contains(said, regex=False).any()


def test_the_era_holds_the_year(addresses: Example) -> None:
    meta = addresses.dataset.meta
    borders = meta["era"].astype("str").str.split("-", expand=True).astype(int)
    assert ((borders[0] <= meta["year"]) & (meta["year"] <= borders[1])).all()


def test_an_address_is_in_one_split_only(addresses: Example) -> None:
    data = addresses.dataset
    assert (
        data.meta.assign(split=data.split)
        .groupby("address", observed=True)["split"]
        .nunique()
        .max()
        == 1
    )
    assert np.allclose(np.bincount(data.split) / len(data), [0.7, 0.1, 0.2], atol=0.02)


def test_passages_are_short_enough_to_be_read(addresses: Example) -> None:
    texts = addresses.dataset.x["text"].tolist()
    assert share_cut(texts, LENGTH) < 0.001
    assert min(len(words_of(text, LENGTH)) for text in texts) >= 30


def test_the_model_knows_words_that_two_training_records_hold(addresses: Example) -> None:
    data = addresses.dataset
    known = addresses.model.preprocessing.columns[0].values
    assert known is not None and len(known) == 5_000
    texts = data.x["text"].iloc[data.rows("train")]
    for word in ("constitution", "railroads", "terrorists", known[0], known[-1]):
        assert word in known
        assert sum(word in words_of(text, LENGTH) for text in texts) >= 2
