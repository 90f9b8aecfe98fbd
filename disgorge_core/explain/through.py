"""Through a backbone, end to end: one record from its pixels, or the vectors of its pieces, to the answer.

A picture is compared with a plain one of the colour that the network reads as 0, a text with one whose
words are all padding. What is explained is differentiable on the whole way: resizing is linear in the
pixels, and what Pillow rounds on the way is added as a constant.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from disgorge_core.data.words import composed, spans
from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones.backbone import Backbone, of_pieces
from disgorge_core.models.backbones.pictures import Pictures, cropped
from disgorge_core.models.backbones.texts import Texts
from disgorge_core.models.backbones.whole import Answering, Whole
from disgorge_core.types import Array, Member, Preprocessing

AT_ONCE = 8  # records that pass the backbone together where gradients are kept
PIECES = "pieces"


class Through(nn.Module):
    """A record's way to the answer; `start` is where it stands, 0 what it is compared with."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.__dict__["backbone"] = backbone  # no part of this network: never copied, never trained
        self.head = head

    backbone: Any
    start: Tensor

    def answered(self, **inputs: Tensor) -> Tensor:
        """Logits for the backbone's own inputs."""
        found = self.backbone.given(**inputs)
        like = next(self.head.parameters(), found)
        return self.head(found.to(like.dtype))


class ThroughPixels(Through):
    """Logits for pixels (m, channels, height, width) less the plain colour."""

    def __init__(self, backbone: Backbone, head: nn.Module, picture: Array) -> None:
        super().__init__(backbone, head)
        assert isinstance(backbone.reader, Pictures)
        self.reader = backbone.reader
        raw = torch.from_numpy(np.moveaxis(picture, -1, 0).astype(np.float32))[None]
        self.plain = _plain_colour(self.reader, picture.shape[2])
        self.start = raw - self.plain
        self.sides = self.reader.resized_to(*picture.shape[:2])
        self.rows = _resizing(picture.shape[0], self.sides[0], self.reader)
        self.columns = _resizing(picture.shape[1], self.sides[1], self.reader)
        exact = torch.from_numpy(self.reader.pixels(picture))[None]
        self.rounding = exact - self._prepared(self.start)

    def forward(self, z: Tensor) -> Tensor:
        """Logits (m, classes)."""
        return self.answered(pixel_values=self._prepared(z) + self.rounding)

    def _prepared(self, z: Tensor) -> Tensor:
        reader = self.reader
        pixels = (z + self.plain).expand(-1, reader.channels, -1, -1)
        pixels = self.rows @ pixels @ self.columns.T
        pixels = _cropped(pixels, reader) * (1.0 if reader.factor is None else reader.factor)
        if reader.mean is None:
            return pixels
        mean, deviation = (torch.tensor(v)[:, None, None] for v in (reader.mean, reader.deviation))
        return (pixels - mean) / deviation


def _plain_colour(reader: Pictures, channels: int) -> Tensor:
    """The colour (channels, 1, 1) that becomes 0, or nearest to it where grey is read as colour."""
    mean = np.zeros(reader.channels) if reader.mean is None else np.array(reader.mean)
    colour = mean / (reader.factor or 1.0)
    if channels < len(colour):
        colour = colour.mean(keepdims=True)
    return torch.tensor(colour, dtype=torch.float32)[:, None, None]


def _resizing(before: int, after: int, reader: Pictures) -> Tensor:
    """The matrix (after, before) that Pillow's filter is along one side."""
    if before == after:
        return torch.eye(before)
    unit = Image.fromarray(np.eye(before, dtype=np.float32))
    found = unit.resize((after, before), Image.Resampling(reader.resample))
    return torch.from_numpy(np.asarray(found).T.copy())


def _cropped(pixels: Tensor, reader: Pictures) -> Tensor:
    """The crop of the reader: each place of the result is a place before, or black."""
    if reader.crop is None:
        return pixels
    height, width = pixels.shape[2:]
    places = np.arange(1, height * width + 1, dtype=np.int64).reshape(height, width, 1)
    found = torch.from_numpy(cropped(places, reader.crop)[..., 0])
    return nn.functional.pad(pixels.flatten(2), (1, 0))[:, :, found]


class ThroughPieces(Through):
    """Logits for vectors (m, pieces, d) less those of padding."""

    def __init__(self, backbone: Backbone, head: nn.Module, text: str) -> None:
        super().__init__(backbone, head)
        assert isinstance(backbone.reader, Texts)
        said = composed(text)
        numbers, places = backbone.reader.cut(said)
        self.inputs = of_pieces(numbers)
        self.word = _words_of(places, spans(said, len(numbers)))
        with torch.no_grad():
            own = self.embedding(self.inputs["input_ids"])
        self.empty = torch.where(self.word[None, :, None] >= 0, self._padding, own)
        self.start = own - self.empty

    @property
    def embedding(self) -> Any:
        """The layer that gives each piece its vector."""
        return self.backbone.network.get_input_embeddings()

    @cached_property
    def _padding(self) -> Tensor:
        weight = self.embedding.weight
        number = getattr(self.backbone.network.config, "pad_token_id", None)
        if number is None:
            return torch.zeros(weight.shape[1])
        found: Tensor = weight[int(number)].detach()
        return found

    def forward(self, z: Tensor) -> Tensor:
        """Logits (m, classes)."""
        inputs = {name: value.expand(len(z), -1) for name, value in self.inputs.items()}
        hook = self.embedding.register_forward_hook(lambda *_: z + self.empty)
        try:
            return self.answered(**inputs)
        finally:
            hook.remove()

    def per_word(self, values: Tensor) -> Tensor:
        """Values of pieces (m, pieces) summed to words (m, words); those of the frame are left out."""
        inside = self.word >= 0
        found = values.new_zeros(len(values), max(1, int(self.word.max()) + 1))
        return found.index_add_(1, self.word[inside], values[:, inside])

    def without(self, word: int) -> Tensor:
        """Logits (1, classes) of the text without the pieces of a word."""
        return self.answered(**{k: v[:, self.word != word] for k, v in self.inputs.items()})


def _words_of(places: list[tuple[int, int]], words: list[tuple[int, int]]) -> Tensor:
    """The word of each piece: the one it overlaps most; signs count with the word before; -1 the frame."""
    found, last = [], 0
    for start, stop in places:
        if start == stop or not words:
            found.append(-1)
            continue
        overlaps = [min(stop, b) - max(start, a) for a, b in words]
        best = int(np.argmax(overlaps))
        last = best if overlaps[best] > 0 else last
        found.append(last)
    return torch.tensor(found)


def through(member: Member, head: nn.Module, record: str | Array) -> tuple[Through, Member]:
    """A record's way through the member's backbone, and how its input is to be read by a view."""
    backbone = member.preprocessing.backbone
    if isinstance(head, Whole):  # all of it is the trained network
        backbone, head = Answering(head), nn.Identity()
    if not isinstance(backbone, Backbone):
        raise NotApplicable("This backbone cannot be looked through.", "Look at the head's inputs.")
    none = np.zeros(0)
    if isinstance(record, str):
        found: Through = ThroughPieces(backbone, head, record)
        return found, Member(found, Preprocessing(PIECES, none, none, fitted=False))
    found = ThroughPixels(backbone, head, np.asarray(record))
    return found, Member(found, Preprocessing("image", none, none, fitted=False))
