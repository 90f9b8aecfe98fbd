"""What goes wrong is said on the screen where it happens, in one sentence, and nothing is lost."""

from __future__ import annotations

import errno
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from disgorge_core.cases import Case, Cases
from disgorge_core.data.forget_set import from_mask, where
from disgorge_core.jobs.worker import work
from disgorge_core.runs.run import new_run
from tests.pages.answers import answer_here

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def people(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"P{i}" for i in range(rows)],
            "age": draw.integers(20, 80, rows),
            "weight": draw.normal(70, 10, rows).round(2),
            "outcome": draw.choice(["well", "ill"], rows),
        }
    )


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def changed(column: str, row: int, value: object) -> bytes:
    frame = people().astype({column: object})
    frame.loc[row, column] = value
    return csv(frame)


def parquet() -> bytes:
    buffer = io.BytesIO()
    people().to_parquet(buffer)
    return buffer.getvalue()


TABLES = {
    "nothing in it": ("people.csv", b"", "empty"),
    "cut short": ("people.parquet", parquet()[:-50], "damaged"),
    "a picture": ("people.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "no known kind"),
    "a cell too many": ("people.csv", csv(people()) + b"P99,1,2,well,more\n", "Row 62"),
    "another encoding": ("people.csv", changed("outcome", 3, "grün").decode().encode("latin-1"), "UTF-8"),
    "an id twice": ("people.csv", changed("id", 7, "P3"), "P3"),
    "an id missing": ("people.csv", changed("id", 7, None), "missing"),
    "one class": ("people.csv", csv(people().assign(outcome="well")), "1 distinct"),
    "infinity": ("people.csv", changed("weight", 5, "inf"), "infinite"),
    "no record": ("people.csv", csv(people(0)), "0 rows"),
    "one record": ("people.csv", csv(people(1)), "1 row"),
    "a label missing": ("people.csv", changed("outcome", 4, None), "missing in 1 of 60"),
}  # fmt: skip


def table_sent(open_page: Open, name: str, content: bytes) -> AppTest:
    app = open_page("case/data", new="1")
    app.file_uploader(key="upload_data").upload(name, content, "application/octet-stream").run()
    assert not app.exception, app.exception
    return app


def choose(app: AppTest, part: str, value: str) -> None:
    box = next(b for b in app.selectbox if b.key and b.key.startswith(f"role_{part}_"))
    if box.value != value:
        box.set_value(value).run()


def said(app: AppTest) -> str:
    """The one problem on the screen: a plain sentence, not a traceback."""
    assert not app.exception, app.exception
    (error,) = app.error
    assert "Traceback" not in error.value
    assert error.value.rstrip().endswith(".")
    return str(error.value)


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_explained_and_no_case_is_made(
    open_page: Open, cases: Cases, name: str
) -> None:
    file, content, words = TABLES[name]
    app = table_sent(open_page, file, content)
    parts = {b.key.split("_")[1] for b in app.selectbox if b.key and b.key.startswith("role_")}
    if "label" in parts:
        choose(app, "label", "outcome")
        choose(app, "id", "id")
    assert words in said(app)
    assert "upload_create" not in [b.key for b in app.button]
    assert cases.list() == []


def test_a_label_of_ten_thousand_classes_is_refused(open_page: Open, cases: Cases) -> None:
    frame = people(12_000)
    frame["outcome"] = [f"c{i % 10_000}" for i in range(12_000)]
    app = table_sent(open_page, "people.csv", csv(frame))
    choose(app, "label", "outcome")
    assert "10,000 distinct" in said(app)
    assert cases.list() == []


def test_a_full_disk_leaves_no_case_and_says_so(
    open_page: Open, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = table_sent(open_page, "people.csv", csv(people()))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        app.button(key="upload_create").click().run()
        assert "disk is full" in said(app)
    assert cases.list() == []
    app.button(key="upload_create").click().run()  # there is room again
    assert not app.exception
    assert len(cases.list()) == 1


# --- models --------------------------------------------------------------------------------------


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def network(inputs: int = 64, outputs: int = 10) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs)
    ).state_dict()


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def broken(value: float) -> bytes:
    state = network()
    state["1.weight"][2, 3] = value
    return saved(state)


MODELS = {
    "nothing in it": (b"", "empty"),
    "cut short": (saved(network())[:-200], "cut short"),
    "other inputs": (saved(network(inputs=50)), "64"),
    "other classes": (saved(network(outputs=7)), "10"),
    "not a number": (broken(float("nan")), "not a number"),
}


def model_sent(open_page: Open, case: Case, content: bytes) -> AppTest:
    app = open_page("case/model", case=case.id, tab="Bring one")
    app.file_uploader(key="bring_file").upload("net.pt", content, "application/octet-stream").run()
    return app


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_model_is_explained_and_not_added(
    open_page: Open, cases: Cases, case: Case, name: str
) -> None:
    content, words = MODELS[name]
    app = model_sent(open_page, case, content)
    assert words in said(app)
    assert "bring_add" not in [b.key for b in app.button]
    assert cases.get(case.id).models == case.models


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_posing_as_weights_does_not_run(
    open_page: Open, cases: Cases, case: Case, tmp_path: Path, how: str
) -> None:
    mark = tmp_path / "it ran"
    value = {"fc.weight": Payload(mark)}
    app = model_sent(open_page, case, saved(value) if how == "torch" else pickle.dumps(value))
    assert "state" in said(app)
    assert not mark.exists()
    assert cases.get(case.id).models == case.models


# --- forget sets, filters, runs ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "@__import__('os').system('true')", "label.__class__ == '3'", "__import__('os')", "label == '3' or",
        "(" * 3000 + "label" + ")" * 3000, "label == '3' and " * 3000 + "label == '3'", "no_such == 1",
        "lambda: 1", "[x for x in label]", "label == `", "\0",
    ],
    ids=[f"filter {i}" for i in range(11)],
)  # fmt: skip
def test_a_hostile_filter_is_refused_in_words(open_page: Open, case: Case, text: str) -> None:
    app = open_page("select/explore", case=case.id)
    app.text_input(key="explore_filter").set_value(text).run()
    assert len(said(app)) < 500
    assert "filter_add" not in [b.key for b in app.button if not b.disabled]


def test_an_empty_hand_cannot_be_saved(open_page: Open, cases: Cases, case: Case) -> None:
    app = open_page("select/explore", case=case.id)
    assert "save_yes" not in [b.key for b in app.button if not b.disabled]


def test_everything_cannot_be_removed(open_page: Open, cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    fid = cases.save_forget(case.id, from_mask(data, np.ones(len(data), bool), "all"))
    app = open_page("disgorge/plan", case=case.id, forget=fid)
    assert "every training record" in said(app)
    assert "plan_run" not in [b.key for b in app.button if not b.disabled]


def test_a_whole_class_is_removed_with_a_word_of_warning(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    fid = cases.save_forget(case.id, where(data, "label == '3'"))
    app = open_page("disgorge/plan", case=case.id, forget=fid)
    assert not app.exception
    notes = " ".join(e.value for e in (*app.warning, *app.info, *app.caption, *app.markdown))
    assert "class" in notes and "3" in notes


def test_a_training_that_diverges_is_said_on_the_runs_page(
    open_page: Open, cases: Cases, case: Case
) -> None:
    request = {
        "task": "train", "architecture": "mlp", "settings": {"width": 8}, "label": "wild",
        "recipe": {"epochs": 30, "lr": 100.0, "l2": 1.0},
    }  # fmt: skip
    run = new_run(cases.workspace.case(case.id), request)
    work(cases, run)
    app = open_page("disgorge/runs", case=case.id, run=run.id)
    assert "became infinite" in said(app)
    assert cases.get(case.id).models == case.models
