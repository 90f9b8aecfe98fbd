"""What every registered method owes: words, bounds, determinism, an untouched input, a true account."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.methods.contract import NEEDS
from disgorge_core.models.prediction import logits
from disgorge_core.params import make, params_of, values_of
from disgorge_core.registry import METHODS
from disgorge_core.types import Family, Model, Outcome, Tier, Timing
from disgorge_core.words import NOT_AUDITED, TIERS
from tests.methods.small import data_for, first, model_for

OWN = Path(__file__).parent.parent / "methods"
ALL = list(METHODS)
NOT_TUNED = (  # all but the first: their models cannot be fine-tuned
    "finetune", "sisa", "rewind", "statistics", "certified_newton", "descent_to_delete",
    "linearized",
)  # fmt: skip


@cache
def ran(name: str, seed: int = 0) -> Outcome:
    data = data_for(name)
    return disgorge(model_for(name), data, first(data), name, seed=seed)


@pytest.fixture(params=ALL)
def name(request) -> str:
    return request.param


def test_it_says_what_it_is(name):
    kind = METHODS[name]
    assert kind.name == name and kind.__doc__
    for attribute, of in (("family", Family), ("timing", Timing), ("tier", Tier), ("order", int)):
        assert isinstance(getattr(kind, attribute), of)
    assert set(kind.needs) <= set(NEEDS)
    assert kind.tasks and set(kind.tasks) <= {"classification", "regression"}
    assert kind.title and not kind.title.endswith(".")
    assert kind.promise.endswith(".") and kind.promise.count(". ") == 0


def test_its_module_is_a_mini_paper(name):
    text = sys.modules[METHODS[name].__module__].__doc__ or ""
    for section in ("Formula:", "Source:", "Guarantee:", "Fails when:"):
        assert f"\n{section}" in text, f"{section} is missing"


def test_its_settings_describe_themselves(name):
    kind = METHODS[name]
    assert make(kind, values_of(kind())) == kind()  # the defaults are within their bounds
    for p in params_of(kind):
        assert p.help and p.label
        assert p.choices or p.type in (bool, str) or (p.min is not None and p.max is not None)


def test_it_applies_to_its_example_at_a_price(name):
    facts = facts_for(model_for(name), data_for(name), first(data_for(name)))
    assert why_not(METHODS[name](), facts) is None
    assert 0 <= METHODS[name]().price(facts) < math.inf


def test_where_it_does_not_apply_it_says_why(name):
    data = data_for(name)
    bare = replace(model_for(name), recipe=None, layers=None, regime="plain", artefacts={})
    reason = why_not(METHODS[name](), facts_for(bare, data, first(data)))
    assert reason is None or reason.endswith(".")


def test_same_seed_same_model(name):
    data = data_for(name)
    again = disgorge(model_for(name), data, first(data), name, seed=0)
    assert again.model.digest == ran(name).model.digest


def test_the_input_stays_as_it_is(name):
    model, data = model_for(name), data_for(name)
    before = replace(model).digest  # a copy, because a model remembers its digest
    disgorge(model, data, first(data), name)
    assert replace(model).digest == before


def test_something_moved(name):
    """But where a bound of how the model was trained covers the records as it is."""
    found = ran(name)
    if METHODS[name].timing is Timing.PREEMPTIVE and found.effect == "no effect":
        assert found.bound and found.tier is Tier.CERTIFIED and found.distance == 0
        return
    assert found.effect == "moved"
    x = data_for(name).x
    assert not np.array_equal(logits(found.model, x), logits(found.before, x))
    assert found.distance > 0 or found.tier is Tier.SUPPRESSED or math.isnan(found.distance)


def test_it_stays_the_same_kind_of_model(name):
    after, before = ran(name).model, ran(name).before
    assert (after.task, after.classes) == (before.task, before.classes)
    assert logits(after, data_for(name).x[:3]).shape == logits(before, data_for(name).x[:3]).shape
    assert np.isfinite(logits(after, data_for(name).x)).all()


def test_the_lineage_is_true(name):
    found, data = ran(name), data_for(name)
    lineage = found.model.lineage
    assert lineage.origin == f"made by {name}"
    assert lineage.excluded[-1] == first(data).digest
    assert lineage.parents[-1] == found.before.digest
    assert lineage.cost == found.cost.passes >= 0
    fresh = found.tier in (Tier.REBUILT, Tier.ISOLATED)
    gone = set(found.before.seen or ()) - set(found.model.seen or ())
    assert gone == (set(first(data).ids) if fresh else set())


def test_the_tier_is_never_above_the_methods(name):
    order = list(Tier)
    assert order.index(ran(name).tier) >= order.index(METHODS[name].tier)


def test_the_claim_says_its_tier_and_that_nothing_was_audited(name):
    assert TIERS[ran(name).tier].badge in ran(name).claim
    assert NOT_AUDITED in ran(name).claim


# --- each method's own test must be able to fail --------------------------------------------------


def own_tests(name: str):
    path = OWN / f"test_{name}.py"
    spec = importlib.util.spec_from_file_location(f"own_{name}", path)
    assert spec and spec.loader, f"{path} is missing"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def identity(model: Model, data, forget) -> Model:
    return model


def plain_fine_tuning(model: Model, data, forget) -> Model:
    return disgorge(model, data, forget, "finetune", settings={"lr": 0.02}).model


def with_proof() -> list[str]:
    files = {n: OWN / f"test_{n}.py" for n in ALL}
    return [n for n, file in files.items() if file.exists() and "def proof(" in file.read_text()]


def test_it_has_a_test_of_its_own(name):
    assert (OWN / f"test_{name}.py").exists()


@pytest.mark.parametrize("own", with_proof())
def test_its_own_test_fails_for_a_method_that_does_nothing(own):
    with pytest.raises(AssertionError):
        own_tests(own).proof(identity)


@pytest.mark.parametrize("own", [n for n in with_proof() if n not in NOT_TUNED])
def test_its_own_test_fails_for_plain_fine_tuning(own):
    with pytest.raises(AssertionError):
        own_tests(own).proof(plain_fine_tuning)
