"""Measuring accuracy by shards: bounded by the records, told from what is missing, no model kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core.cases import Cases, Recent
from disgorge_core.errors import BadParam, Cancelled
from disgorge_core.jobs.shard_plans import regimes_of, seconds_to_measure, why_none
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.planning import training_price
from disgorge_core.store import Workspace
from disgorge_core.types import silent
from tests.jobs import bench
from tests.training.small import digits


def test_only_shards_that_all_have_a_record_are_tried():
    data = digits(18)  # 15 of them train
    tried = regimes_of(data, "mlp", (1, 2, 5, 200), 1, "")
    assert list(tried)[:2] == [1, 2] and 200 not in tried
    owner = replace(data, meta=data.meta.assign(owner=np.where(data.y < 5, "a", "b")))
    assert list(regimes_of(owner, "mlp", (1, 5, 10), 1, "owner")) == [1]
    assert why_none(owner, "mlp", 1, "owner") is None
    assert "no column" in (why_none(data, "mlp", 1, "owner") or "")


def test_the_price_is_a_training_for_each():
    data = digits()
    one = training_price(data, "mlp", {}, {"epochs": 4}, {}).passes
    found = seconds_to_measure(data, "mlp", {}, {"epochs": 4}, (1, 2, 5), 1, "")
    assert one == 4 * 125 and found > 0
    with pytest.raises(BadParam, match="cannot be spread"):
        seconds_to_measure(data, "mlp", {}, {"epochs": 1}, (1, 2), 5, "")


@pytest.fixture
def desk(tmp_path):
    cases = Cases(Workspace(tmp_path))
    case = bench.case_in(cases.workspace)
    return Desk(cases, case.id, tmp_path / "run", silent, Recent(4, cases.workspace.model))


def test_it_can_be_stopped_and_keeps_no_model(desk):
    request = {
        "task": "plan_shards",
        "recipe": {"epochs": 1},
        "settings": {"width": 4},
        "shards": [1, 2],
    }
    before = desk.case.models
    rows = task_of(request).run(desk).values["rows"]
    assert [row["shards"] for row in rows] == [1, 2] and desk.case.models == before

    def stop(progress):
        if progress.share > 0.5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        task_of(request).run(replace(desk, report=stop))
