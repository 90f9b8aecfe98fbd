"""Many records through a backbone: the same bits here and on other processes, kept as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from disgorge_core import compute
from disgorge_core.compute import pool
from disgorge_core.errors import Cancelled
from disgorge_core.models.backbones import passing
from disgorge_core.models.backbones.backbone import Backbone
from disgorge_core.models.loading import load_model
from disgorge_core.types import Progress, silent


@dataclass
class Slow:
    """Takes a second of a clock that only it moves, and `build` more for the first record."""

    numbers: int = 10
    said: str = "slow"
    build: float = 0.0
    now: float = 0.0
    passed: list[int] = field(default_factory=list)

    def one(self, record: int) -> np.ndarray:
        self.now += 1.0 if self.passed else 1.0 + self.build
        self.passed.append(record)
        return np.array([record, 2 * record], dtype=np.float32)


@pytest.fixture
def alone(monkeypatch):
    """How many processes each stretch was for; all work is done here."""
    crews: list[int] = []

    def here(function, tasks, workers, on_progress):
        crews.append(workers)
        return [function(t, lambda p, i=i: on_progress(i, p)) for i, t in enumerate(tasks)]

    monkeypatch.setattr(compute, "map", here)
    monkeypatch.setattr(compute, "cores", lambda: 4)
    return crews


def run(backbone: Slow, count: int, monkeypatch, report=silent):
    monkeypatch.setattr(passing.time, "monotonic", lambda: backbone.now)
    return list(passing.stretches(backbone, list(range(count)), report))


def test_every_record_passes_once_and_lands_in_its_place(alone, monkeypatch):
    backbone = Slow()
    found = np.full((300, 2), -1.0)
    for part, values in run(backbone, 300, monkeypatch):
        found[part] = values
    assert backbone.passed == list(range(300))
    assert np.array_equal(found, np.arange(300)[:, None] * [1, 2])


def test_few_are_timed_then_all_cores_take_stretches_of_seconds(alone, monkeypatch):
    parts = [part for part, _ in run(Slow(), 200, monkeypatch)]
    assert alone == [1, 1, 4, 4, 4]
    assert [part.stop - part.start for part in parts] == [1, 8, 80, 80, 31]


def test_little_work_and_large_networks_stay_here(alone, monkeypatch):
    run(Slow(build=3600.0), 48, monkeypatch)
    assert set(alone) == {1}  # 39 seconds are left: building the network counts for nothing
    run(Slow(numbers=600_000_000), 400, monkeypatch)
    assert set(alone) == {1}


def test_progress_grows_and_a_cancel_gets_in(alone, monkeypatch):
    heard: list[Progress] = []
    run(Slow(), 100, monkeypatch, heard.append)
    shares = [p.share for p in heard]
    assert (
        shares == sorted(shares)
        and shares[0] == 0
        and "of 100 through the slow" in heard[-1].message
    )

    def stop(progress: Progress) -> None:
        if progress.share > 0.5:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        run(Slow(), 100, monkeypatch, stop)


def test_other_processes_give_the_same_bits(bert_folder, stories, monkeypatch):
    monkeypatch.setattr(passing, "WORTH", 0.0)
    monkeypatch.setattr(compute, "cores", lambda: 2)
    backbone = load_model(bert_folder, stories).preprocessing.backbone
    passed: list[str] = []

    class Counted(Backbone):
        def one(self, record):
            passed.append(record)
            return super().one(record)

    told = stories.x["story"].iloc[:30]
    try:
        there = Counted(backbone.folder, backbone.about, backbone.digest).features(told.to_frame())
    finally:
        pool.close()
    assert passed == list(told[:9])  # all others went elsewhere
    with compute.threads(1):  # as many as each record is given there
        assert np.array_equal(there, np.stack([backbone.one(text) for text in told]))
