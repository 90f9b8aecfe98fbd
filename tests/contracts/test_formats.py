"""Every dataset format, with every kind of content and both tasks, through every screen's data path.

A file goes in, its roles are guessed, splits are drawn where it names none; the dataset is saved and loaded
again, a model is trained, every registered task runs, and everything that a user can take out is read back.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disgorge_core.data.loading import load_dataset
from disgorge_core.data.reading import process
from disgorge_core.data.reading.answer import answer
from disgorge_core.data.saved import load_dataset_folder, save_dataset
from disgorge_core.metrics import quality
from disgorge_core.registry import DATA_FORMATS, TASKS
from disgorge_core.types import SPLITS, Dataset
from tests.contracts import taken_out, walk
from tests.contracts.files import LABEL, MAKERS, N, Truth, Written, truth

ARCHITECTURE = {"text": "text_mean", "image": "mlp", "table": "mlp"}
RECIPE = {"epochs": 12, "lr": 0.05, "batch": 16, "optimiser": "adam", "l2": 0.02, "seed": 1}
CELLS = [(*cell, task) for cell in MAKERS for task in LABEL]


def test_every_format_has_a_maker() -> None:
    assert {name for name, _ in MAKERS} == set(DATA_FORMATS)


def test_every_task_has_a_check() -> None:
    assert set(TASKS) <= set(walk.TASK)


@pytest.mark.parametrize(("name", "kind", "task"), CELLS)
def test_a_file_goes_through_every_screen(
    name: str, kind: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if task == "regression":  # the other half goes through the limited process
        monkeypatch.setattr(process, "_run", answer)
    told = truth(kind, task)
    written = MAKERS[name, kind](told, tmp_path)
    data = _loaded(written, task)
    _is_what_was_written(data, told, written)
    save_dataset(data, tmp_path / "saved")
    _is_what_was_written(load_dataset_folder(tmp_path / "saved"), told, written)
    b = walk.bench(tmp_path / "workspace", data, architecture=ARCHITECTURE[kind], recipe=RECIPE)
    _has_learnt(b)
    walk.walk(b)
    taken_out.taken_out(b)
    if kind != "image":
        _kept_records_open_again(b, tmp_path, name)


def _loaded(written: Written, task: str) -> Dataset:
    """With every role guessed; only that folders named by numbers are a regression must be said."""
    return load_dataset(written.path, task=None if written.values else task)


def _is_what_was_written(data: Dataset, told: Truth, written: Written) -> None:
    assert (data.kind, data.task) == (told.kind, told.task)
    order = np.arange(N)
    if written.ids:
        stems = [Path(str(name)).stem for name in data.ids]
        assert sorted(stems) == sorted(told.ids)
        order = np.array([told.ids.tolist().index(name) for name in stems])
    said = data.y if told.task == "regression" else np.array(data.classes)[data.y]
    np.testing.assert_array_equal(said, told.y[order])
    words = np.array(SPLITS)[data.split]
    if written.split:
        np.testing.assert_array_equal(words, told.split[order])
    first, second = walk.copies_in(data)
    assert set(words) == set(SPLITS)
    assert written.split or words[first] == words[second]  # equal records are drawn together
    if told.kind == "image":
        np.testing.assert_array_equal(data.x, told.x[order])
        return
    assert list(data.x.columns) == [c for c in told.x if c not in written.left_out]
    for column in data.x:
        taken_out.same_cells(data.x[column], told.x[column].iloc[order])


def _has_learnt(b: walk.Bench) -> None:
    rows = b.data.rows("train")
    found = quality(b.answers[rows], b.data.y[rows], b.data.task).value
    assert found < 0.6 * b.data.y.std() if b.data.task == "regression" else found > 0.8


def _kept_records_open_again(b: walk.Bench, folder: Path, name: str) -> None:
    """The retain set as a dataset: the same records under the same ids, in the same splits."""
    ending = ".csv" if name in ("csv", "tsv") else ".parquet"
    path, kept = b.desk.folder / "out" / f"kept{ending}", np.flatnonzero(~b.gone)
    again = load_dataset(path, id="id", split="split", label=b.data.roles.label)
    assert again.ids.tolist() == b.data.ids[kept].astype(str).tolist()
    np.testing.assert_array_equal(again.split, b.data.split[kept])
    assert (again.kind, again.classes) == (b.data.kind, b.data.classes)
    np.testing.assert_array_equal(again.y, b.data.y[kept])
    assert list(again.x.columns) == list(b.data.x.columns)
    for column in again.x:
        taken_out.same_cells(again.x[column], b.data.x[column].iloc[kept])
