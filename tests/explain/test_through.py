"""Attributions through a backbone: what they must add up to, and hiding parts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from disgorge_core.explain.through import ThroughPieces, ThroughPixels
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.registry import VIEWS
from tests import tiny_models
from tests.training.small import digits
from tests.training.small_texts import texts

TOLD = ["The captain's ship, in a storm!", "Farmer: wheat and rain.", "wheat"]


def told(sentences=TOLD) -> pd.DataFrame:
    return pd.DataFrame({"story": pd.Series(sentences, dtype="str")})


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    data = texts(40)
    folder = tmp_path_factory.mktemp("bert") / "m"
    return load_model(
        tiny_models.bert(folder, [*data.x["story"], *TOLD], [*data.y, 0, 1, 1], data.classes), data
    )


@pytest.fixture(scope="module", params=["same size", "resized and cropped"])
def vit(request, tmp_path_factory):
    data = digits(60)
    folder = tmp_path_factory.mktemp("vit") / "m"
    tiny_models.vit(folder, data, [str(n) for n in range(10)], steps=40)
    if request.param != "same size":
        crop = {"do_center_crop": True, "crop_size": {"height": 8, "width": 8}, "resample": 3}
        tiny_models.write_pictures(folder, (11, 12), 1, **crop)
    return load_model(folder, data), data


def log_odds(z, target):
    p = torch.as_tensor(z).double().softmax(-1).numpy()[np.arange(len(z)), target]
    return np.log(p / (1 - p))


def test_words_add_up_to_what_padding_lacks(bert):
    """By transformers alone: the same text with every piece but its frame replaced by [PAD]."""
    target = np.array([0, 1, 0])
    found = VIEWS["integrated_gradients"](steps=400).attribute(bert, told(), target)
    assert found.shape == (3, 6)
    backbone = bert.preprocessing.backbone
    for text, code, values in zip(TOLD, target, found, strict=True):
        ids = torch.tensor([backbone.reader.numbers(text)])
        empty = ids.clone()
        empty[:, 1:-1] = 0
        with torch.inference_mode():
            z = [
                bert.network(backbone.given(input_ids=i, attention_mask=torch.ones_like(i)))
                for i in (ids, empty)
            ]
        whole, padded = (log_odds(one, [code])[0] for one in z)
        assert np.isclose(values.sum(), whole - padded, atol=0.02 * max(1, abs(whole - padded)))
        assert not values[len(text.split()) :].any() or text == TOLD[0]


def test_pieces_belong_to_the_words_that_are_shown(bert):
    way = ThroughPieces(bert.preprocessing.backbone, bert.network, TOLD[0])
    pieces = bert.preprocessing.backbone.reader.tokenizer.encode(TOLD[0]).tokens
    found: dict[int, str] = {}
    for piece, word in zip(pieces, way.word.tolist(), strict=True):
        found[word] = found.get(word, "") + piece.removeprefix("##")
    assert found == {
        -1: "[CLS][SEP]",
        0: "the",
        1: "captain's",
        2: "ship,",
        3: "in",
        4: "a",
        5: "storm!",
    }


def test_a_word_that_is_left_out(bert):
    found = VIEWS["occlusion"]().attribute(bert, told(["ship storm wheat"]), np.array([1]))
    whole = log_odds(logits(bert, told(["ship storm wheat"])), [1])[0]
    for place, rest in enumerate(["storm wheat", "ship wheat", "ship storm"]):
        assert np.isclose(
            found[0, place], whole - log_odds(logits(bert, told([rest])), [1])[0], atol=1e-5
        )


def test_a_text_without_words(bert):
    for view in VIEWS.values():
        assert not view().attribute(bert, told(["?!"]), np.array([0])).any()


def test_the_way_gives_the_model_s_own_answer(bert, vit):
    model, data = vit
    backbone = model.preprocessing.backbone
    for picture in data.x[:5]:
        way = ThroughPixels(backbone, model.network, picture)
        z = way(way.start).detach().numpy()
        assert np.allclose(z, logits(model, picture[None]), atol=1e-4)
    way = ThroughPieces(bert.preprocessing.backbone, bert.network, TOLD[0])
    assert np.allclose(way(way.start).detach().numpy(), logits(bert, told(TOLD[:1])), atol=1e-5)


def test_pixels_add_up_to_what_plain_grey_lacks(vit):
    model, data = vit
    x, target = data.x[:3], data.y[:3]
    found = VIEWS["integrated_gradients"](steps=300).attribute(model, x, target)
    assert found.shape == (3, 8, 8)
    grey = torch.zeros(1, 1, 8, 8)  # what a pixel of half brightness becomes
    with torch.inference_mode():
        plain = model.network(model.preprocessing.backbone.given(pixel_values=grey)).numpy()
    wanted = log_odds(logits(model, x), target) - log_odds(plain.repeat(3, 0), target)
    assert np.allclose(found.sum((1, 2)), wanted, atol=0.05 * np.abs(wanted).max())


def test_hidden_squares_of_a_picture(vit):
    model, data = vit
    found = VIEWS["occlusion"](patch=4).attribute(model, data.x[:2], data.y[:2])
    hidden = np.array(data.x[:1], dtype=float)
    hidden[:, :4, 4:] = 127.5
    backbone = model.preprocessing.backbone
    way = ThroughPixels(backbone, model.network, data.x[0])
    z = way(torch.tensor(hidden).permute(0, 3, 1, 2).float() - way.plain).detach().numpy()
    fall = log_odds(logits(model, data.x[:1]), data.y[:1]) - log_odds(z, data.y[:1])
    assert np.allclose(found[0, :4, 4:], fall, atol=1e-4)


def test_a_backbone_that_was_first_used_without_gradients(vit):
    model, data = vit
    old = model.preprocessing.backbone
    fresh = type(old)(old.folder, old.about, old.digest)
    p = replace(model.preprocessing, backbone=fresh)
    again = replace(model, members=(replace(model.members[0], preprocessing=p),))
    logits(again, data.x[:3])
    assert VIEWS["integrated_gradients"](steps=8).attribute(again, data.x[:1], data.y[:1]).any()


def test_shards_are_averaged(bert):
    twice = replace(bert, members=bert.members * 2)
    one, two = (
        VIEWS["integrated_gradients"](steps=16).attribute(m, told(), np.zeros(3, int))
        for m in (bert, twice)
    )
    assert np.allclose(one, two)


def test_colours_have_a_plain_colour_of_their_own(tmp_path):
    from tests.models.backbones import families
    from tests.models.backbones.test_families import three_classes

    transformers()
    families.made(tmp_path / "m", "vit")
    tiny_models.write_pictures(tmp_path / "m", (8, 8), 3, image_mean=[0.2, 0.4, 0.6])
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    model = load_model(tmp_path / "m", three_classes(x, "image"))
    way = ThroughPixels(model.preprocessing.backbone, model.network, x[0])
    assert np.allclose(way.plain.flatten(), [51, 102, 153])
    assert VIEWS["integrated_gradients"](steps=8).attribute(model, x, np.zeros(3, int)).shape == (
        3,
        8,
        8,
    )
