"""All of a Hugging Face model as the trained network, held against transformers and a plain torch loop."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

import disgorge_core as dg
from disgorge_core import compute, training, verbs
from disgorge_core.curvature.sites import coverage
from disgorge_core.errors import BadModel
from disgorge_core.explain.through import through
from disgorge_core.models.backbones.backbone import records_of
from disgorge_core.models.backbones.leaving import pretrained_bytes, why_no_pretrained
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.backbones.whole import Whole, whole_of
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.training import alone
from disgorge_core.training.order import by_key, epoch_order
from disgorge_core.types import Model, Recipe, Tier, silent
from disgorge_core.words import RESERVATIONS

RECIPE = Recipe(epochs=2, lr=3e-3, batch=13, optimiser="adam", l2=1e-3)
EXACT = replace(RECIPE, dtype="float64")


def whole_model(folder, data, recipe=RECIPE) -> Model:
    return whole_of(load_model(folder, data), data, recipe)


@pytest.fixture(scope="module")
def bert(bert_folder, stories) -> Model:
    return whole_model(bert_folder, stories)


@pytest.fixture(scope="module")
def vit(vit_folder, pictures) -> Model:
    return whole_model(vit_folder, pictures)


@pytest.fixture(scope="module")
def trained(bert, stories) -> Model:
    return training.refit(bert, stories, np.ones(len(stories), bool))


@pytest.fixture(scope="module")
def forget(stories):
    return dg.ForgetSet.of(stories, stories.ids[stories.rows("train")[:6]])


# --- against transformers itself ----------------------------------------------------------------


def read_by_transformers(folder, data, rows):
    """The library's own inputs: padded texts with their mask, or prepared pictures."""
    library = transformers()
    if data.kind == "text":
        cut = library.AutoTokenizer.from_pretrained(folder)
        told = list(data.x["story"].iloc[rows])
        return dict(cut(told, truncation=True, max_length=64, padding=True, return_tensors="pt"))
    prepare = library.AutoImageProcessor.from_pretrained(folder, backend="pil")
    return dict(prepare(list(np.asarray(data.x)[rows]), return_tensors="pt"))


def by_a_plain_loop(folder, data, keep, recipe: Recipe, head: dict, seed: int):
    """transformers' own class in evaluation mode, torch's own Adam, the batches of the order of ids."""
    library = transformers()
    auto = {
        "text": library.AutoModelForSequenceClassification,
        "image": library.AutoModelForImageClassification,
    }[data.kind]
    network = auto.from_pretrained(folder, attn_implementation="eager").double().eval()
    network.load_state_dict(head, strict=False)
    rate = torch.optim.Adam(
        network.parameters(), lr=1.0, betas=(recipe.momentum, 0.999), weight_decay=recipe.l2
    )
    rows = by_key(data.keys, np.flatnonzero(keep & (data.split == 0)))
    steps = recipe.epochs * -(-len(rows) // recipe.batch)
    done = 0
    for epoch in range(recipe.epochs):
        order = rows[epoch_order(data.keys[rows], seed, epoch)]
        for start in range(0, len(order), recipe.batch):
            batch = order[start : start + recipe.batch]
            given = read_by_transformers(folder, data, batch)
            given = {k: v.double() if v.is_floating_point() else v for k, v in given.items()}
            rate.param_groups[0]["lr"] = recipe.lr * (1 + np.cos(np.pi * done / steps)) / 2
            rate.zero_grad()
            answer = network(**given).logits
            torch.nn.functional.cross_entropy(answer, torch.tensor(data.y[batch]).long()).backward()
            rate.step()
            done += 1
    return network


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_reference_is_that_of_a_plain_loop_over_transformers(
    kind, bert_folder, vit_folder, stories, pictures
):
    folder, data = {"text": (bert_folder, stories), "image": (vit_folder, pictures)}[kind]
    model = whole_model(folder, data, EXACT)
    keep = np.ones(len(data), bool)
    keep[data.rows("train")[:5]] = False
    found = training.refit_many(model, data, keep[None], [7], workers=1).models[0]
    drawn = model.network.at_start(7).network.state_dict()
    head = {k: v for k, v in drawn.items() if k.startswith("classifier.")}
    assert len(head) == 2
    with compute.threads(EXACT.threads):  # sums of other lengths round otherwise
        plain = by_a_plain_loop(folder, data, keep, EXACT, head, 7)
    own = found.network.network.state_dict()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(own[name], value, rtol=0, atol=1e-9)
    moved = [(own[k] - drawn[k]).abs().max() for k in own if ".0.attention." in k]
    assert max(moved) > 1e-3  # the depths of the network learn, not its head alone
    x = read_by_transformers(folder, data, np.arange(20))
    x = {k: v.double() if v.is_floating_point() else v for k, v in x.items()}
    with torch.inference_mode():
        expected = plain(**x).logits.numpy()
    np.testing.assert_allclose(logits(found, data.take(np.arange(20))), expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_it_goes_back_as_a_folder_that_transformers_opens(
    kind, bert, vit, stories, pictures, tmp_path
):
    model, data = {"text": (bert, stories), "image": (vit, pictures)}[kind]
    model = training.refit(model, data, np.ones(len(data), bool))
    assert why_no_pretrained(model) is None
    with zipfile.ZipFile(io.BytesIO(pretrained_bytes(model, "card"))) as packed:
        packed.extractall(tmp_path)
    library, rows = transformers(), np.arange(16)
    auto = {
        "text": library.AutoModelForSequenceClassification,
        "image": library.AutoModelForImageClassification,
    }[kind]
    again, said = auto.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not said["missing_keys"] and not said["unexpected_keys"]
    given = read_by_transformers(tmp_path / "model", data, rows)
    with torch.inference_mode():
        found = again.eval()(**given).logits.numpy()
    np.testing.assert_allclose(found, logits(model, data.take(rows)), atol=1e-5)
    assert tuple(again.config.id2label.values()) == model.classes


# --- training -----------------------------------------------------------------------------------


def test_it_learns(trained, stories):
    longer = training.refit(
        trained, stories, np.ones(len(stories), bool), recipe=replace(RECIPE, epochs=8)
    )
    x, y = stories.arrays("test")
    assert (logits(longer, x).argmax(1) == y).mean() >= 0.8
    assert longer.lineage.trained_on == "known" and len(longer.seen) == len(stories.rows("train"))


def test_a_seed_gives_the_same_bits_here_and_on_its_way_to_processes(bert, stories, monkeypatch):
    """What a worker gets is what lies in bytes; that processes train alike is `compute`'s own test."""

    def sent(function, tasks, **_):
        return [function(pickle.loads(pickle.dumps(t)), silent) for t in tasks]  # noqa: S301

    monkeypatch.setattr(alone.compute, "map", sent)
    keep = np.ones((2, len(stories)), bool)
    keep[1, stories.rows("train")[:6]] = False
    recipe = replace(RECIPE, epochs=1)
    apart = training.refit_many(bert, stories, keep, [3, 4], recipe=recipe, workers=2).models
    here = training.refit_many(bert, stories, keep, [3, 4], recipe=recipe, workers=1).models
    assert [m.digest for m in apart] == [m.digest for m in here]
    other = training.refit(bert, stories, keep[0], recipe=recipe, seed=5)
    assert other.digest != here[0].digest


def test_training_starts_from_what_came_whatever_was_trained_before(trained, bert, stories):
    every = np.ones(len(stories), bool)
    assert training.refit(trained, stories, every).digest == trained.digest
    fresh = trained.network.at_start(0).network.state_dict()
    came = bert.preprocessing.backbone.start.network.state_dict()
    same = [k for k in came if torch.equal(came[k].double(), fresh[k])]
    assert set(came) - set(same) == {"classifier.weight", "classifier.bias"}


def test_no_dropout_plays_a_part(bert, stories):
    network = bert.network.train()
    x = torch.from_numpy(bert.preprocessing.backbone.features(stories.x[:4]))
    assert not any(m.training for m in network.modules())
    assert torch.equal(network(x), network(x))


def test_nothing_of_the_removed_texts_reaches_a_reference(bert, stories):
    """A text of the forgotten is replaced: the models without it are the same to the last bit."""
    keep = np.ones(len(stories), bool)
    row = stories.rows("train")[0]
    keep[row] = False
    x = stories.x.copy()
    x.iloc[row, 0] = "quicksilver " * 40
    recipe = replace(RECIPE, epochs=1)
    found = [
        training.refit(bert, data, keep, recipe=recipe).digest
        for data in (stories, replace(stories, x=x))
    ]
    assert found[0] == found[1]


# --- its life here ------------------------------------------------------------------------------


def test_it_is_saved_and_read_back(trained, stories, tmp_path):
    again = load_model_folder(save_model(trained, tmp_path / "saved"))
    assert again.digest == trained.digest and isinstance(again.network, Whole)
    assert np.array_equal(logits(again, stories.x), logits(trained, stories.x))
    exact = training.refit(
        again, stories, np.ones(len(stories), bool), recipe=replace(EXACT, epochs=1)
    )
    back = load_model_folder(save_model(exact, tmp_path / "exact"))
    assert back.digest == exact.digest


@pytest.mark.parametrize("shape", [[1, 8, 8], [-1, 64], ["a"], 3])
def test_a_folder_that_says_odd_things_is_damaged(shape, trained, tmp_path):
    place = save_model(trained, tmp_path / "saved")
    about = json.loads((place / "model.json").read_text())
    about["members"][0]["shape"] = shape
    (place / "model.json").write_text(json.dumps(about))
    with pytest.raises(BadModel, match="damaged"):
        load_model_folder(place)


def test_a_retrained_network_claims_no_more_than_its_start_allows(trained, stories, forget):
    found = dg.disgorge(trained, stories, forget, "retrain", seed=3)
    assert found.tier is Tier.EMPIRICAL and RESERVATIONS["start kept"] in found.claim
    assert set(found.model.seen) == set(trained.seen) - set(forget.ids)
    tuned = dg.disgorge(trained, stories, forget, "finetune", seed=3)
    assert tuned.tier is Tier.EMPIRICAL and RESERVATIONS["start unknown"] in tuned.claim
    assert tuned.effect == "moved"


def test_a_guard_stands_before_the_last_layer(trained, stories, forget):
    found = dg.disgorge(trained, stories, forget, "guard")
    assert found.tier is Tier.SUPPRESSED
    gone = forget.mask(stories)
    assert (logits(found.model, stories.take(np.flatnonzero(gone))) == 0).all()


@pytest.mark.parametrize("kind", ["text", "image"])
def test_views_look_through_all_of_it(kind, trained, vit, stories, pictures):
    model, data = {"text": (trained, stories), "image": (vit, pictures)}[kind]
    x = data.take(np.arange(1))
    way, _ = through(model.members[0], model.network, records_of(x)[0])
    with torch.no_grad():
        np.testing.assert_allclose(way(way.start).numpy(), logits(model, x), atol=1e-5)


def test_influence_says_what_curvature_covers(trained, stories):
    found = verbs.influence(trained, stories, "test", estimator="ekfac")
    assert found.matrix.std() > 0 and np.isfinite(found.matrix).all()
    state = dict(trained.network.named_parameters())
    inside = [v for n, v in state.items() if v.ndim == 2 and "embeddings" not in n]
    biases = [
        state[n[:-6] + "bias"] for n, v in state.items() if v.ndim == 2 and "embeddings" not in n
    ]
    share = sum(v.numel() for v in [*inside, *biases]) / trained.parameters
    assert found.notes == (coverage(trained.network),)
    assert f"covers {share:.0%} of" in found.notes[0] and "Embedding, LayerNorm" in found.notes[0]


def test_layers_that_mix_records_are_not_measured(trained):
    """A layer that runs on something shared by all records is no sum over records."""
    names = trained.network.measured()
    assert len(names) == 2 * 6 + 2 and all("embeddings" not in name for name in names)
