"""What everything registered owes: a name, a title, docstrings, and settings that describe themselves."""

from __future__ import annotations

import dataclasses
import sys

import pytest
import torch

from disgorge_core import registry
from disgorge_core.models.layers import build
from disgorge_core.params import make, params_of, values_of
from disgorge_core.registry import ARCHITECTURES, Registry

PRODUCT = (
    "ARCHITECTURES",
    "DATA_FORMATS",
    "MODEL_FORMATS",
    "METHODS",
    "ESTIMATORS",
    "PROJECTIONS",
    "VIEWS",
    "EXAMPLES",
    "CHECKS",
)


# for each kind of record: the shape that layers are asked for, and two records
INPUTS = {
    "image": ((3, 16, 16), torch.zeros(2, 3, 16, 16)),
    "table": ((7,), torch.zeros(2, 7)),
    "text": ((9, 12), torch.tensor([[2, 11, 1] + [0] * 6, [0] * 9])),
}
ALL: dict[str, Registry] = {name: getattr(registry, name) for name in PRODUCT}


@pytest.fixture(params=PRODUCT)
def items(request) -> dict[str, type]:
    """The classes of one registry by name."""
    found = ALL[request.param]
    return {name: found[name] for name in found}


@pytest.mark.parametrize("name", PRODUCT)
def test_the_registry_finds_something(name):
    assert len(ALL[name]) > 0


def test_names_are_the_keys_and_are_fit_for_a_url(items):
    for name, kind in items.items():
        assert kind.name == name
        assert name == name.lower() and " " not in name


def test_everything_is_documented(items):
    for name, kind in items.items():
        assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}("), name
        assert sys.modules[kind.__module__].__doc__, name


def test_titles_are_plain_words(items):
    titles = [kind.title for kind in items.values() if hasattr(kind, "title")]
    assert all(title and title[0] == title[0].upper() for title in titles)
    assert len(titles) == len(set(titles))


def test_settings_describe_themselves(items):
    for name, kind in items.items():
        if not dataclasses.is_dataclass(kind):
            continue
        assert make(kind, values_of(kind())) == kind(), name
        for p in params_of(kind):
            assert p.help and p.label, (name, p.name)
            bounded = p.min is not None and p.max is not None
            assert p.choices or p.type in (bool, str) or bounded, (name, p.name)


def test_registered_things_are_frozen(items):
    for name, kind in items.items():
        if dataclasses.is_dataclass(kind):
            assert kind.__dataclass_params__.frozen, name


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize("kind", INPUTS)
def test_architectures_answer_with_one_number_a_class(name, kind):
    architecture = ARCHITECTURES[name]
    assert architecture.kinds and set(architecture.kinds) <= set(INPUTS)
    assert set(architecture.tasks) <= {"classification", "regression"}
    if kind in architecture.kinds:
        shape, records = INPUTS[kind]
        network = build(architecture().layers(shape, 4)).eval()
        assert network(records).shape == (2, 4)
