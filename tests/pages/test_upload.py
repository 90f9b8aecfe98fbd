"""A case from a file of each format: what the form offers, and what is made of it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Cases
from disgorge_core.types import Dataset
from pages.common import local
from tests.data import huggingface as hf
from tests.data.pictures import encoded, pixels, zipped
from tests.data.tables import people

Open = Callable[..., AppTest]
N = 40
TEXTS = pd.DataFrame(
    {
        "text": [f"this is passage number {i}, by some author" for i in range(N)],
        "author": [f"A{i % 5}" for i in range(N)],
        "era": np.resize(["early", "late"], N),
    }
)
PICTURES = np.stack([pixels(12, 10, 3) for _ in range(N)])


def sent(open_page: Open, name: str, content: bytes) -> AppTest:
    app = open_page("case/data", new="1")
    app.file_uploader(key="upload_data").upload(name, content, "application/octet-stream").run()
    assert not app.exception, app.exception
    return app


def box(app: AppTest, start: str) -> object:
    found = (*app.selectbox, *app.multiselect, *app.number_input, *app.segmented_control)
    return next(widget for widget in found if str(widget.key).startswith(start))


def made(app: AppTest, cases: Cases) -> Dataset:
    """The dataset of the case that the button makes."""
    assert not app.error, [e.value for e in app.error]
    app.button(key="upload_create").click().run()
    assert not app.exception, app.exception
    return cases.dataset(cases.list()[0].dataset)


def zip_of_pictures(tmp_path: Path) -> bytes:
    files = {f"{'ab'[i % 2]}/{i:02d}.png": encoded(picture) for i, picture in enumerate(PICTURES)}
    return zipped(tmp_path / "pictures.zip", files).read_bytes()


def npz(_: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=PICTURES, y=np.arange(N) % 2)
    return buffer.getvalue()


def saved_dataset(tmp_path: Path) -> bytes:
    files = [{"bytes": encoded(picture), "path": None} for picture in PICTURES]
    table = pa.table({"image": pa.array(files, hf.PICTURE), "label": np.arange(N) % 2})
    hf.save_to_disk(
        table, tmp_path / "d", {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    )
    return Path(shutil.make_archive(str(tmp_path / "d"), "zip", tmp_path / "d")).read_bytes()


@pytest.mark.parametrize("name", ["a.zip", "a.npz", "saved.zip"])
def test_pictures_of_each_format(open_page: Open, cases: Cases, tmp_path: Path, name: str) -> None:
    make = {"a.zip": zip_of_pictures, "a.npz": npz, "saved.zip": saved_dataset}[name]
    (tmp_path / "made").mkdir()
    app = sent(open_page, name, make(tmp_path / "made"))
    assert "pictures of 10 x 12 in colour, label: 2 classes" in " ".join(
        m.value for m in app.markdown
    )
    assert not [b for b in app.selectbox if str(b.key).startswith("role_text_")]
    data = made(app, cases)
    assert data.kind == "image"
    assert sorted(map(bytes, data.x)) == sorted(map(bytes, PICTURES))
    assert (
        data.classes
        == {"a.zip": ("a", "b"), "a.npz": ("0", "1"), "saved.zip": ("cat", "dog")}[name]
    )


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.tsv", "t.parquet"])
def test_texts_of_each_format(open_page: Open, cases: Cases, name: str) -> None:
    buffer = io.BytesIO()
    write = {
        "t.jsonl": lambda: TEXTS.to_json(buffer, orient="records", lines=True),
        "t.csv": lambda: TEXTS.to_csv(buffer, index=False),
        "t.tsv": lambda: TEXTS.to_csv(buffer, index=False, sep="\t"),
        "t.parquet": lambda: TEXTS.to_parquet(buffer),
    }
    write[name]()
    app = sent(open_page, name, buffer.getvalue())
    guessed = {part: box(app, f"role_{part}_").value for part in ("label", "text", "owner")}
    assert guessed == {"label": "era", "text": "text", "owner": "author"}
    data = made(app, cases)
    assert (data.kind, data.roles.text) == ("text", "text")
    assert data.x["text"].tolist() == TEXTS["text"].tolist()


def test_without_the_text_the_other_columns_are_a_table(open_page: Open, cases: Cases) -> None:
    frame = TEXTS.assign(words=np.arange(N) % 9, year=np.arange(N))
    app = sent(open_page, "t.csv", frame.to_csv(index=False).encode())
    box(app, "role_label_").set_value("era").run()
    box(app, "role_text_").set_value("(none)").run()
    box(app, "ignore_").set_value(["words"]).run()
    data = made(app, cases)
    assert (data.kind, list(data.x.columns)) == ("table", ["year"])


def test_a_split_drawn_by_owners(open_page: Open, cases: Cases) -> None:
    app = sent(open_page, "t.csv", TEXTS.to_csv(index=False).encode())
    box(app, "seed_").set_value(3).run()
    box(app, "group_").set_value("owner").run()
    data = made(app, cases)
    assert pd.Series(data.split).groupby(TEXTS["author"]).nunique().max() == 1
    assert any(note.startswith("Drawn so that each owner") for note in data.notes)


def test_another_size_of_pictures(open_page: Open, cases: Cases, tmp_path: Path) -> None:
    app = sent(open_page, "a.zip", zip_of_pictures(tmp_path))
    box(app, "side_").set_value(28).run()
    assert not app.exception, app.exception
    data = made(app, cases)
    assert data.shape == (28, 23, 3)
    assert "Resized to 23 x 28: 40 of 40 pictures." in data.notes


# --- by path --------------------------------------------------------------------------------------


def given(open_page: Open, path: Path | str) -> AppTest:
    app = open_page("case/data", new="1")
    app.text_input(key="upload_path").set_value(str(path)).run()
    assert not app.exception, app.exception
    return app


def test_a_folder_and_a_file_by_their_paths(open_page: Open, cases: Cases, tmp_path: Path) -> None:
    folder = tmp_path / "my pictures"
    for i, picture in enumerate(PICTURES):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "ab"[i % 2] / f"{i:02d}.png").write_bytes(encoded(picture))
    data = made(given(open_page, f"'{folder}'"), cases)
    assert cases.list()[0].name == "my pictures"
    assert sorted(map(bytes, data.x)) == sorted(map(bytes, PICTURES))
    pq.write_table(pa.Table.from_pandas(TEXTS), tmp_path / "t.parquet")
    assert made(given(open_page, tmp_path / "t.parquet"), cases).kind == "text"
    assert not list(cases.workspace.root.glob("tmp-*"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/no/such/file.csv", "no such file"), ("pictures", "does not start at the root"),
        ("/dev/null", "no such file"), ("/" + "x" * 300, "no such file"), ("/a\0b", "no such file"),
        ("~nobody-of-this-name/x", "no such file"),
    ],
)  # fmt: skip
def test_a_path_to_nothing_is_one_sentence(open_page: Open, path: str, says: str) -> None:
    (error,) = given(open_page, path).error
    assert says in error.value


@pytest.mark.parametrize(
    ("address", "headers", "here"),
    [
        ("127.0.0.1", {"Host": "127.0.0.1:8501"}, True), ("localhost", {"Host": "localhost"}, True),
        ("127.0.0.1", {"Host": "[::1]:8501"}, True), ("0.0.0.0", {"Host": "127.0.0.1:8501"}, False),
        (None, {"Host": "localhost:8501"}, False), ("127.0.0.1", {"Host": "disgorge.example"}, False),
        ("127.0.0.1", {"Host": "localhost", "X-Forwarded-For": "10.0.0.7"}, False),
        ("127.0.0.1", {"Host": "localhost.evil.example"}, False),
    ],
)  # fmt: skip
def test_paths_are_for_those_who_sit_at_the_computer(
    monkeypatch: pytest.MonkeyPatch, address: str | None, headers: dict[str, str], here: bool
) -> None:
    class Context:
        pass

    context = Context()
    context.headers = headers  # type: ignore[attr-defined]
    monkeypatch.setattr(st, "context", context)
    monkeypatch.setattr(st, "get_option", lambda _: address)
    assert local.on_this_computer() is here


def test_no_path_is_asked_for_elsewhere(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.panels.data.upload.on_this_computer", lambda: False)
    app = open_page("case/data", new="1")
    assert "upload_path" not in [t.key for t in app.text_input]


# --- other parts ----------------------------------------------------------------------------------


def test_other_parts_make_a_new_case_and_leave_the_old_one(open_page: Open, cases: Cases) -> None:
    app = sent(open_page, "p.csv", people().to_csv(index=False).encode())
    box(app, "role_label_").set_value("income").run()
    before = made(app, cases)
    old = cases.list()[0]
    app = open_page("case/data", case=old.id)
    app.button(key="data_parts").click().run()
    assert not app.exception, app.exception
    assert app.button(key="upload_create").disabled
    assert any("The open case stays as it is" in c.value for c in app.caption)
    box(app, "role_label_").set_value("town").run()
    assert any("missing in" in e.value for e in app.error)
    box(app, "role_label_").set_value("member").run()
    box(app, "ignore_").set_value(["score"]).run()
    after = made(app, cases)
    assert len(cases.list()) == 2
    assert cases.get(old.id) == old
    assert (before.roles.label, after.roles.label) == ("income", "member")
    assert set(after.x.columns) == {"age", "town", "income"}
    assert np.array_equal(after.ids, before.ids)
    assert np.array_equal(after.split, before.split)


def test_json_of_another_form_is_explained(open_page: Open) -> None:
    app = sent(open_page, "t.json", json.dumps([{"a": 1}, {"a": 2}]).encode())
    (error,) = app.error
    assert "one JSON array" in error.value
