"""Preparing pictures: number by number what the library's own image processors on Pillow do."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.backbones.pictures import read_pictures

RNG = np.random.default_rng(0)
ODD = [(8, 8, 3), (13, 9, 3), (40, 33, 3), (5, 21, 3)]
VIT = {"do_resize": True, "size": {"height": 16, "width": 12}, "resample": 2, "do_rescale": True,
       "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.4, 0.5, 0.6],
       "image_std": [0.2, 0.3, 0.25]}  # fmt: skip
CLIP = {**VIT, "size": {"shortest_edge": 16}, "do_center_crop": True, "resample": 3,
        "crop_size": {"height": 14, "width": 14}}  # fmt: skip


def own(kind: str, settings: dict):
    transformers()
    if kind == "vit":
        from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil as Own
    else:
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil as Own
    return Own(**settings)


@pytest.mark.parametrize("shape", ODD)
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("vit", VIT),
        ("vit", {**VIT, "resample": 0}),
        ("vit", {**VIT, "resample": 1, "do_normalize": False}),
        ("vit", {**VIT, "do_resize": False}),
        ("clip", CLIP),
        ("clip", {**CLIP, "do_resize": False}),
        ("clip", {**CLIP, "crop_size": {"height": 15, "width": 20}}),
    ],
)
def test_equal_to_the_last_bit(kind, settings, shape):
    picture = RNG.integers(0, 256, shape).astype(np.uint8)
    wanted = own(kind, settings)(picture, input_data_format="channels_last")["pixel_values"][0]
    found = read_pictures(settings, 3).pixels(picture)
    assert found.dtype == np.float32 and np.array_equal(found, np.asarray(wanted))


def test_grey_pictures():
    settings = {**VIT, "image_mean": [0.5], "image_std": [0.5]}
    picture = RNG.integers(0, 256, (9, 9, 1)).astype(np.uint8)
    wanted = own("vit", settings)(picture, input_data_format="channels_last")["pixel_values"][0]
    assert np.array_equal(read_pictures(settings, 1).pixels(picture), np.asarray(wanted))
    thrice = read_pictures(VIT, 3).pixels(picture)
    assert np.array_equal(thrice, read_pictures(VIT, 3).pixels(np.repeat(picture, 3, axis=2)))


@pytest.mark.parametrize(
    "change",
    [
        {"size": {"height": 10**6, "width": 10**6}},
        {"size": {"height": 0, "width": 4}},
        {"size": {"longest_edge": 10}},
        {"size": "large"},
        {"resample": 99},
        {"do_pad": True},
        {"crop_pct": 0.9},
        {"image_mean": [0.5]},
        {"image_std": [0.5, 0.5, 0.0]},
        {"image_std": [0.5, 0.5, float("nan")]},
        {"rescale_factor": "big"},
    ],
)
def test_what_is_not_known_is_refused(change):
    with pytest.raises(BadModel):
        read_pictures({**VIT, **change}, 3)


def test_a_strip_of_a_picture_does_not_fill_the_memory():
    with pytest.raises(BadModel, match="too long and narrow"):
        read_pictures({**CLIP, "size": {"shortest_edge": 1024}}, 3).pixels(
            np.zeros((1, 1000, 3), np.uint8)
        )
