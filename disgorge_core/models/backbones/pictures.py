"""Pictures as a Hugging Face model reads them: resized, cropped, scaled as preprocessor_config.json says.

The arithmetic is that of the library's own image processors on Pillow, number by number, which need no
torchvision: Pillow resizes bytes, `bytes * factor` is rounded once, then `(value - mean) / deviation` in
float32. What such a file can say beyond that (padding, other crops) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from disgorge_core.errors import BadModel
from disgorge_core.types import Array

MOST_SIDE = 1024
KNOWN = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"}
REMEDY = "Bring a model whose pictures are resized, cropped at the centre, scaled and normalised."
Size = tuple[int, int]  # height, width


@dataclass(frozen=True, eq=False)
class Pictures:
    """What happens to a picture (height, width, channels) of bytes; None where a step is left out."""

    channels: int
    size: Size | None = None  # of the whole picture
    shortest: int | None = None  # instead: of its shorter side
    resample: int = int(Image.Resampling.BILINEAR)
    crop: Size | None = None
    factor: float | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] = ()

    def pixels(self, picture: Array) -> Array:
        """The network's input (channels, height, width) float32; raises BadModel."""
        z = cropped(self._resized(self._coloured(picture)), self.crop)
        z = np.moveaxis(z, -1, 0).astype(np.float64)
        if self.factor is not None:
            z = z * self.factor
        z = z.astype(np.float32)
        if self.mean is not None:
            mean, deviation = (np.array(v, np.float32) for v in (self.mean, self.deviation))
            z = (z - mean[:, None, None]) / deviation[:, None, None]
        return np.ascontiguousarray(z)

    def resized_to(self, height: int, width: int) -> Size:
        """What a picture's sides become before it is cropped."""
        if self.shortest is None:
            return self.size or (height, width)
        long = int(self.shortest * max(height, width) / min(height, width))
        if long > 8 * MOST_SIDE:
            raise BadModel("A picture is too long and narrow for this model.", "Crop it.")
        return (self.shortest, long) if height <= width else (long, self.shortest)

    def _coloured(self, picture: Array) -> Array:
        """Grey pictures become coloured ones of three equal channels, where the network wants that."""
        if picture.shape[2] == self.channels:
            return picture
        if picture.shape[2] != 1 or self.channels != 3:
            raise BadModel(
                f"The network reads pictures of {self.channels} channels, the dataset's have"
                f" {picture.shape[2]}.",
                "Bring a model for such pictures.",
            )
        return np.repeat(picture, 3, axis=2)

    def _resized(self, picture: Array) -> Array:
        height, width = self.resized_to(*picture.shape[:2])
        if self.size is None and self.shortest is None:
            return picture
        image = Image.fromarray(picture[..., 0] if self.channels == 1 else picture)
        found = np.asarray(image.resize((width, height), Image.Resampling(self.resample)))
        return found.reshape(height, width, self.channels)


def cropped(picture: Array, size: Size | None) -> Array:
    """The middle of a picture (height, width, channels), with black where it does not reach."""
    if size is None:
        return picture
    for axis, (side, wanted) in enumerate(zip(picture.shape[:2], size, strict=True)):
        lack = max(0, wanted - side)
        pad = [(0, 0)] * 3
        pad[axis] = ((lack + 1) // 2, lack - (lack + 1) // 2)
        start = (side + lack - wanted) // 2
        picture = np.pad(picture, pad).take(range(start, start + wanted), axis)
    return picture


def read_pictures(said: Mapping[str, Any], channels: int) -> Pictures:
    """The steps of a preprocessor_config.json; raises BadModel for those that are not known here."""
    odd = [k for k, v in said.items() if k.startswith("do_") and v and k not in KNOWN]
    odd += [k for k in ("crop_pct", "rescale_offset", "size_divisor") if said.get(k)]
    if odd:
        raise BadModel(
            f"Pictures are prepared by a step {odd[0]!a} that is not known here.", REMEDY
        )
    size, shortest = _size(said) if said.get("do_resize") else (None, None)
    crop = _sides(said.get("crop_size")) if said.get("do_center_crop") else None
    factor = _number(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale") else None
    normalise = bool(said.get("do_normalize"))
    mean, deviation = (
        _each(said.get(name), channels) if normalise else None
        for name in ("image_mean", "image_std")
    )
    if deviation and min(deviation) <= 0:
        raise BadModel("A deviation of pixels is not positive.", REMEDY)
    resample = _resample(said.get("resample", int(Image.Resampling.BILINEAR)))
    return Pictures(channels, size, shortest, resample, crop, factor, mean, deviation or ())


def _size(said: Mapping[str, Any]) -> tuple[Size | None, int | None]:
    size = said.get("size")
    if isinstance(size, dict) and size.keys() == {"shortest_edge"}:
        return None, _side(size["shortest_edge"])
    return _sides(size), None


def _sides(size: Any) -> Size:
    if isinstance(size, int):
        return _side(size), _side(size)
    if isinstance(size, dict) and size.keys() == {"height", "width"}:
        return _side(size["height"]), _side(size["width"])
    raise BadModel(f"The size of pictures is given as {str(size)[:40]!a}.", REMEDY)


def _side(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SIDE:
        raise BadModel(f"A side of pictures is {str(value)[:40]!a}.", f"Sides end at {MOST_SIDE}.")
    return value


def _each(values: Any, channels: int) -> tuple[float, ...]:
    """One number for each channel, or one for all."""
    given: Sequence[Any] = values if isinstance(values, list) else [values] * channels
    if len(given) != channels:
        raise BadModel(
            f"There are {len(given)} means or deviations for {channels} channels.", REMEDY
        )
    return tuple(_number(value) for value in given)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise BadModel(f"{str(value)[:40]!a} stands where a number should.", REMEDY)
    return float(value)


def _resample(value: Any) -> int:
    if value not in {int(kind) for kind in Image.Resampling}:
        raise BadModel(f"Pictures are resized by a filter {str(value)[:40]!a}.", REMEDY)
    return int(value)
