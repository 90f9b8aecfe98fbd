"""Datasets of texts: when a column is taken as the text, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data.loading import dataset_of, load_dataset
from disgorge_core.data.roles import guess_roles
from disgorge_core.types import Roles
from tests.data.refusals import refusal as refused
from tests.data.tables import people

pytestmark = pytest.mark.usefixtures("read_here")
N = 60


def reviews(**more: object) -> pd.DataFrame:
    texts = [f"this was number {i}, and it was {'good' if i % 2 else 'bad'}" for i in range(N)]
    return pd.DataFrame({"text": texts, **more, "label": np.resize(["neg", "pos"], N)})


def test_texts_become_a_dataset_of_texts(tmp_path: Path) -> None:
    frame = reviews(author=[f"A{i % 5}" for i in range(N)])
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    found = [load_dataset(path) for path in sorted(tmp_path.glob("a.*"))]
    assert len(found) == 4
    assert len({data.digest for data in found}) == 1
    data = found[0]
    assert (data.kind, data.task, data.shape) == ("text", "classification", (1,))
    assert data.roles == Roles("label", "", "author", text="text")
    assert data.x.columns.tolist() == ["text"]
    assert data.x["text"].dtype == "str"
    assert data.x["text"].tolist() == frame["text"].tolist()
    assert data.meta.columns.tolist() == ["text", "author", "label"]
    assert "The column 'text' was taken as the text, by its name and values." in data.notes


@pytest.mark.parametrize("name", ["Sentence", "review", "body", "content", "message", "passage"])
def test_prose_of_a_usual_name_is_the_text(name: str) -> None:
    frame = reviews(stars=np.arange(N) % 5).rename(columns={"text": name})
    data = dataset_of(frame, "d")
    assert data.roles.text == name
    assert any("not: stars; choose no text" in note for note in data.notes)


def test_the_longest_prose_is_the_text_where_there_is_nothing_else() -> None:
    titles = [f"a short title {i}" for i in range(N)]
    dates = [f"2001-01-{i % 28 + 1:02d}" for i in range(N)]
    frame = reviews(title=titles, day=dates).rename(columns={"text": "abstract"})
    assert guess_roles(frame).roles.text == "abstract"
    assert guess_roles(frame.assign(price=1.5)).roles.text == ""


def test_a_table_with_prose_of_another_name_stays_a_table() -> None:
    assert dataset_of(people(), "d", {"label": "income"}).kind == "table"
    assert guess_roles(reviews().assign(text=["yes", "no"] * 30, n=1)).roles.text == ""
    assert guess_roles(reviews(), pictures=True).roles.text == ""


def test_the_user_chooses_between_text_and_table() -> None:
    frame = reviews(stars=np.arange(N) % 5, price=np.arange(N) / 7)
    table = dataset_of(frame, "d", {"text": ""})
    assert (table.kind, list(table.x.columns)) == ("table", ["stars", "price"])
    story = dataset_of(people(), "d", {"label": "income", "text": "story"})
    assert (story.kind, story.x["story"].tolist()) == ("text", people()["story"].tolist())


def test_few_different_texts_are_texts_all_the_same() -> None:
    frame = pd.DataFrame({"text": np.resize(["it is good", "it was bad", "so so la la"], N)})
    frame["label"] = np.arange(N) % 2
    data = dataset_of(frame, "d")
    assert data.x["text"].dtype == "str"
    assert data.x["text"].tolist() == frame["text"].tolist()


def test_missing_texts_are_empty_and_said() -> None:
    frame = reviews()
    frame.loc[[3, 5], "text"] = None
    data = dataset_of(frame, "d")
    assert data.x["text"].iloc[[3, 5]].tolist() == ["", ""]
    assert data.meta["text"].isna().sum() == 2
    assert "2 records have no text; it is empty." in data.notes


def test_what_is_no_text_is_refused() -> None:
    frame = reviews(n=np.arange(N), none=pd.Series([None] * N, dtype="str"))
    assert "The text 'n' holds numbers" in refused(dataset_of, frame, "d", {"text": "n"})
    assert "The text 'none' is empty" in refused(dataset_of, frame, "d", {"text": "none"})


def test_equal_texts_share_a_split() -> None:
    frame = reviews()
    frame = pd.concat([frame, frame.sample(frac=1, random_state=0)], ignore_index=True)
    data = dataset_of(frame, "d")
    assert pd.Series(data.split).groupby(frame["text"]).nunique().max() == 1
