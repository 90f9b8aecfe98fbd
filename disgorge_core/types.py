"""The words of the design as frozen dataclasses; read this file first.

Arrays are numpy: `(n, ...)` has one row for each record of the dataset, in the dataset's order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import nn

from disgorge_core.errors import BadForgetSet
from disgorge_core.params import param

Array = npt.NDArray[Any]
SPLITS = ("train", "validation", "test")


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a plain value (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# --- data ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """Which columns of the metadata play which part; an empty name means that there is none."""

    label: str = "label"
    id: str = ""
    owner: str = ""
    source: str = ""
    near: str = ""  # number of the near-duplicate cluster


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training data: `x` holds raw records, before anything is fitted to them.

    kind "image": x is uint8 (n, height, width, channels); "table": x is a DataFrame (n, columns) of
    numbers and categories. `y` is class codes (n,) int64, or values (n,) float64 for regression.
    `classes` is fixed in advance for all models of the dataset, so that it carries nothing of F.
    `meta` has one row a record and holds every column that a filter may name, the label included.
    """

    name: str
    kind: str
    task: str
    ids: Array
    x: Any
    y: Array
    classes: tuple[str, ...]
    split: Array
    meta: pd.DataFrame
    roles: Roles
    digest: str
    licence: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one raw record: (height, width, channels) or (columns,)."""
        return tuple(int(s) for s in self.x.shape[1:])

    def rows(self, split: str) -> Array:
        """Row numbers (m,) of a split; "all" gives every row."""
        if split == "all":
            return np.arange(len(self))
        return np.flatnonzero(self.split == SPLITS.index(split))

    def take(self, rows: Array) -> Any:
        """Raw records of these rows, in this order."""
        return self.x.iloc[rows] if isinstance(self.x, pd.DataFrame) else self.x[rows]

    def arrays(self, split: str) -> tuple[Any, Array]:
        """Raw records and targets of a split."""
        rows = self.rows(split)
        return self.take(rows), self.y[rows]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each id."""
        return {str(name): row for row, name in enumerate(self.ids)}

    @cached_property
    def keys(self) -> Array:
        """A 64-bit number (n,) for each id: what orders batches, masks and augmentation."""
        return np.array([_key(str(name)) for name in self.ids], dtype=np.uint64)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class ForgetSet:
    """Records to remove: immutable, named, with how they were chosen and why."""

    ids: tuple[str, ...]  # sorted, unique
    dataset: str  # the dataset's digest
    name: str = "forget set"
    made: tuple[str, ...] = ()  # one line for each step: "where artist == 'Artist 07'", "lasso ..."
    by_looking: bool = False  # chosen by looking at the model: bounds do not cover that
    author: str = ""
    reason: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def digest(self) -> str:
        """Digest of the dataset and the ids."""
        return digest_of([self.dataset, list(self.ids)])

    def mask(self, data: Dataset) -> Array:
        """Bool (n,): which rows of the dataset are in the set."""
        mask = np.zeros(len(data), dtype=bool)
        mask[[data.row_of[name] for name in self.ids]] = True
        return mask

    def __or__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "or", set(self.ids) | set(other.ids))

    def __and__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "and", set(self.ids) & set(other.ids))

    def __sub__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "but not", set(self.ids) - set(other.ids))


def _combined(first: ForgetSet, second: ForgetSet, word: str, ids: set[str]) -> ForgetSet:
    if first.dataset != second.dataset:
        raise BadForgetSet(
            "The two forget sets belong to different datasets.", "Combine sets of one dataset."
        )
    return ForgetSet(
        ids=tuple(sorted(ids)),
        dataset=first.dataset,
        name=f"{first.name} {word} {second.name}",
        made=(*first.made, f"{word} ({'; '.join(second.made)})"),
        by_looking=first.by_looking or second.by_looking,
        author=_joined(first.author, second.author),
        reason=_joined(first.reason, second.reason),
    )


def _joined(*words: str) -> str:
    return "; ".join(dict.fromkeys(word for word in words if word))


# --- models -------------------------------------------------------------------------------------


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


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Raw records → network input: `(encode(x) - shift) * scale`, missing values become 0.

    For pictures shift and scale are per channel (c,), on pixels 0..255; for tables per encoded column
    (d,), where a category is one column for each known value. `fitted` says whether they were fitted
    to data (then on exactly the records that the model may see) or stated in advance.
    """

    kind: str
    shift: Array
    scale: Array
    columns: tuple[Column, ...] = ()
    fitted: bool = True


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
        sha.update(digest_of([p.kind, [asdict(c) for c in p.columns], p.fitted]).encode())
        sha.update(np.ascontiguousarray(p.shift).tobytes())
        sha.update(np.ascontiguousarray(p.scale).tobytes())
        for name, tensor in sorted(member.network.state_dict().items()):
            sha.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for name, array in sorted(model.artefacts.items()):
        sha.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


# --- methods and their results ------------------------------------------------------------------


class Family(StrEnum):
    """Families of the taxonomy (after Achille et al. 2024), plus output guards."""

    RETRAINING = "retraining"
    SELECTIVE_FORGETTING = "selective forgetting"
    COMPARTMENTALIZATION = "compartmentalization"
    DIFFERENTIAL_PRIVACY = "differential privacy"
    DATASET_EMULATION = "dataset emulation"
    OUTPUT_GUARD = "output guard"


class Timing(StrEnum):
    """When a method must have been arranged."""

    REACTIVE = "reactive"
    PROACTIVE = "proactive"
    PREEMPTIVE = "preemptive"


class Tier(StrEnum):
    """What a method's result may be called; the weakest part decides."""

    DELETED = "deleted"
    REBUILT = "rebuilt"
    ISOLATED = "isolated"
    CERTIFIED = "certified"
    EMPIRICAL = "empirical"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and the count that it rests on; level is 95 % unless said."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Cost:
    """Work done: record-passes (one record forward and backward once), seconds, share of a retrain."""

    passes: float
    seconds: float
    of_full: float


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is: a share 0..1, what it is doing, and figures for curves."""

    share: float
    message: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A report that nobody reads."""


@dataclass(frozen=True, eq=False)
class Change:
    """What a method hands back: the new model and what only the method knows."""

    model: Model
    passes: float
    tier: Tier | None = None  # weaker than the method's own tier, where it had to be
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)  # e.g. step length, shards touched


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished disgorgement: the new model, what may be claimed for it, its cost and effect."""

    model: Model
    before: Model
    forget: ForgetSet
    method: str
    settings: Mapping[str, Any]
    seed: int
    tier: Tier
    claim: str
    cost: Cost
    effect: str  # "moved" or "no effect"
    distance: float  # ‖θ_after - θ_before‖ / ‖θ_before‖, NaN where shapes differ
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scores:
    """Influence of training records on queries: `matrix` (n_train, n_query) float32.

    Entry (i, j): estimated change of query j's output (named by `unit`) if record i had not been
    trained on is -matrix[i, j]: positive records hold the output up.
    """

    matrix: Array
    unit: str
    train_ids: Array
    query_ids: Array
    estimator: str
    passes: float
    notes: tuple[str, ...] = ()

    def of(self, forget: ForgetSet) -> Array:
        """Estimated change (n_query,) of each output if the forget set had not been trained on."""
        inside = np.isin(self.train_ids, np.array(forget.ids))
        return -self.matrix[inside].sum(0)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Positions (n, 2) of records on one map, for each of several models on the same map."""

    positions: tuple[Array, ...]
    rows: Array
    projection: str
    notes: tuple[str, ...] = ()


Names = Sequence[str]
