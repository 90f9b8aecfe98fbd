"""Hugging Face folders as models: the answers of transformers, a head that trains, a backbone that stays."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disgorge_core import features, training
from disgorge_core.errors import BadModel
from disgorge_core.models.loading import load_model, open_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.types import Dataset, Model, Recipe
from tests.training.small import at, same
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=4, lr=0.1, batch=16, l2=1e-3)


@pytest.fixture(scope="module")
def bert(bert_folder: Path, stories: Dataset) -> Model:
    return load_model(bert_folder, stories, recipe=RECIPE, trained_on="train")


@pytest.fixture(scope="module")
def vit(vit_folder: Path, pictures: Dataset) -> Model:
    return load_model(vit_folder, pictures, recipe=RECIPE)


def test_texts_are_answered_as_transformers_does(bert, stories, by_transformers):
    """Its outputs are farm, sea; the dataset's classes are sea, farm: mapped by name."""
    assert stories.classes == ("sea", "farm")
    assert np.allclose(logits(bert, stories.x), by_transformers["bert"][:, ::-1], atol=1e-5)
    assert (logits(bert, stories.x).argmax(1) == stories.y).mean() > 0.8


def test_pictures_are_answered_as_transformers_does(vit, pictures, by_transformers):
    assert np.allclose(logits(vit, pictures.x), by_transformers["vit"], atol=1e-5)
    x, y = pictures.arrays("train")
    assert (logits(vit, x).argmax(1) == y).mean() > 0.3  # of ten


def test_the_head_is_layers_and_the_rest_is_the_backbone(bert, vit):
    assert [layer.kind for layer in bert.layers] == ["dropout", "linear"]
    assert [layer.kind for layer in vit.layers] == ["linear"]
    assert bert.parameters == 2 * 32 + 2 and vit.parameters == 10 * 32 + 10
    p = bert.preprocessing
    assert (p.kind, p.fitted, p.backbone.width) == ("backbone", False, 32)
    assert p.backbone.about.parameters == 27_200 + 32 * (p.backbone.network.config.vocab_size - 215)


def test_the_backbone_holds_no_weight_of_the_head(bert, bert_folder, stories):
    from safetensors.torch import load_file

    kept = load_file(bert.preprocessing.backbone.folder / "model.safetensors")
    whole = load_file(bert_folder / "model.safetensors")
    assert set(whole) - set(kept) == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(value, whole[name]) for name, value in kept.items())


def test_features_are_of_each_record_alone(bert, stories):
    """Whatever the others are, to the last bit; a fresh backbone and another order say so."""
    backbone = bert.preprocessing.backbone
    found = backbone.features(stories.x)
    again = type(backbone)(backbone.folder, backbone.about, backbone.digest)
    rows = np.random.default_rng(0).permutation(len(stories))[:20]
    assert np.array_equal(again.features(stories.take(rows)), found[rows])
    assert found.dtype == np.float32 and found.shape == (len(stories), 32)


def test_training_again_is_training_the_head_on_features(bert, stories):
    """By hand: torch's own SGD on the features, without dropout."""
    plain = replace(bert, layers=bert.layers[1:])
    recipe = replace(RECIPE, dtype="float64", momentum=0.0, schedule="constant", batch=1000)
    model = training.refit(plain, stories, np.ones(len(stories), bool), recipe=recipe)
    rows = stories.rows("train")
    x = torch.tensor(bert.preprocessing.backbone.features(stories.take(rows))).double()
    start = training.refit(plain, stories, stories.split == 0, recipe=replace(recipe, lr=1e-8))
    head = torch.nn.Linear(32, 2).double()
    head.load_state_dict(dict(zip(("weight", "bias"), start.network.parameters(), strict=True)))
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1, weight_decay=1e-3)
    for _ in range(RECIPE.epochs):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(head(x), torch.tensor(stories.y[rows])).backward()
        optimiser.step()
    assert torch.allclose(head.weight, model.network.classifier.weight, atol=1e-6)


@pytest.mark.parametrize("which", ["bert", "vit"])
def test_many_are_bitwise_the_single_ones_and_dropout_does_not_mind(which, request):
    model = request.getfixturevalue(which)
    data = request.getfixturevalue({"bert": "stories", "vit": "pictures"}[which])
    keep = np.random.default_rng(1).random((3, len(data))) < 0.8
    stack = training.refit_many(model, data, keep, [0, 1, 2])
    for k, one in enumerate(stack.models):
        single = training.refit(model, data, keep[k], seed=k)
        z, w = logits(one, data.x), logits(single, data.x)
        assert np.allclose(z, w, atol=1e-5) and one.seen == single.seen
    assert stack.passes == (keep & (data.split == 0)).sum() * RECIPE.epochs


def test_a_removed_record_leaves_no_trace(bert, stories):
    forget = np.arange(len(stories)) < 9
    never = at(stories, np.flatnonzero(~forget))
    without = training.refit(bert, stories, ~forget)
    assert same(without, training.refit(bert, never, np.ones(len(never), bool)))
    assert not same(without, training.refit(bert, stories, np.ones(len(stories), bool)))


def test_the_last_layer_reads_the_features(bert, stories):
    found = features.activations(bert, stories.x)
    assert np.array_equal(found, bert.preprocessing.backbone.features(stories.x))


def test_it_is_saved_whole_and_needs_the_folder_no_more(bert_folder, stories, tmp_path):
    moved = shutil.copytree(bert_folder, tmp_path / "from")
    model = load_model(moved, stories, recipe=RECIPE)
    z = logits(model, stories.x)
    folder = save_model(model, tmp_path / "saved")
    shutil.rmtree(moved)
    fresh = load_model_folder(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert fresh.digest == model.digest
    backbone = fresh.preprocessing.backbone
    alone = type(backbone)(tmp_path / "elsewhere" / "backbone", backbone.about, backbone.digest)
    p = replace(fresh.preprocessing, backbone=alone)
    bare = replace(fresh, members=(replace(fresh.members[0], preprocessing=p),))
    assert np.array_equal(logits(bare, stories.x), z)


def test_models_share_what_they_stand_on(bert, stories, tmp_path):
    other = training.refit(bert, stories, np.ones(len(stories), bool), seed=5)
    found = [
        load_model_folder(save_model(m, tmp_path / f"{i}")) for i, m in enumerate((bert, other))
    ]
    assert found[0].preprocessing.backbone is found[1].preprocessing.backbone
    assert found[0].digest != found[1].digest


def test_a_damaged_backbone_is_refused(bert, tmp_path):
    folder = save_model(bert, tmp_path / "saved")
    backbone = bert.preprocessing.backbone
    path = folder / "backbone" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    damaged = type(backbone)(folder / "backbone", backbone.about, backbone.digest)
    with pytest.raises(BadModel, match=r"damaged or gone"):
        damaged.features(texts(10).x)


def test_own_labels_are_no_names(vit_folder, pictures):
    """LABEL_0 says nothing, so outputs stay in their order; a note says what is not known."""
    opened = open_model(vit_folder, pictures)
    assert any("unknown" in note for note in opened.notes)
    assert opened.model.lineage.trained_on == "unknown"


def test_what_does_not_fit_is_refused(bert_folder, vit_folder, stories, pictures):
    with pytest.raises(BadModel, match="sorts texts into classes"):
        load_model(bert_folder, pictures)
    three = replace(stories, classes=("a", "b", "c"))
    with pytest.raises(BadModel, match="2 classes, the dataset 3"):
        load_model(bert_folder, three)
    with pytest.raises(BadModel, match="regression"):
        load_model(bert_folder, texts(30, "regression"))
    wide = replace(pictures, x=np.zeros((len(pictures), 8, 8, 2), np.uint8))
    with pytest.raises(BadModel, match="channels"):
        load_model(vit_folder, wide)
