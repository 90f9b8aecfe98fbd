"""The bench of real models: who lies on it, in which order, and who is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import auditing
from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.auditing import Beside, Pair, lay
from disgorge_core.models.prediction import logits
from disgorge_core.types import Marks, Member, Model
from tests.methods.small import digits, first, plain


def moved(by: float) -> Model:
    """The small model with another last bias."""
    import copy

    network = copy.deepcopy(plain().network)
    with torch.no_grad():
        network.get_submodule("head").bias[0] += by
    return replace(plain(), members=(Member(network, plain().preprocessing),))


def test_models_lie_beside_their_answers_and_broken_ones_are_left_out():
    data, broken = digits(), moved(float("nan"))
    beside = Beside(
        (moved(1), broken, moved(2)), (broken, moved(3)), control=broken, placebo=moved(4)
    )
    bench, why = lay(Pair(plain(), moved(5), data, first(data)), beside, Marks())
    assert why == "" and list(bench.models) == list(bench.judged) == ["before", "after", "placebo"]
    records = data.take(bench.rows)
    pairs = [
        *((bench.models[who], z) for who, z in bench.judged.items()),
        *zip(bench.reference_models, bench.references, strict=True),
        *zip(bench.twin_models, bench.twins, strict=True),
    ]
    assert len(pairs) == 3 + 2 + 1
    for model, z in pairs:
        np.testing.assert_array_equal(z, logits(model, records))


def test_the_records_of_each_set():
    data = digits()
    bench, _ = lay(Pair(plain(), moved(1), data, first(data)), Beside(), Marks())
    rows = {name: bench.rows[inside].tolist() for name, inside in bench.sets.items()}
    train = data.rows("train").tolist()
    assert rows == {REMOVED: train[:15], KEPT: train[15:], TEST: data.rows("test").tolist()}
    assert np.flatnonzero(bench.keep).tolist() == train[15:]
    assert bench.references.shape == bench.twins.shape == (0, len(bench.rows), 10)


def test_a_broken_model_after_is_said():
    data = digits()
    bench, why = lay(Pair(plain(), moved(float("nan")), data, first(data)), Beside(), Marks())
    assert "The model after gives answers that are not numbers" in why
    assert set(bench.judged) == {"before", "after"}


def test_checks_tell_how_far_they_are(monkeypatch):
    """Each has its own part of the second half of the bar."""
    from disgorge_core.audit.checks.quality import Quality
    from disgorge_core.types import Progress

    def run(self, bench):
        bench.report(Progress(0.5, "half of it"))
        return []

    monkeypatch.setattr(Quality, "run", run)
    heard = []
    data, beside = digits(), Beside((moved(1), moved(2), moved(3)))
    auditing.examine(
        Pair(plain(), moved(4), data, first(data)), beside, Marks(checks="quality"), heard.append
    )
    shares = [p.share for p in heard]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
    number = list(auditing.CHECKS).index("quality")
    half = next(p.share for p in heard if p.message == "half of it")
    assert half == pytest.approx(0.5 + 0.5 * (number + 0.5) / len(auditing.CHECKS))
