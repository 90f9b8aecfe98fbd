"""A network that cannot read a record: the layer is named, with what it wants and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disgorge_core import training
from disgorge_core.errors import BadModel
from disgorge_core.models.fit_check import check_fit
from disgorge_core.types import Member, Model, Recipe
from tests.training.small import digits, table

PICTURES, TABLE = digits(30), table(30)


class Then(nn.Module):
    """A layer, and something of one's own behind it."""

    def __init__(self, layer: nn.Module, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.then = layer, then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.layer(x))


def fitted(data) -> Model:
    return training.fit(data, "linear", Recipe(epochs=1))


def refusal(data, network: nn.Module) -> str:
    model = fitted(data)
    members = tuple(Member(network, member.preprocessing) for member in model.members)
    with pytest.raises(BadModel) as error:
        check_fit(replace(model, members=members, layers=None), data)
    assert not any(h for m in network.modules() for h in m._forward_pre_hooks)
    assert error.value.remedy
    return error.value.problem


CASES = [
    (nn.Sequential(nn.Flatten(), nn.Linear(12, 10)), "'1' reads 12 numbers and is given 64"),
    (nn.Sequential(nn.Conv2d(3, 4, 3)), "Conv2d layer '0' reads 3 channels and is given 1"),
    (
        nn.Sequential(nn.Flatten(), nn.Conv2d(1, 4, 3)),
        "'1' reads a picture and is given a row of numbers of 64",
    ),
    (
        nn.Sequential(nn.GroupNorm(2, 4)),
        "GroupNorm layer '0' reads 4 channels and is given 1",
    ),
    (nn.Sequential(nn.Conv2d(1, 2, 9)), "stops at or behind its Conv2d layer '0'"),
    (Then(nn.Flatten(), lambda x: x @ x), "Flatten layer 'layer', which is given a picture of 1 by 8 by 8"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_layer_is_named(number):
    network, says = CASES[number]
    found = refusal(PICTURES, network)
    assert says in found and "mat1" not in found and "RuntimeError" not in found
    assert found.startswith("The network cannot read a record of this dataset: ")


def test_numbers_of_a_table():
    width = fitted(TABLE).members[0].network.state_dict()
    given = next(iter(width.values())).shape[1]
    found = refusal(TABLE, nn.Sequential(nn.Linear(given + 1, 2)))
    assert f"reads {given + 1} numbers and is given {given}" in found


def test_an_answer_of_another_length():
    found = refusal(PICTURES, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    assert found == "The network gives 3 numbers for a record, the dataset needs 10."


def test_an_answer_that_is_no_row():
    found = refusal(PICTURES, nn.Sequential(nn.Conv2d(1, 10, 3)))
    assert "does not give one row of numbers for each record" in found


def test_a_preprocessing_of_other_records():
    model = fitted(PICTURES)
    other = Member(model.network, fitted(TABLE).preprocessing)
    with pytest.raises(BadModel, match="the preprocessing does not fit"):
        check_fit(replace(model, members=(other,)), PICTURES)


def test_a_network_that_fits_is_left_as_it_was():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model = fitted(PICTURES)
    member = Member(network, model.preprocessing)
    check_fit(replace(model, members=(member,), layers=None), PICTURES)
    assert not any(module._forward_pre_hooks for module in network.modules())
    with torch.inference_mode():
        assert np.isfinite(network(torch.zeros(1, 1, 8, 8)).numpy()).all()
