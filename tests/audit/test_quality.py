"""Quality beside references, and what is left of it where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.checks.quality import Quality
from disgorge_core.types import Decides
from tests.audit.benches import bench, drawn, sets


def test_without_references_before_and_after_stand_alone_with_their_intervals() -> None:
    model = drawn(1, 0, 1)[0]
    worse = np.where(sets()[TEST], -1.0, model)
    laid = bench({"before": model, "after": worse}, drawn(0, 0, 2))
    assert Quality().why_not(laid) is None
    found = {m.told.records: m.told for m in Quality().run(laid)}
    assert list(found) == [REMOVED, KEPT, TEST]  # no tug-of-war: there is nothing to pull
    assert all("references" not in f.values and f.decides is Decides.NOT for f in found.values())
    test = found[TEST].values
    assert test["after"].value == 0 and test["after"].low == 0
    assert test["after"].high == pytest.approx(
        3.8416 / (60 + 3.8416), abs=1e-3
    )  # Wilson of 0 of 60
    assert test["before"].value == pytest.approx((model[sets()[TEST]] > 0).mean())


def test_a_model_that_lost_quality_lies_below_the_references() -> None:
    references = drawn(20, 0, 1)
    fine, worse = references[19], np.where(sets()[TEST], -1.0, references[19])
    found = {
        m.told.records: m.told
        for m in Quality().run(bench({"before": fine, "after": worse}, references[:19]))
    }
    floor = found[TEST].values["references"]
    assert floor.low <= found[TEST].values["before"].value <= floor.high
    assert found[TEST].values["after"].value < floor.low
    assert found[TEST].decides is Decides.LOWERS and found[KEPT].decides is Decides.NOT
