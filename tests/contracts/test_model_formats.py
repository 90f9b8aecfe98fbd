"""Every model format beside every kind of record and both tasks, through every screen's data path and out.

A file is opened, answers as the network that wrote it does, goes through every registered task, and leaves
in the format that it came in, before and after the removal.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disgorge_core.data.loading import dataset_of
from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits, softmax
from disgorge_core.models.saved import load_model_folder
from disgorge_core.registry import MODEL_FORMATS, TASKS
from disgorge_core.types import Array, Dataset
from tests.contracts import walk
from tests.contracts.files import LABEL, truth
from tests.contracts.model_files import READS, WAYS

KINDS = ("table", "text", "image")
CELLS = [(name, k, t) for name in WAYS for k in READS.get(name, KINDS) for t in LABEL]
# transformers trains values by a head of one output, which is refused: see the test of it
DOES = [c for c in CELLS if c[::2] != ("huggingface", "regression")]
REFUSES = [(name, kind) for name, reads in READS.items() for kind in KINDS if kind not in reads]
CLOSE = 1e-6


def test_every_format_has_a_maker() -> None:
    assert set(WAYS) == set(MODEL_FORMATS)


@cache
def records(kind: str, task: str) -> Dataset:
    """The records in memory, split as the file says."""
    told = truth(kind, task)
    pictures = told.x if kind == "image" else None
    return dataset_of(told.frame.assign(split=told.split), "any", pictures=pictures)


@pytest.mark.parametrize(("name", "kind", "task"), DOES)
def test_a_model_goes_through_every_screen(name: str, kind: str, task: str, tmp_path: Path) -> None:
    data, way = records(kind, task), WAYS[name]
    source = way.make(data, tmp_path)
    model = load_model(source.path, data, **source.stated)
    _same(logits(model, data.x), source.answers, data)
    b = walk.bench(tmp_path / "workspace", data, model)
    _same(b.answers, source.answers, data)  # also when it comes back from the disk
    walk.walk(b)
    if name == "huggingface":
        _brought_by_the_queue(b, source.path)
    slow = name == "huggingface"  # each opening starts a process that imports transformers
    for digest in b.both[1:] if slow else b.both:
        _leaves(b, digest, name, tmp_path / digest[:8], dict(source.stated))


def _same(found: Array, own: Array, data: Dataset) -> None:
    """Equal values or probabilities: logits may differ by a constant of each record."""
    if data.task == "classification":
        found, own = softmax(np.asarray(found)), softmax(np.asarray(own))
    np.testing.assert_allclose(found, own, atol=CLOSE, rtol=CLOSE)


def _leaves(b: walk.Bench, digest: str, name: str, place: Path, said: dict[str, Any]) -> None:
    model, way = b.desk.model(digest), WAYS[name]
    if name in ("safetensors", "state_dict") and b.data.kind == "text":
        with pytest.raises(NotApplicable, match="words that this model knows are no weights"):
            way.leave(model, b.data)
        return
    place.mkdir()
    path = place / f"model{way.ending}"
    path.write_bytes(way.leave(model, b.data))
    own = logits(model, b.data.x)
    if way.read:
        _same(way.read(path, b.data), own, b.data)
    if "preprocessing" in said:  # what stands beside the weights, not in them
        said["preprocessing"] = model.preprocessing
    said.pop("recipe", None)
    _same(logits(load_model(path, b.data, **said), b.data.x), own, b.data)


def _brought_by_the_queue(b: walk.Bench, path: Path) -> None:
    """The task by which the Model page opens such a folder."""
    b.do("bring", path=str(path), trained_on="train")
    brought = load_model_folder(b.desk.folder / "model")
    np.testing.assert_allclose(logits(brought, b.data.x), b.answers, atol=1e-5)
    if "time_whole" in TASKS:
        assert b.do("time_whole", path=str(path)).values["once"] > 0


def test_a_head_of_values_is_refused(tmp_path: Path) -> None:
    """What transformers writes for regression; pictures and texts of values train here instead."""
    data = records("text", "classification")
    path = WAYS["huggingface"].make(data, tmp_path).path
    config = path / "config.json"
    config.write_text(config.read_text().replace("{", '{"problem_type": "regression",', 1))
    with pytest.raises(BadModel, match="The model does regression"):
        load_model(path, records("text", "regression"))


@pytest.mark.parametrize(("name", "kind"), REFUSES)
def test_other_records_are_refused_in_words(name: str, kind: str, tmp_path: Path) -> None:
    source = WAYS[name].make(records(READS[name][0], "classification"), tmp_path)
    with pytest.raises(BadModel) as refused:
        load_model(source.path, records(kind, "classification"))
    assert refused.value.remedy.endswith(".")
