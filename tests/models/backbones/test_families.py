"""Networks of many families: the head is found, and head behind backbone answers as the whole does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.head import head_layers
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset, Roles
from tests import tiny_models
from tests.models.backbones import families
from tests.training.small_texts import texts


def three_classes(x, kind: str) -> Dataset:
    n = len(x)
    return Dataset(
        name="three", kind=kind, task="classification", ids=np.arange(n).astype(str), x=x,
        y=np.arange(n) % 3, classes=("a", "b", "c"), split=np.zeros(n, np.int8),
        meta=pd.DataFrame({"label": np.arange(n) % 3}), roles=Roles(), digest=f"three {kind} {n}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def stories() -> Dataset:
    return three_classes(texts(9).x, "text")


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    x = np.random.default_rng(0).integers(0, 256, (9, 12, 10, 3)).astype(np.uint8)
    return three_classes(x, "image")


@pytest.fixture(scope="module")
def cut(tmp_path_factory, stories):
    return tiny_models.tokenizer(list(stories.x["story"]), tmp_path_factory.mktemp("cut"))


@pytest.mark.parametrize("family", families.TEXTS)
def test_texts(family, stories, cut, tmp_path):
    network = families.made(tmp_path / "m", family, cut)
    model = load_model(tmp_path / "m", stories)
    wanted = []
    for text in stories.x["story"]:
        given = cut(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.inference_mode():
            wanted.append(
                network(given["input_ids"], attention_mask=given["attention_mask"]).logits[0]
            )
    assert np.allclose(logits(model, stories.x), torch.stack(wanted).numpy(), atol=1e-5)
    assert sum(x.kind == "linear" for x in model.layers) == families.LINEAR.get(family, 1)


@pytest.mark.parametrize("family", families.PICTURES)
def test_pictures(family, pictures, tmp_path):
    network = families.made(tmp_path / "m", family)
    model = load_model(tmp_path / "m", pictures)
    reader = model.preprocessing.backbone.reader
    given = torch.tensor(np.stack([reader.pixels(one) for one in pictures.x]))
    with torch.inference_mode():
        wanted = network(pixel_values=given).logits.numpy()
    assert np.allclose(logits(model, pictures.x), wanted, atol=1e-5)
    assert [x.kind for x in model.layers if x.kind != "dropout"] == ["linear"]


class Answer:
    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


class OddHead(nn.Module):
    """Its answer is scaled after the last layer, so no layer's output is the answer."""

    base_model_prefix = "base"

    def __init__(self) -> None:
        super().__init__()
        self.base, self.classifier = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, return_dict: bool = True) -> Answer:
        return Answer(self.classifier(self.base(x)) * 2)


def test_a_head_that_is_no_layers_is_refused():
    with pytest.raises(BadModel, match="does not end in layers"):
        head_layers(OddHead(), [{"x": torch.randn(1, 4)}])
