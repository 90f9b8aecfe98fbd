"""The fixed part of a Hugging Face model: built when it is first needed, from a folder of its own.

The folder holds config.json and model.safetensors as transformers writes them, without the weights of the
head, the files that say how a record is read, and backbone.json. Each record passes alone and without
padding, so that no other record plays a part in its features, not even in their last digit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core import store
from disgorge_core.errors import BadModel
from disgorge_core.models.backbones import kept, pretrained
from disgorge_core.models.backbones.network import built, in_words
from disgorge_core.models.backbones.passing import stretches
from disgorge_core.models.backbones.pictures import Pictures, read_pictures
from disgorge_core.models.backbones.texts import Texts, read_tokenizer
from disgorge_core.models.reading.pretrained_zip import CONFIG, PICTURES, WEIGHTS
from disgorge_core.types import Array, Report, digest_of, silent

ABOUT = "backbone.json"
FORMAT = 1


@dataclass(frozen=True)
class About:
    """What is known of a backbone without building it.

    `first`: name of the module of the head whose input are the features; `length`: pieces of a text that
    are read; `channels`: of a picture; `outputs`: classes that the head had when it came, `head`: the
    names of its weights in the network, which the backbone does not hold.
    """

    kind: str
    family: str
    width: int
    first: str
    parameters: int
    outputs: int
    head: tuple[str, ...]
    length: int = 0
    channels: int = 0


class Backbone:
    """A fixed network before the trained one: `types.Backbone`, from a folder that it has to itself."""

    def __init__(self, folder: Path, about: About, digest: str) -> None:
        self.folder, self.about, self.digest = folder, about, digest
        self._kept: dict[Path | None, kept.Kept] = {}
        self._lock = threading.RLock()

    def __deepcopy__(self, memo: Any) -> Backbone:
        """It never changes, so copies share it."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process it travels as its folder."""
        return read_backbone, (self.folder,)

    @property
    def width(self) -> int:
        """Numbers that it gives for a record."""
        return self.about.width

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        about = self.about
        reads = f", reads the first {about.length:,} pieces of a text" if about.length else ""
        return f"{about.family}, {about.parameters:,} numbers{reads}"

    @property
    def numbers(self) -> int:
        """How many numbers its network is."""
        return self.about.parameters

    @property
    def said(self) -> str:
        """What it is called while it works."""
        return self.about.family

    @cached_property
    def network(self) -> nn.Module:
        """The whole network in evaluation mode, with a head of no meaning; raises BadModel."""
        if not self.folder.is_dir() or content_digest(self.folder) != self.digest:
            raise BadModel("The backbone of the model is damaged or gone.", "Open the model again.")
        found = pretrained.read_folder(self.folder)
        with torch.inference_mode(False):  # whoever asks first: gradients may pass through it later
            return built(self.folder, found, self.about.outputs, self.about.head)

    @cached_property
    def reader(self) -> Texts | Pictures:
        """How a record becomes the network's input; raises BadModel."""
        if self.about.kind == "text":
            pieces = self.network.get_input_embeddings().num_embeddings  # type: ignore[operator]
            return read_tokenizer(self.folder, int(pieces), self.about.length)
        said = pretrained.read_json(self.folder / PICTURES)
        return read_pictures(said, self.about.channels)

    def features(self, x_raw: Any, report: Report = silent) -> Array:
        """Features (n, width) float32 of raw records; those that were met before are remembered."""
        records = records_of(x_raw)
        keys = [kept.key_of(content(record)) for record in records]
        known = self._place()
        missing = known.missing(keys)
        for part, values in stretches(self, [records[i] for i in missing], report):
            known.add([keys[i] for i in missing[part]], values)
        return known.of(keys)

    def one(self, record: Any) -> Array:
        """Features (width,) of one record; raises BadModel."""
        with self._lock, torch.inference_mode(), in_words("read a record"):
            found = self.given(**self.inputs(record))[0].numpy()
        if found.shape != (self.width,) or not np.isfinite(found).all():
            raise BadModel("The backbone gives a record no finite numbers.", "Check the weights.")
        return found

    def inputs(self, record: Any) -> dict[str, Tensor]:
        """The network's arguments for one raw record: a text, or a picture (height, width, channels)."""
        if isinstance(self.reader, Texts):
            return of_pieces(self.reader.numbers(record))
        return {"pixel_values": torch.from_numpy(self.reader.pixels(record))[None]}

    def given(self, **inputs: Tensor) -> Tensor:
        """What the head is given (n, width) for inputs of the network."""
        found: list[Tensor] = []
        first = self.network.get_submodule(self.about.first)
        handle = first.register_forward_pre_hook(lambda _, given: found.append(given[0]))
        try:
            self.network(**inputs, return_dict=True)
        finally:
            handle.remove()
        return last_place(found[0])

    def _place(self) -> kept.Kept:
        """Where features are remembered that are asked for here; what was purged is forgotten."""
        place = kept.PLACE.get()
        path = place.path if place else None
        with self._lock:
            for gone in [known for known, found in self._kept.items() if found.gone]:
                del self._kept[gone]
            if path not in self._kept:
                self._kept[path] = kept.Kept(self.width, place, self.digest[:32])
            return self._kept[path]

    def save(self, folder: Path, linked: bool = False) -> None:
        """Write it into a new folder; `linked` shares the files where it lies on the same disk."""
        if not self.folder.is_dir():
            raise BadModel("The backbone of the model is gone.", "Open the model again.")
        with store.plain_errors():
            folder.mkdir()
            for path in sorted(self.folder.iterdir()):
                _placed(path, folder / path.name, linked)


def of_pieces(numbers: Sequence[int]) -> dict[str, Tensor]:
    """The network's arguments for one text."""
    ids = torch.tensor([list(numbers)], dtype=torch.int64)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def last_place(given: Tensor) -> Tensor:
    """One vector a record: some networks answer after each piece, and the last of them counts."""
    return given[:, -1] if given.ndim == 3 else given.flatten(1)


def records_of(x_raw: Any) -> Sequence[Any]:
    """Texts of the one column of a table, or pictures."""
    return [str(text) for text in x_raw.iloc[:, 0]] if hasattr(x_raw, "iloc") else x_raw


def content(record: Any) -> bytes:
    """The bytes of a text or picture, its shape among them."""
    if isinstance(record, str):
        return record.encode("utf-8", errors="surrogatepass")
    return repr(record.shape).encode() + np.ascontiguousarray(record, dtype=np.uint8).tobytes()


def _placed(path: Path, target: Path, linked: bool) -> None:
    if linked:
        try:
            os.link(path, target)
            return
        except OSError:  # another disk, or one without links
            pass
    shutil.copyfile(path, target)


# --- from its folder ----------------------------------------------------------------------------

_MET: weakref.WeakValueDictionary[str, Backbone] = (
    weakref.WeakValueDictionary()
)  # models share what they stand on


def write_about(folder: Path, about: About) -> None:
    """Complete a folder that holds the network and the reader."""
    digest = _digest(folder, asdict(about))
    store.write_json(folder / ABOUT, {"format": FORMAT, "digest": digest, **asdict(about)})


def content_digest(folder: Path) -> str:
    """The digest that the folder's content has; raises BadModel where a file is missing."""
    said = _said(folder)
    return _digest(folder, {k: v for k, v in said.items() if k not in ("format", "digest")})


def _digest(folder: Path, about: Mapping[str, Any]) -> str:
    names = [CONFIG, WEIGHTS, *pretrained.kept_files(folder)]
    files = {name: _file_digest(folder / name) for name in names}
    return digest_of([about, files])


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_backbone(folder: Path) -> Backbone:
    """The backbone of a folder, shared with all that have the same digest; raises StoreError, BadModel."""
    said = _said(folder)
    digest, form = str(said.pop("digest", "")), said.pop("format", None)
    if form != FORMAT:
        raise BadModel(f"The backbone is of format {form!r}.", "Open it with a newer version.")
    met = _MET.get(digest)
    if met is None:
        met = _MET[digest] = Backbone(
            folder, About(**{**said, "head": tuple(said["head"])}), digest
        )
    elif not met.folder.is_dir():  # the model that it came with was purged
        met.folder = folder
    return met


def _said(folder: Path) -> dict[str, Any]:
    return dict(store.read_json(folder / ABOUT))
