"""What trainings read: the raw records of one dataset as plain arrays, and batches made from them.

The arithmetic is that of `data.preprocessing.transform`, number by number, in float64. Texts are read once,
over all words that any of the used records holds; each model looks up its own words among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from disgorge_core.data import preprocessing, words
from disgorge_core.training.order import FLIP, SHIFT, drawn, uniform
from disgorge_core.types import Array, Backbone, Column, Dataset, Preprocessing, Recipe

BACKBONE = "backbone"
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, eq=False)
class Inputs:
    """Raw records: pictures uint8 (n, channels, height, width), tables (n, encoded columns) float64.

    Texts: word numbers (n, length) int32; rows that are not used hold no word. Kind "backbone": features
    (n, width) float32 of records that are used, zeros of others.
    """

    raw: Array
    y: Array
    keys: Array
    kind: str
    task: str
    columns: tuple[Column, ...] = ()


def of_dataset(
    data: Dataset,
    rows: Array,
    stated: Preprocessing | None = None,
    like: Sequence[Column] = (),
) -> Inputs:
    """Inputs of a dataset; the categories or words are those that were stated, or that these rows hold.

    `like` names the columns of a table that a model reads; left out, it reads all.
    """
    columns: tuple[Column, ...] = ()
    if stated and stated.backbone:
        return Inputs(
            _features(data, rows, stated.backbone), data.y, data.keys, BACKBONE, data.task
        )
    if data.kind == "image":
        raw = np.ascontiguousarray(np.asarray(data.x).transpose(0, 3, 1, 2))
    elif data.kind == "text":
        raw, columns = _texts(data, rows, stated)
    else:
        columns = stated.columns if stated else preprocessing.columns_of(data.take(rows), like)
        raw = preprocessing.encode_table(data.x, columns)
    return Inputs(raw, data.y, data.keys, data.kind, data.task, columns)


def _features(data: Dataset, rows: Array, backbone: Backbone) -> Array:
    raw = np.zeros((len(data), backbone.width), dtype=np.float32)
    raw[rows] = backbone.features(data.take(rows))
    return raw


def _texts(
    data: Dataset, rows: Array, stated: Preprocessing | None
) -> tuple[Array, tuple[Column, ...]]:
    x = data.take(rows)
    name = str(x.columns[0])
    texts = preprocessing.texts_of(x, name)
    if stated:
        columns, length = stated.columns, stated.length
        numbers = words.numbered(texts, columns[0].values or (), length)
    else:
        length = words.LENGTH
        numbers, known = words.read(texts, length)
        columns = (Column(name, known),)
    raw = np.zeros((len(data), length), dtype=np.int32)
    raw[rows] = numbers
    return raw, columns


def own_words(p: Preprocessing, inputs: Inputs, numbers: Array) -> Array:
    """Word numbers of the inputs as the numbers that a model knows these words by."""
    if p.columns == inputs.columns:
        return numbers
    table = words.look_up(p.columns[0].values or (), inputs.columns[0].values or ())
    return np.take(table, numbers)


def read_by(inputs: Inputs, p: Preprocessing) -> Inputs:
    """The inputs as one model reads them: texts in its own words, so that they are looked up once."""
    if inputs.kind != "text":
        return inputs
    return replace(inputs, raw=own_words(p, inputs, inputs.raw), columns=p.columns)


def positions(own: Sequence[Column], columns: Sequence[Column]) -> Array:
    """Where each encoded column of a model stands among the encoded columns of the inputs."""
    start, index = {}, 0
    for column in columns:
        start[column.name] = (index, column)
        index += column.width
    found = [_places(column, *start[column.name]) for column in own]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _places(column: Column, first: int, known: Column) -> Array:
    if column.values is None or known.values is None:
        return np.array([first])
    place = {value: first + number for number, value in enumerate(known.values)}
    return np.array([place[value] for value in column.values], dtype=np.int64)


def normalised(raw: Array, shift: Array, scale: Array, dtype: str) -> Tensor:
    """Network input of raw records, by a shift and a scale that broadcast against them.

    The copy lies in torch's own memory, aligned alike each time: matrix products may round differently
    at another alignment.
    """
    z = raw.astype(np.float64)
    z -= shift
    z *= scale
    if raw.dtype.kind == "f":
        np.copyto(z, 0.0, where=np.isnan(z))
    return torch.from_numpy(z).to(DTYPES[dtype], copy=True)


def network_input(p: Preprocessing, inputs: Inputs, raw: Array, dtype: str) -> Tensor:
    """Network input of raw records of the inputs, by the preprocessing of one model."""
    if inputs.kind == "image":
        return normalised(raw, p.shift[:, None, None], p.scale[:, None, None], dtype)
    if inputs.kind == "text":
        longest = max(1, int((raw != words.NONE).any(0).sum()))  # what follows is empty
        return torch.from_numpy(own_words(p, inputs, raw[:, :longest]).astype(np.int64))
    if inputs.kind == BACKBONE:
        return normalised(raw, p.shift, p.scale, dtype)
    own = np.take(raw, positions(p.columns, inputs.columns), axis=1)
    return normalised(own, p.shift, p.scale, dtype)


def changed(pictures: Array, keys: Array, augment: str, seed: int, epoch: int) -> Array:
    """Pictures (m, c, h, w) moved by up to an eighth of their side, and mirrored, as each key says.

    What is moved in repeats the border, so that no colour is invented.
    """
    _, _, height, width = pictures.shape
    down, right = np.arange(height)[None], np.arange(width)[None]
    if "flip" in augment:
        mirror = drawn(keys, seed, epoch, FLIP)[:, None] % np.uint64(2) == 1
        right = np.where(mirror, width - 1 - right, right)
    if "shift" in augment:
        move = uniform(drawn(keys, seed, epoch, SHIFT), 2)
        down = np.clip(down + _moves(move[:, :1], height), 0, height - 1)
        right = np.clip(right + _moves(move[:, 1:], width), 0, width - 1)
    each = np.arange(len(pictures))[:, None, None, None]
    channel = np.arange(pictures.shape[1])[None, :, None, None]
    return pictures[each, channel, down[:, None, :, None], right[:, None, None, :]]


def _moves(u: Array, side: int) -> Array:
    reach = max(1, side // 8)
    return np.floor(u * (2 * reach + 1)).astype(np.int64) - reach


def gathered(inputs: Inputs, rows: Array, recipe: Recipe, seed: int, epoch: int) -> Array:
    """Raw records of these rows, changed as the recipe says."""
    raw = inputs.raw[rows]
    if recipe.augment == "none" or inputs.kind != "image":
        return raw
    return changed(raw, inputs.keys[rows], recipe.augment, seed, epoch)


def targets(inputs: Inputs, rows: Array, dtype: str) -> Tensor:
    """Targets of these rows: class codes, or values in the network's number format."""
    y = inputs.y[rows]
    return torch.from_numpy(y.astype(dtype if inputs.task == "regression" else np.int64))
