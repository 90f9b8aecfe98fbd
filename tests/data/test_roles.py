"""Which column is guessed to play which part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data.loading import dataset_of
from disgorge_core.data.roles import guess_roles
from disgorge_core.errors import BadData
from tests.data.tables import people

RNG = np.random.default_rng(0)


def test_roles_are_guessed_with_reasons() -> None:
    words = np.resize(["train", "test"], 200)
    frame = people().rename(columns={"income": "label"}).assign(split=words)
    guess = guess_roles(frame)
    assert (guess.roles.label, guess.roles.id, guess.roles.owner) == (
        "label",
        "person_id",
        "artist",
    )
    assert guess.split == "split"
    assert len(guess.reasons) == 4
    assert all(reason.startswith("The column '") for reason in guess.reasons)


def test_an_id_is_only_guessed_if_it_can_be_one() -> None:
    frame = people()
    assert guess_roles(frame.assign(person_id="same")).roles.id == ""
    gap = frame["person_id"].where(frame.index > 0)
    assert guess_roles(frame.assign(person_id=gap)).roles.id == ""


def test_without_a_usual_name_the_label_is_the_last_class() -> None:
    assert guess_roles(people()[["age", "town", "story"]]).roles.label == "town"


def test_counts_and_years_are_poor_labels() -> None:
    rows = np.arange(90)
    frame = pd.DataFrame(
        {"name": [f"n{i}" for i in rows], "age": ["new", "old"] * 45, "passages": 3 + rows % 7 * 4,
         "year": 1900 + rows // 2}
    )  # fmt: skip
    assert guess_roles(frame).roles.label == "age"
    codes = frame.assign(passages=rows % 3)  # classes by number, in the last place but one
    assert guess_roles(codes).roles.label == "passages"
    assert guess_roles(frame.assign(set=rows % 3)).roles.label == "age"  # splits by number
    assert guess_roles(frame[["name", "passages"]]).roles.label == "passages"


def test_the_label_of_texts_stands_beside_them() -> None:
    rows = np.arange(60)
    texts = [f"so many words were said by him {i}" for i in rows]
    told = {"text": texts, "era": ["new", "old"] * 30, "party": ["left", "right", "left"] * 20}
    frame = pd.DataFrame({"number": rows % 4, **told, "passages": rows % 9 * 2})
    found = guess_roles(frame).roles
    assert (found.label, found.text) == ("era", "text")


def test_a_text_stays_the_text_where_everything_else_is_stated() -> None:
    frame = pd.DataFrame({"text": [f"the same few words {i % 20}" for i in range(60)],
                          "label": ["a", "b"] * 30})  # fmt: skip
    data = dataset_of(frame, "d", {"label": "label", "id": "", "split": ""})
    assert (data.kind, data.roles.text) == ("text", "text")


def test_names_that_are_numbers_can_be_values() -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=40), "label": [f"{i}.5" for i in range(40)]})
    data = dataset_of(frame.astype({"label": "str"}), "d", {"label": "label"}, "regression")
    np.testing.assert_array_equal(data.y, np.arange(40) + 0.5)
    assert pd.api.types.is_float_dtype(data.meta["label"])  # filters and exports see numbers too
    with pytest.raises(BadData, match="holds text"):
        dataset_of(frame.replace({"label": {"0.5": "half"}}), "d", {"label": "label"}, "regression")


def test_stated_parts_are_not_guessed_over() -> None:
    data = dataset_of(people(), "d", {"label": "member", "id": "", "owner": ""})
    assert (data.roles.label, data.roles.id, data.roles.owner) == ("member", "", "")
    assert "income" in data.x.columns
    assert "artist" in data.x.columns
    assert not any("as the id" in note for note in data.notes)
