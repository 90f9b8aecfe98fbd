"""All of a Hugging Face model as the trained network: what came is where training starts, its head apart.

The network's input is one row of numbers for a record: the numbers of a text's pieces, filled up with
-1, or a picture's values as the folder's own image processor makes them. Dropout is off and statistics
of batches stay as they came, so that no record's answer depends on chance or on other records.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.models.backbones.backbone import Backbone, read_backbone, records_of
from disgorge_core.models.backbones.texts import Texts
from disgorge_core.models.layers import head_of, initialise
from disgorge_core.models.reading.pretrained_zip import WEIGHTS
from disgorge_core.types import Array, Dataset, Lineage, Member, Model, Preprocessing, Recipe
from disgorge_core.types.plain import digest_of

WHOLE = "whole"
NONE = -1  # in the place of a piece, behind the end of a text
AT_ONCE = 32  # records that pass together where no gradient is wanted
MOST_BYTES = 2**31  # of all records as the network reads them
TRIED, CLOSE = 8, 1e-3
TRIAL = 3  # records of a pass that only looks at the layers
ONE_BY_ONE = "Train its head only."


class Reading:
    """How records are read, and the weights that training starts from: a `types.Backbone` that runs none."""

    def __init__(self, backbone: Backbone, width: int, shape: tuple[int, ...] = ()) -> None:
        if (backbone.about.kind == "image") != bool(shape) or width != int(np.prod(shape or width)):
            raise ValueError("numbers of a record and sides of a picture do not belong together")
        self.start, self.width, self.shape = backbone, width, shape

    def __deepcopy__(self, memo: Any) -> Reading:
        """It never changes, so copies share it."""
        return self

    @property
    def digest(self) -> str:
        """Digest of the start weights and of how a record is read."""
        return digest_of([WHOLE, self.start.digest, self.width])

    @property
    def title(self) -> str:
        """What training starts from, in a few words."""
        return self.start.title

    def save(self, folder: Path, linked: bool = False) -> None:
        """Write start weights and reader into a new folder."""
        self.start.save(folder, linked)

    def features(self, x_raw: Any) -> Array:
        """Network input (n, width) float32 of raw records; raises BadModel."""
        records, reader = records_of(x_raw), self.start.reader
        found = np.full((len(records), self.width), NONE, dtype=np.float32)
        for row, record in zip(found, records, strict=True):
            if isinstance(reader, Texts):
                numbers = reader.numbers(record)
                row[: len(numbers)] = numbers
            else:
                row[:] = reader.pixels(record).ravel()
        return found


class Whole(nn.Module):
    """The network of a folder on rows of `Reading.features`; gives logits (n, classes)."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.__dict__["reading"] = reading  # no part of the network
        network: Any = copy.deepcopy(reading.start.network).requires_grad_(True)
        network.set_attn_implementation("eager")  # the only one with derivatives of every kind
        self.network = _still(network).eval()
        self.filler = int(getattr(network.config, "pad_token_id", None) or 0)

    reading: Reading
    network: Any

    def train(self, mode: bool = True) -> Whole:
        """Stays as it is: nothing in it behaves otherwise in training."""
        return super().train(False)

    def at_start(self, seed: int) -> Whole:
        """A network as training starts: the weights that came, and a head drawn from the seed."""
        fresh = Whole(self.reading).double()
        generator = torch.Generator().manual_seed(seed)
        for name in head_names(self.reading.start):
            initialise(fresh.network.get_submodule(name), generator)
        return fresh

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes)."""
        if torch.is_grad_enabled() or len(x) <= AT_ONCE:
            return self._answered(x)
        return torch.cat([self._answered(part) for part in x.split(AT_ONCE)])

    def _answered(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(**self.given(x), return_dict=True).logits
        return found

    def given(self, x: Tensor) -> dict[str, Tensor]:
        """The arguments of transformers' own network; no text is filled up beyond the longest."""
        if self.reading.shape:
            return {"pixel_values": x.reshape(len(x), *self.reading.shape)}
        there = x >= 0
        longest = max(1, int(there.sum(1).max()))
        ids = torch.where(there, x, self.filler)[:, :longest].long()
        return {"input_ids": ids, "attention_mask": there[:, :longest].long()}

    def leaving(self) -> dict[str, Tensor]:
        """The weights in float32 under the names that transformers writes them by."""
        with tempfile.TemporaryDirectory() as place:
            copy.deepcopy(self.network).float().save_pretrained(place)
            return safetensors.torch.load_file(Path(place) / WEIGHTS)

    def tried(self) -> None:
        """A pass of a few records of zeros, for those who look at the layers."""
        x = next(self.parameters()).new_full((TRIAL, self.reading.width), NONE)
        x[:, :2] = 0
        with torch.no_grad():
            self._answered(x)

    def measured(self) -> frozenset[str]:
        """Names of the layers that curvature covers: linear ones that run once, on each record apart."""
        runs: dict[str, list[int]] = {}
        linear = {n: m for n, m in self.named_modules() if type(m) is nn.Linear}
        handles = [m.register_forward_pre_hook(_counted(n, runs)) for n, m in linear.items()]
        self.tried()
        for handle in handles:
            handle.remove()
        return frozenset(name for name, firsts in runs.items() if firsts == [TRIAL])


def _counted(name: str, runs: dict[str, list[int]]) -> Callable[..., None]:
    return lambda _, given: runs.setdefault(name, []).append(len(given[0]))


class Off(nn.Module):
    """In the place of dropout."""

    p = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """What it is given."""
        return x


def _still(network: nn.Module) -> nn.Module:
    """The network without dropout, and with statistics of batches that nothing estimates again."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.track_running_stats = False
        if isinstance(module, nn.modules.dropout._DropoutNd):
            parent, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(parent), leaf, Off())
    return network


def head_names(backbone: Backbone) -> list[str]:
    """Names of the head's layers in the network, in their order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in backbone.about.head))


# --- from a model that was opened ---------------------------------------------------------------


def whole_of(model: Model, data: Dataset, recipe: Recipe | None = None) -> Model:
    """All of an opened Hugging Face model as it stands before training; raises NotApplicable.

    `model` is the head behind its backbone; train what this gives with `training.refit`.
    """
    backbone = model.preprocessing.backbone
    if not isinstance(backbone, Backbone):
        raise NotApplicable("This is no Hugging Face model.", "Bring one.")
    reading = reading_of(backbone, data)
    _check_memory(reading, len(data))
    network = Whole(reading).at_start(0).float()
    _check_head(network)
    _check_apart(network, reading, data)
    return Model(
        name=model.name,
        members=(Member(network, stated(reading)),),
        classes=data.classes,
        task=data.task,
        lineage=Lineage("uploaded", "unknown"),
        recipe=recipe or model.recipe,
    )


def stated(reading: Reading) -> Preprocessing:
    """The preprocessing that hands a record to the network as it is read."""
    zeros, ones = np.zeros(reading.width), np.ones(reading.width)
    return Preprocessing(WHOLE, zeros, ones, fitted=False, backbone=reading)


def reading_of(backbone: Backbone, data: Dataset) -> Reading:
    """How this dataset's records become rows of numbers."""
    reader = backbone.reader
    if isinstance(reader, Texts):
        return Reading(backbone, reader.length)
    shape = reader.pixels(np.zeros(data.shape, np.uint8)).shape
    return Reading(backbone, int(np.prod(shape)), tuple(shape))


def read_before(folder: Path, said: Mapping[str, Any], width: int) -> Backbone | Reading | None:
    """What stands before a saved network of a kind: a fixed one, what only reads records, or nothing."""
    if said["kind"] not in ("backbone", WHOLE):
        return None
    found = read_backbone(folder)
    return found if said["kind"] != WHOLE else Reading(found, width, tuple(said["shape"]))


def network_of(reading: Reading, state: dict[str, Tensor]) -> Whole:
    """The network with these weights; raises BadModel where they do not fit."""
    network = Whole(reading)
    if any(value.dtype == torch.float64 for value in state.values()):
        network = network.double()
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise BadModel("The weights do not fit the network.", "Make or open it again.") from None
    return network


def _check_memory(reading: Reading, records: int) -> None:
    size = 4 * reading.width * records
    if size > MOST_BYTES:
        raise NotApplicable(
            f"To train the whole network all records are held as it reads them, here {size / 2**30:.1f} "
            f"GB; {MOST_BYTES / 2**30:.0f} GB is the most.",
            ONE_BY_ONE,
        )


def _check_head(network: Whole) -> None:
    """The last linear layer must be the head's, and read one vector a record."""
    names = {id(m): n for n, m in network.network.named_modules()}
    head, sides = head_of(network), list[int]()
    handle = head.register_forward_pre_hook(lambda _, given: sides.append(given[0].ndim))
    network.tried()
    handle.remove()
    if names[id(head)] not in head_names(network.reading.start) or sides != [2]:
        raise NotApplicable(
            "The network's last layer does not read one vector a record.", ONE_BY_ONE
        )


def _check_apart(network: Whole, reading: Reading, data: Dataset) -> None:
    """Records that pass together must be answered as each alone; else they would mix in training."""
    rows = torch.from_numpy(reading.features(data.take(data.rows("train")[:TRIED])))
    try:
        with torch.inference_mode():
            together = network(rows)
            alone = torch.cat([network(row[None]) for row in rows])
    except (RuntimeError, ValueError, IndexError):
        raise NotApplicable("This network reads one record at a time only.", ONE_BY_ONE) from None
    if not torch.allclose(together, alone, rtol=CLOSE, atol=CLOSE * float(alone.abs().max())):
        raise NotApplicable(
            "This network answers a record otherwise when it stands beside others.", ONE_BY_ONE
        )


class Answering(Backbone):
    """A trained network in the place of a backbone, whose features are its logits: for views through it."""

    def __init__(self, trained: Whole) -> None:
        start = trained.reading.start
        super().__init__(start.folder, start.about, start.digest)
        self.__dict__["network"] = trained.network
        self.__dict__["reader"] = start.reader

    def given(self, **inputs: Tensor) -> Tensor:
        """Logits (n, classes) for inputs of the network."""
        like = next(self.network.parameters()).dtype
        cast = {k: v.to(like) if v.is_floating_point() else v for k, v in inputs.items()}
        found: Tensor = self.network(**cast, return_dict=True).logits
        return found
