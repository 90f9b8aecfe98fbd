"""Which Hugging Face models can be trained as a whole, and what is said of those that cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import training
from disgorge_core.curvature.sites import coverage
from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones import whole
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.backbones.whole import Whole, whole_of
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.types import Model, Recipe
from tests.models.backbones import families

RECIPE = Recipe(epochs=1, lr=3e-3, batch=13, optimiser="adam", l2=1e-3)


def whole_model(folder, data) -> Model:
    return whole_of(load_model(folder, data), data, RECIPE)


def test_an_answer_that_depends_on_others_is_refused(bert_folder, stories, monkeypatch):
    def mixed(self, x):
        return self.network(**self.given(x)).logits + len(x)

    monkeypatch.setattr(Whole, "_answered", mixed)
    with pytest.raises(NotApplicable, match="stands beside others"):
        whole_model(bert_folder, stories)


def test_too_many_pictures_for_memory_are_refused(vit_folder, pictures, monkeypatch):
    monkeypatch.setattr(whole, "MOST_BYTES", 1000)
    with pytest.raises(NotApplicable, match="all records are held"):
        whole_model(vit_folder, pictures)


def test_a_head_that_answers_after_each_piece_is_refused(bert_folder, stories, tmp_path):
    cut = transformers().AutoTokenizer.from_pretrained(bert_folder)
    families.made(tmp_path / "model", "gpt2", cut)
    with pytest.raises(NotApplicable, match="one vector a record"):
        whole_model(tmp_path / "model", _of_three(stories))


@pytest.mark.parametrize("family", ["distilbert", "roberta", "electra", "deberta-v2", "albert"])
def test_texts_of_other_families(family, bert_folder, stories, tmp_path):
    cut = transformers().AutoTokenizer.from_pretrained(bert_folder)
    three = _of_three(stories)
    families.made(tmp_path / "model", family, cut)
    _learns(tmp_path / "model", three)


@pytest.mark.parametrize("family", ["deit", "dinov2", "convnext", "resnet", "swin"])
def test_pictures_of_other_families(family, pictures, tmp_path):
    families.made(tmp_path / "model", family)
    _learns(tmp_path / "model", _of_three(pictures))


def _of_three(data):
    return replace(data, y=data.y % 3, classes=("a", "b", "c"), digest="")


def _learns(folder, data):
    """Training moves all but a few weights."""
    model = whole_model(folder, data)
    found = training.refit(model, data, np.ones(len(data), bool))
    x = data.take(np.arange(6))
    assert np.isfinite(logits(found, x)).all()
    old, new = model.network.at_start(0).state_dict(), found.network.state_dict()
    still = [
        n for n in dict(found.network.named_parameters()) if torch.equal(old[n].float(), new[n])
    ]
    assert len(still) <= 0.2 * len(new), still
    assert coverage(found.network)
