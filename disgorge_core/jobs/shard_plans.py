"""Which numbers of shards are worth trying on a dataset, and what it takes to measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from disgorge_core.planning import training_price
from disgorge_core.registry import REGIMES
from disgorge_core.training import Regime, regime_from
from disgorge_core.types import Dataset

TRIED = (1, 2, 5, 10, 20)


def regimes_of(
    data: Dataset, architecture: str, shards: Sequence[int], slices: int, by: str
) -> dict[int, Regime]:
    """The sharded regime for each number of shards that leaves a record for every shard."""
    found = {}
    for count in shards:
        values = {"name": "sharded", "shards": count, "slices": slices, "by": by}
        regime = regime_from(values)
        if regime is not None and regime.why_not(data, architecture) is None:
            found[count] = regime
    return found


def why_none(data: Dataset, architecture: str, slices: int, by: str) -> str | None:
    """One sentence that says why not even one shard can be trained; None if it can."""
    kind = REGIMES["sharded"](shards=1, slices=slices, by=by)
    reason: str | None = kind.why_not(data, architecture)
    return reason


def seconds_to_measure(
    data: Dataset,
    architecture: str,
    settings: Mapping[str, Any],
    recipe: Mapping[str, Any],
    shards: Sequence[int],
    slices: int,
    by: str,
) -> float:
    """A forecast for this machine: one training for each number; raises BadParam, BadModel."""
    regime = {"name": "sharded", "shards": 1, "slices": slices, "by": by}
    return len(shards) * training_price(data, architecture, settings, recipe, regime).seconds
