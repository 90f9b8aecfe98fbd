"""A model and all that is needed to train it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from disgorge_core.params import param
from disgorge_core.types.plain import Array, digest_of


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train again. Settings of the optimiser concern the mean loss of a batch."""

    epochs: int = param(20, help="Passes over the training records", min=1, max=10_000)
    lr: float = param(0.05, label="Learning rate", help="Step of the optimiser", min=1e-8, max=100)
    batch: int = param(64, label="Batch size", help="Records in one step", min=1, max=65_536)
    optimiser: str = param("sgd", help="How steps are made", choices=("sgd", "adam"))
    momentum: float = param(0.9, help="Momentum (SGD) or first moment (Adam)", min=0, max=0.999)
    l2: float = param(0.0, label="L2", help="Weight of ½‖θ‖² in the mean loss", min=0, max=100)
    schedule: str = param(
        "cosine", help="How the rate falls to 0", choices=("constant", "linear", "cosine")
    )
    augment: str = param(
        "none", help="Random changes of pictures", choices=("none", "shift", "flip", "flip+shift")
    )
    trainable: str = param("all", help="Parts that learn", choices=("all", "head"))
    seed: int = param(0, help="Start weights, order, dropout, augmentation", min=0, max=2**31)
    dtype: str = param("float32", help="Number format", choices=("float32", "float64"))
    threads: int = param(1, help="Threads of one training", min=1, max=64, advanced=True)

    @property
    def digest(self) -> str:
        """Digest of all settings."""
        return digest_of(asdict(self))


@dataclass(frozen=True)
class Column:
    """One column of a table as a model reads it: a number, or a category with its known values."""

    name: str
    values: tuple[str, ...] | None = None  # None: a number

    @property
    def width(self) -> int:
        """Inputs that this column becomes."""
        return 1 if self.values is None else len(self.values)


class Backbone(Protocol):
    """A fixed network before the trained one, the same for all models that share its digest."""

    @property
    def digest(self) -> str:
        """Digest of its weights and of how it reads a record."""
        ...

    @property
    def width(self) -> int:
        """Numbers that it gives for a record."""
        ...

    @property
    def title(self) -> str:
        """What it is, in a few words: "bert, 27,200 numbers"."""
        ...

    def features(self, x_raw: Any) -> Array:
        """What it gives for raw records, (n, width) float32: for each alone, whatever the others are."""
        ...

    def save(self, folder: Path, linked: bool = False) -> None:
        """Write it into a new folder; `linked` shares the files where it lies on the same disk."""
        ...


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Raw records → network input: `(encode(x) - shift) * scale`, missing values become 0.

    For pictures shift and scale are per channel (c,), on pixels 0..255; for tables per encoded column
    (d,), where a category is one column for each known value. For texts the one column holds the known
    words, both arrays are empty, and the input is the numbers of the first `length` words: 0 for none,
    1 for an unknown word, 2 for the first known one. `fitted` says whether they were fitted to data
    (then on exactly the records that the model may see) or stated in advance. `scaling` says how a
    table's columns are fitted again: "standard" (mean 0, deviation 1), "numbers" (the same, categories
    stay 0 and 1), "range" (numbers from 0 to 1) or "none". Kind "backbone": the input is what `backbone`
    gives for a record, be it a picture or a text, and nothing of that is ever fitted here.
    """

    kind: str
    shift: Array
    scale: Array
    columns: tuple[Column, ...] = ()
    fitted: bool = True
    length: int = 0
    scaling: str = "standard"
    backbone: Backbone | None = None


@dataclass(frozen=True)
class Layer:
    """One layer of a plain feed-forward network; `kind` and `options` as `models.layers` knows them.

    `name` is the prefix of its weights in a state dict ("features.0"), empty for layers without.
    """

    kind: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Member:
    """One network with its own preprocessing; most models have one, sharded models one a shard."""

    network: nn.Module
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Lineage:
    """What is known of where a model comes from."""

    origin: str  # "trained here", "uploaded", "made by newton"
    trained_on: str = (
        "unknown"  # "known": `seen` is complete; "stated": the user said so; "unknown"
    )
    excluded: tuple[str, ...] = ()  # digests of the forget sets removed so far, oldest first
    parents: tuple[str, ...] = ()  # digests of the models it was made from
    shorter_recipe: str = ""  # said in claims where the recipe was shortened
    cost: float = 0.0  # record-passes spent on making it


@dataclass(frozen=True, eq=False)
class Model:
    """Network(s), preprocessing, prediction rule, recipe, lineage and what was kept for removal.

    `layers` is None for a wrapped `nn.Module`. `seen` holds the sorted ids that it was trained on,
    None if unknown. `artefacts` are arrays kept for later removal (statistics, shard numbers ...).
    `rule` names how members become one answer: "mean" of logits, or an output guard over it.
    """

    name: str
    members: tuple[Member, ...]
    classes: tuple[str, ...]
    task: str
    lineage: Lineage
    layers: tuple[Layer, ...] | None = None
    recipe: Recipe | None = None
    architecture: str = ""  # registry name, empty for uploads
    architecture_settings: Mapping[str, Any] = field(default_factory=dict)
    regime: str = "plain"  # "plain", "sharded", "closed form"
    regime_settings: Mapping[str, Any] = field(default_factory=dict)
    rule: str = "mean"
    artefacts: Mapping[str, Array] = field(default_factory=dict)
    seen: tuple[str, ...] | None = None

    @property
    def network(self) -> nn.Module:
        """The network of a model that has one."""
        return self.members[0].network

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of a model that has one network."""
        return self.members[0].preprocessing

    @cached_property
    def digest(self) -> str:
        """Digest of weights, buffers, preprocessing, rule, classes and artefacts."""
        return _model_digest(self)

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(p.numel() for m in self.members for p in m.network.parameters())


def _model_digest(model: Model) -> str:
    sha = hashlib.sha256(digest_of([model.rule, list(model.classes), model.task]).encode())
    for member in model.members:
        p = member.preprocessing
        more: list[Any] = [p.length] if p.kind == "text" else []
        more += [p.backbone.digest] if p.backbone else []
        columns = [asdict(c) for c in p.columns]
        sha.update(digest_of([p.kind, columns, p.fitted, *more]).encode())
        sha.update(np.ascontiguousarray(p.shift).tobytes())
        sha.update(np.ascontiguousarray(p.scale).tobytes())
        for name, tensor in sorted(member.network.state_dict().items()):
            sha.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for name, array in sorted(model.artefacts.items()):
        sha.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
