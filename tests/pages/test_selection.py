"""The selection in hand, against Python's own sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data.forget_set import Standing
from disgorge_core.errors import BadForgetSet
from disgorge_core.types import Dataset, Roles
from pages.common import facets
from pages.common.near import near_copies
from pages.common.point_map import Gesture
from pages.common.selection import (
    MOST_STEPS,
    History,
    forget_of,
    mask_of,
    nothing,
    selection_of,
    standing,
)

N = 60
OPS = {
    "replace": lambda a, b: b,
    "add": lambda a, b: a | b,
    "remove": lambda a, b: a - b,
    "keep": lambda a, b: a & b,
    "clear": lambda a, b: set(),
}


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, (N, 4, 4, 1), dtype=np.uint8)
    x[41] = x[3]  # exact copies
    x[42] = x[3]
    y = np.arange(N) % 3
    meta = pd.DataFrame(
        {
            "label": pd.Categorical.from_codes(y, ["a", "b", "c"]),
            "owner": [f"owner {i % 7}" for i in range(N)],
            "height": rng.normal(size=N),
        }
    )
    split = np.where(np.arange(N) < 40, 0, np.where(np.arange(N) < 50, 1, 2))
    return Dataset(
        "made here", "image", "classification", np.array([f"r{i:02d}" for i in range(N)]), x, y,
        ("a", "b", "c"), split, meta, Roles(owner="owner"), "digest",
    )  # fmt: skip


def test_a_long_series_of_changes_equals_sets() -> None:
    rng = np.random.default_rng(0)
    chosen, plain = nothing(N), set()
    for _ in range(200):
        op = rng.choice(list(OPS))
        rows = rng.choice(N, rng.integers(1, N), replace=False)
        chosen = chosen.changed(mask_of(N, rows), op, "by hand")
        plain = OPS[op](plain, set(rows.tolist()))
        assert set(chosen.rows.tolist()) == plain
        assert len(chosen) == len(plain)


def test_looking_at_the_model_stays_until_the_records_are_chosen_anew() -> None:
    by_rule = nothing(N).changed(mask_of(N, [1, 2]), "replace", "where owner == 'x'")
    assert not by_rule.by_looking
    grown = by_rule.changed(mask_of(N, [3]), "add", "outlined on the map", looking=True)
    shrunk = grown.changed(mask_of(N, [3]), "remove", "where owner == 'y'")
    assert grown.by_looking and shrunk.by_looking
    assert shrunk.made == (
        "where owner == 'x'", "and outlined on the map", "but not where owner == 'y'",
    )  # fmt: skip
    assert not shrunk.changed(mask_of(N, [4]), "replace", "ids").by_looking


def test_a_step_that_changes_no_row_is_no_step() -> None:
    chosen = nothing(N).changed(mask_of(N, [1, 2]), "add", "ids")
    assert chosen.changed(mask_of(N, [1]), "add", "the map", looking=True) is chosen
    assert History(chosen).then(chosen).past == ()


def test_emptied_selections_forget_how_they_were_made() -> None:
    chosen = nothing(N).changed(mask_of(N, [1]), "add", "the map", looking=True)
    assert chosen.changed(mask_of(N, [1]), "remove", "ids") == nothing(N)


def test_undo_and_redo_walk_the_same_way() -> None:
    states = [nothing(N).changed(mask_of(N, range(k)), "replace", f"{k}") for k in range(1, 6)]
    history = History(nothing(N))
    for state in states:
        history = history.then(state)
    back = [history]
    for _ in states:
        back.append(back[-1].undone())
    assert [h.now for h in back] == [*states[::-1], nothing(N)]
    assert back[-1].undone() is back[-1]
    forth = back[2].redone()
    assert forth.now == states[3]
    assert back[2].then(nothing(N)).redone().now == nothing(N)  # a new step ends what was undone


def test_the_undo_stack_is_bounded() -> None:
    history = History(nothing(N))
    for k in range(2 * MOST_STEPS):
        history = history.then(nothing(N).changed(mask_of(N, [k % N]), "replace", f"{k}"))
    assert len(history.past) == MOST_STEPS


def test_a_gesture_on_the_map_counts_rows_that_are_not_drawn(data: Dataset) -> None:
    positions = np.stack([np.arange(N), np.zeros(N)], axis=1).astype(float)
    box = np.array([[9.5, -1], [20.5, -1], [20.5, 1], [9.5, 1]])
    held = Gesture(box, "replace").applied(None, positions)
    chosen = nothing(N).changed(held, "add", "outlined", looking=True)
    assert chosen.rows.tolist() == list(range(10, 21))


def test_forget_sets_go_out_and_come_back(data: Dataset) -> None:
    chosen = nothing(N).changed(mask_of(N, [0, 41, 55]), "replace", "ids", looking=True)
    forget = forget_of(data, chosen, name="Three", author="me", reason="asked")
    assert forget.ids == ("r00", "r41", "r55")
    assert (forget.name, forget.author, forget.reason) == ("Three", "me", "asked")
    assert forget.made == ("ids",) and forget.by_looking
    assert selection_of(data, forget) == chosen


def test_standing_counts_by_split_and_says_what_is_wrong(data: Dataset) -> None:
    found = standing(data, nothing(N).changed(mask_of(N, [0, 1, 41, 55]), "replace", "ids"))
    assert isinstance(found, Standing)
    assert (found.train, found.validation, found.test) == (2, 1, 1)
    outside = standing(data, nothing(N).changed(mask_of(N, [55]), "replace", "ids"))
    assert isinstance(outside, BadForgetSet) and "training" in outside.problem
    assert isinstance(standing(data, nothing(N)), BadForgetSet)


def test_near_copies_are_equal_records_outside_the_selection(data: Dataset) -> None:
    assert np.flatnonzero(near_copies(data, mask_of(N, [41]))).tolist() == [3, 42]
    assert not near_copies(data, mask_of(N, [5])).any()


def test_near_copies_follow_the_datasets_own_clusters(data: Dataset) -> None:
    cluster = np.arange(N)
    cluster[[7, 8, 9]] = 7
    cluster[[20, 21]] = -1  # in no cluster
    meta = data.meta.assign(near=cluster)
    named = Dataset(**{**vars(data), "meta": meta, "roles": Roles(owner="owner", near="near")})
    assert np.flatnonzero(near_copies(named, mask_of(N, [8, 20]))).tolist() == [7, 9]


def test_facets_count_as_a_loop_does(data: Dataset) -> None:
    mask = mask_of(N, [0, 7, 14, 3, 5])
    found = facets.counts(data, "owner", mask).set_index("value")
    for k in range(7):
        rows = [i for i in range(N) if i % 7 == k]
        row = found.loc[f"owner {k}"]
        assert (row["chosen"], row["of"]) == (sum(mask[rows]), len(rows))
    assert found.index[0] == "owner 0"
    assert facets.facet_names(data) == ["label", "owner", "split"]
    assert np.flatnonzero(facets.holding(data, "label", ["b"])).tolist() == list(range(1, N, 3))
