"""Raw records → network input. What is fitted is fitted to the records that a model may see, only.

A column that never varies gets scale 1 after its mean is taken off, so nothing divides by zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data import words
from disgorge_core.types import Array, Backbone, Column, Dataset, Preprocessing


def fit(data: Dataset, rows: Array) -> Preprocessing:
    """Fit to the records of these rows: known words or categories, mean and standard deviation."""
    x = data.take(rows)
    if data.kind == "image":
        return fit_pixels(pixel_sums(x), x.shape[1] * x.shape[2])
    if data.kind == "text":
        name = str(x.columns[0])
        return of_words(name, words.known_of(*words.read(texts_of(x, name), words.LENGTH)))
    columns = columns_of(x)
    return fit_encoded(encode_table(x, columns), columns)


def columns_of(x: pd.DataFrame, like: Sequence[Column] = ()) -> tuple[Column, ...]:
    """The columns of a table, or those of `like`, with the categories that these records hold."""
    if like:
        return tuple(_column(x[c.name], c.values is not None) for c in like)
    return tuple(_column(x[name], _is_category(x[name])) for name in x.columns)


def fit_encoded(z: Array, columns: tuple[Column, ...], scaling: str = "standard") -> Preprocessing:
    """Fit to encoded columns (n, d), by the scaling of `Preprocessing`."""
    shift, scale = _ranges(z) if scaling == "range" else _moments(z)
    fixed = unscaled(columns, scaling)
    shift, scale = np.where(fixed, 0.0, shift), np.where(fixed, 1.0, scale)
    return Preprocessing("table", shift, scale, columns, scaling=scaling)


def unscaled(columns: Sequence[Column], scaling: str) -> Array:
    """Bool (d,): which encoded columns a scaling leaves as they are."""
    categories = [np.full(column.width, column.values is not None) for column in columns]
    inside = np.concatenate(categories) if categories else np.zeros(0, dtype=bool)
    return {"standard": inside & False, "none": inside | True}.get(scaling, inside)


def pixel_sums(x: Array) -> Array:
    """Sums of pixels and of their squares for each picture: (n, 2, channels) int64, without rounding."""
    squares = np.square(x, dtype=np.uint16)
    return np.stack([z.sum((1, 2), dtype=np.int64) for z in (x, squares)], axis=1)


def fit_pixels(sums: Array, pixels: int) -> Preprocessing:
    """Fit to pictures of that many pixels, from their sums; the order of the pictures plays no part."""
    count = max(1, pixels * len(sums))
    total, squares = (sums.sum(0).astype(object)[part] for part in (0, 1))
    mean = (total / count).astype(np.float64)
    std = np.sqrt(((squares * count - total**2) / count**2).astype(np.float64))
    return Preprocessing("image", mean, 1 / np.where(std > 0, std, 1.0))


def of_words(name: str, known: Sequence[str], length: int = words.LENGTH) -> Preprocessing:
    """A reader of the texts of a column that knows these words."""
    none = np.zeros(0)
    return Preprocessing("text", none, none, (Column(name, tuple(known)),), length=length)


def texts_of(x: pd.DataFrame, name: str) -> list[str]:
    """The texts of a column."""
    return [str(text) for text in x[name]]


def fixed_pixels(
    channels: int, mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Preprocessing:
    """Pixels / 255, then (value - mean) / std, all stated in advance."""
    shift = 255.0 * np.array(mean or [0.0] * channels)
    return Preprocessing(
        "image", shift, 1 / (255.0 * np.array(std or [1.0] * channels)), fitted=False
    )


def fixed_numbers(names: Sequence[str]) -> Preprocessing:
    """The numbers of a table as they are."""
    columns = tuple(Column(str(name)) for name in names)
    return Preprocessing(
        "table", np.zeros(len(columns)), np.ones(len(columns)), columns, fitted=False
    )


def behind(backbone: Backbone) -> Preprocessing:
    """The preprocessing of a network that reads what a fixed one gives for a record."""
    zeros, ones = np.zeros(backbone.width), np.ones(backbone.width)
    return Preprocessing("backbone", zeros, ones, fitted=False, backbone=backbone)


def transform(p: Preprocessing, x: Any, dtype: str = "float32") -> Array:
    """Network input: pictures (n, channels, height, width), tables (n, encoded columns).

    Texts become word numbers (n, length) int64, whatever the number format; behind a backbone either
    becomes its features (n, width).
    """
    if p.backbone:
        return p.backbone.features(x).astype(dtype)
    if p.kind == "image":
        z = (np.asarray(x, dtype=np.float64) - p.shift) * p.scale
        return np.ascontiguousarray(z.transpose(0, 3, 1, 2), dtype=dtype)
    if p.kind == "text":
        column = p.columns[0]
        texts = texts_of(x, column.name)
        return words.numbered(texts, column.values or (), p.length).astype(np.int64)
    z = (encode_table(x, p.columns) - p.shift) * p.scale
    return np.nan_to_num(z, nan=0.0).astype(dtype)


def input_shape(p: Preprocessing, raw: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one network input, given the shape of one raw record.

    Texts: (words read, numbers that a word can have), as if each word were one-hot.
    """
    if p.backbone:
        return (p.backbone.width,)
    if p.kind == "image":
        return (raw[2], raw[0], raw[1])
    if p.kind == "text":
        return (p.length, words.FIRST + p.columns[0].width)
    return (sum(column.width for column in p.columns),)


def encode_table(x: pd.DataFrame, columns: Sequence[Column]) -> Array:
    """Encoded columns (n, d) float64: numbers as they are (missing NaN), categories one-hot."""
    parts = [_encode(x[column.name], column) for column in columns]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(x), 0))


def _encode(values: pd.Series, column: Column) -> Array:
    if column.values is None:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]
    known = pd.Index(list(column.values), dtype="string")
    codes = known.get_indexer(pd.Index(values.astype("string")))
    return (codes[:, None] == np.arange(len(column.values))[None]).astype(np.float64)


def _is_category(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def _column(values: pd.Series, category: bool) -> Column:
    if not category:
        return Column(str(values.name))
    seen = values.dropna().astype("string").unique()
    return Column(str(values.name), tuple(sorted(map(str, seen))))


def _moments(z: Array) -> tuple[Array, Array]:
    known = ~np.isnan(z) if z.dtype.kind == "f" else np.ones(z.shape, bool)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, z, 0).sum(0, dtype=np.float64) / count
    spread = np.where(known, z - mean, 0)
    std = np.sqrt((spread**2).sum(0) / count)
    return mean, 1 / np.where(std > 1e-12 * (1 + np.abs(mean)), std, 1.0)


def _ranges(z: Array) -> tuple[Array, Array]:
    """Least value and one over the range of what is known; 1 for a column that never varies."""
    known = ~np.isnan(z)
    low = np.where(known, z, np.inf).min(0, initial=np.inf)
    width = np.where(known, z, -np.inf).max(0, initial=-np.inf) - low
    varies = np.isfinite(low) & (width > 0)
    return np.where(np.isfinite(low), low, 0.0), 1 / np.where(varies, width, 1.0)
