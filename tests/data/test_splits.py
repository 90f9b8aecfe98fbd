"""Splits that are given, drawn, and drawn so that what belongs together stays together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disgorge_core.data.loading import dataset_of
from disgorge_core.data.splits import made_of_large_groups, together
from tests.data.refusals import refusal as refused
from tests.data.tables import people

RNG = np.random.default_rng(0)


def test_a_made_split_has_its_shares_in_every_class() -> None:
    n = 3000
    frame = pd.DataFrame(
        {"a": RNG.normal(size=n), "label": RNG.choice(["x", "y", "z"], n, p=[0.8, 0.15, 0.05])}
    )
    data = dataset_of(frame, "d")
    for code in range(3):
        share = np.bincount(data.split[data.y == code], minlength=3) / (data.y == code).sum()
        assert np.allclose(share, (0.7, 0.1, 0.2), atol=0.01)


def test_a_made_split_follows_ids_and_seed_only() -> None:
    frame = people()
    parts = {"label": "income", "id": "person_id"}
    for group in ("", "owner"):
        data = dataset_of(frame, "d", parts, group=group)
        order = RNG.permutation(len(frame))
        shuffled = dataset_of(frame.iloc[order], "d", parts, group=group)
        assert np.array_equal(shuffled.split, data.split[order])
        other = dataset_of(frame, "d", parts, seed=1, group=group)
        assert 0.2 < (other.split != data.split).mean() < 0.8
        assert other.digest != data.digest


def test_exact_duplicates_share_a_split() -> None:
    frame = pd.DataFrame(
        {"a": np.repeat(RNG.normal(size=300), 4), "b": "x", "label": np.arange(1200) % 2}
    )
    frame.loc[5, "a"] = np.nan
    frame.loc[9, "a"] = np.nan
    data = dataset_of(frame, "d")
    apart = pd.Series(data.split).groupby(frame["a"].fillna(-99)).nunique()
    assert apart.max() == 1
    assert np.allclose(np.bincount(data.split) / 1200, (0.7, 0.1, 0.2), atol=0.02)


def test_pictures_that_are_equal_share_a_split() -> None:
    x = np.repeat(RNG.integers(0, 256, (100, 4, 4, 1)).astype(np.uint8), 3, axis=0)
    frame = pd.DataFrame({"label": np.arange(300) % 2})
    data = dataset_of(frame, "d", pictures=x)
    assert (data.split.reshape(100, 3) == data.split[::3, None]).all()
    assert len(set(data.split)) == 3


def test_a_given_split_is_kept() -> None:
    words = np.resize(["Train", "training", "val", "TEST", "train"], 200)
    data = dataset_of(people().assign(split=words), "d", {"label": "income"})
    meant = {"train": 0, "training": 0, "val": 1, "test": 2}
    assert data.split.tolist() == [meant[word.lower()] for word in words]
    assert "split" not in data.x.columns
    assert data.notes[-1].startswith("Not used as features")


def test_a_given_split_that_parts_duplicates_is_said() -> None:
    frame = pd.DataFrame({"a": np.resize([1.5, 2.5, 3.5, 4.5], 40), "label": np.arange(40) % 2})
    frame["split"] = np.resize(["train", "train", "train", "test", "train"], 40)
    notes = dataset_of(frame, "d").notes
    assert "40 records have an exact duplicate in another split." in notes
    assert "The split column has no validation records." in notes


@pytest.mark.parametrize("words", [["train", "val"], ["train", "train"], ["test", "dev"]])
def test_splits_without_train_or_test_are_drawn_anew_and_are_no_feature(words: list[str]) -> None:
    data = dataset_of(people().assign(split=np.resize(words, 200)), "d", {"label": "income"})
    assert "The column 'split' was not used: the split is drawn." in data.notes
    assert "split" not in data.x.columns
    assert set(data.split) == {0, 1, 2}


def test_a_split_column_that_is_not_wanted_is_no_feature() -> None:
    frame = people().assign(split=np.resize(["train", "test"], 200))
    data = dataset_of(frame, "d", {"label": "income", "split": ""})
    assert "split" not in data.x.columns
    assert set(data.split) == {0, 1, 2}


# --- what belongs together ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_all_of_an_owner_are_in_one_split(seed: int) -> None:
    owners = RNG.integers(0, 40, 2000) ** 2 // 40
    frame = pd.DataFrame({"a": RNG.normal(size=2000), "owner": [f"O{i}" for i in owners]})
    frame["label"] = np.arange(2000) % 2
    data = dataset_of(frame, "d", seed=seed, group="owner")
    assert pd.Series(data.split).groupby(frame["owner"]).nunique().max() == 1
    assert np.allclose(np.bincount(data.split) / 2000, (0.7, 0.1, 0.2), atol=0.05)
    shares = np.bincount(data.split) / 2000
    words = f"{shares[0]:.0%} train, {shares[1]:.0%} validation, {shares[2]:.0%} test"
    assert data.notes[-1] == f"Drawn so that each owner is in one split: {words}."


def test_duplicates_across_owners_tie_them_together() -> None:
    n = 300
    frame = pd.DataFrame({"a": np.arange(n) * 1.5, "owner": [f"O{i // 10}" for i in range(n)]})
    frame["label"] = np.arange(n) % 2
    frame.loc[10, "a"] = frame.loc[290, "a"]  # a record of O1 is one of O29 too
    data = dataset_of(frame, "d", {"label": "label"}, group="owner")
    assert len(set(data.split[[*range(10, 20), *range(290, 300)]])) == 1


def test_near_duplicates_share_a_split_and_missing_ones_are_alone() -> None:
    n = 600
    frame = pd.DataFrame({"a": RNG.normal(size=n), "label": np.arange(n) % 2})
    frame["near"] = [i // 3 if i < 300 else None for i in range(n)]
    data = dataset_of(frame, "d")
    assert data.roles.near == "near"
    assert list(data.x.columns) == ["a"]
    assert pd.Series(data.split).groupby(frame["near"]).nunique().max() == 1
    assert np.allclose(np.bincount(data.split) / n, (0.7, 0.1, 0.2), atol=0.03)
    assert len(set(data.split[300:])) == 3


def test_too_few_groups_are_refused() -> None:
    frame = people().assign(artist=np.where(np.arange(200) < 20, "A", "B"))
    assert "only 2 groups to keep together" in refused(dataset_of, frame, "d", group="owner")
    missing = people().drop(columns="artist")
    parts = {"label": "income", "owner": ""}
    assert "no owner to keep together" in refused(dataset_of, missing, "d", parts, group="owner")
    assert "cannot be kept together by 'town'" in refused(dataset_of, frame, "d", group="town")


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [
        ([1, 1, 1], (1, 1, 1)), ([50] * 4, (2, 1, 1)), ([180, *[1] * 20], (180, 7, 13)),
        ([30, 30, 30, *[1] * 10], (61, 9, 30)), ([1] * 100, (70, 10, 20)), ([20] * 10, (7, 1, 2)),
    ],
)  # fmt: skip
def test_large_groups_come_as_near_to_the_shares_as_they_allow(
    sizes: list[int], shares: tuple[int, ...]
) -> None:
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ids = np.arange(len(owner)).astype(str)
    found = np.bincount(made_of_large_groups(ids, owner, seed=3), minlength=3)
    assert np.abs(found / found.sum() - np.array(shares) / sum(shares)).max() <= 0.011


LABELINGS = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(0, 5), min_size=n, max_size=n), min_size=1, max_size=3
    )
)  # fmt: skip


@given(LABELINGS)
@settings(max_examples=100)
def test_together_is_the_closure_of_the_groups(labelings: list[list[int]]) -> None:
    """Against plain merging until nothing changes."""
    n = len(labelings[0])
    sets = [{i} for i in range(n)]
    for i in range(n):
        for j in range(n):
            if any(labels[i] == labels[j] for labels in labelings) and sets[i] is not sets[j]:
                union = sets[i] | sets[j]
                for k in union:
                    sets[k] = union
    found = together([np.array(labels) for labels in labelings])
    assert found.min() == 0
    assert len(set(found)) == found.max() + 1
    for i in range(n):
        assert {j for j in range(n) if found[j] == found[i]} == sets[i]
