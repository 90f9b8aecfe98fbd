from __future__ import annotations

import pytest
import torch

from disgorge_core import training
from disgorge_core.errors import BadModel
from disgorge_core.models.architectures.cnn import Cnn
from disgorge_core.models.layers import build
from disgorge_core.models.prediction import logits
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Recipe
from tests.training.small import digits, table


@pytest.mark.parametrize("name", ["linear", "mlp", "cnn", "ridge", "nearest_mean"])
def test_each_learns_to_read_digits(name):
    """Far above chance (0.1) on records that it has not seen."""
    data = digits(600)
    settings = {"width": 8} if name == "cnn" else {}
    model = training.fit(data, name, Recipe(epochs=12, lr=0.05, batch=32), settings=settings)
    x, y = data.arrays("test")
    assert (logits(model, x).argmax(1) == y).mean() > 0.8


INPUTS = {
    "image": ((3, 32, 32), torch.zeros(2, 3, 32, 32)),
    "table": ((7,), torch.zeros(2, 7)),
    "text": ((6, 9), torch.tensor([[2, 8, 1, 0, 0, 0]] * 2)),
}


@pytest.mark.parametrize("name", ["linear", "mlp", "cnn", "ridge", "nearest_mean", "text_mean"])
def test_each_fits_what_it_says_it_fits(name):
    item = ARCHITECTURES[name]()
    assert item.title and item.kinds and item.tasks and type(item).__doc__
    for kind in item.kinds:
        shape, records = INPUTS[kind]
        network = build(item.layers(shape, 5))
        assert network(records).shape == (2, 5)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (1, 3, 3)])
def test_the_convolutional_network_takes_any_picture(shape):
    network = build(Cnn().layers(shape, 10))
    assert network(torch.zeros(2, *shape)).shape == (2, 10)
    assert 30_000 < sum(p.numel() for p in network.parameters()) < 60_000


def test_convolutions_refuse_tables():
    with pytest.raises(BadModel, match=r"classification of tables\. Choose linear, mlp"):
        training.fit(table(), "cnn")


def test_regression_by_table_models():
    data = table(task="regression")
    x, y = data.arrays("test")
    for name in ("linear", "mlp", "ridge"):
        model = training.fit(data, name, Recipe(epochs=60, lr=0.03, batch=16))
        assert ((logits(model, x)[:, 0] - y) ** 2).mean() < 0.5 * y.var()
