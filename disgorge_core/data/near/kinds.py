"""The ways in which records can be near-duplicates, and the search for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from disgorge_core.data.near.content import equal_content
from disgorge_core.data.near.pictures import look_alikes
from disgorge_core.data.near.result import NearDuplicates, joined
from disgorge_core.data.near.rows import same_but_for
from disgorge_core.data.near.search import Pairs
from disgorge_core.data.near.texts import close_texts
from disgorge_core.data.near.vectors import Neighbours, close, directions, encoded
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.types import Array, Dataset, Report, silent


@dataclass(frozen=True, eq=False)
class Sought:
    """What a search gets: which rows of the data, how far apart at most, and what only a model knows."""

    data: Dataset
    rows: Array
    most: float
    report: Report
    features: Array | None
    neighbours: Neighbours | None


@dataclass(frozen=True)
class Kind:
    """One way: the datasets it is for, and its distance: what it counts, usual, largest, step."""

    name: str
    title: str
    kinds: tuple[str, ...]
    unit: str
    usual: float
    most: float
    step: float
    search: Callable[[Sought], Pairs]


def _copies(sought: Sought) -> Pairs:
    return Pairs(np.zeros((0, 2), np.int64), np.zeros(0))


def _pictures(sought: Sought) -> Pairs:
    return look_alikes(sought.data, sought.rows, int(sought.most), sought.report)


def _texts(sought: Sought) -> Pairs:
    return close_texts(sought.data, sought.rows, sought.most, sought.report)


def _rows(sought: Sought) -> Pairs:
    return same_but_for(sought.data, sought.rows, sought.most, sought.report)


def _encoded(sought: Sought) -> Pairs:
    z = encoded(sought.data.take(sought.rows))
    return close(z, sought.most, sought.neighbours, sought.report)


def _features(sought: Sought) -> Pairs:
    if sought.features is None:
        raise NotApplicable(
            "What a model takes for alike needs a model.", "Add a model, or look another way."
        )
    z = directions(sought.features[sought.rows])
    found = close(z, float(np.sqrt(2 * sought.most)), sought.neighbours, sought.report)
    return Pairs(found.rows, found.distance**2 / 2, found.note)


ANY = ("image", "table", "text")
KINDS = {
    kind.name: kind
    for kind in (
        Kind("perceptual", "Look alike", ("image",), "Bits of 64 apart", 2, 6, 2, _pictures),
        Kind("token", "Share their words", ("text",), "Word runs apart", 0.3, 0.8, 0.05, _texts),
        Kind("rows", "Same but for a few columns", ("table",), "Columns apart", 0, 4, 1, _rows),
        Kind("encoded", "Close values", ("table",), "Spreads apart", 0.05, 0.5, 0.01, _encoded),
        Kind("exact", "Exact copies", ANY, "", 0, 0, 1, _copies),
        Kind("embedding", "Alike to a model", ANY, "1 - cosine", 0.001, 0.1, 0.001, _features),
    )
}


def kinds_of(data: Dataset) -> list[Kind]:
    """The ways that are for this dataset, the usual one first."""
    return [kind for kind in KINDS.values() if data.kind in kind.kinds]


def near_duplicates(
    data: Dataset,
    kind: str = "",
    threshold: float | None = None,
    *,
    features: Array | None = None,
    neighbours: Neighbours | None = None,
    report: Report = silent,
) -> NearDuplicates:
    """Clusters of records at most `threshold` apart, by `kind` (the usual one of the dataset if empty).

    `features` (n, d) are what kind "embedding" compares; `neighbours` as `features.neighbours`, for
    vectors of more than 60,000 records. Raises BadParam and NotApplicable.
    """
    way = _way(data, kind)
    most = way.usual if threshold is None else threshold
    if not 0 <= most <= way.most:
        raise BadParam(f"The distance is {most:g}.", f"It must lie between 0 and {way.most:g}.")
    group = equal_content(data)
    rows = np.unique(group, return_index=True)[1]
    found = way.search(Sought(data, rows, most, report, features, neighbours))
    others = np.setdiff1d(np.arange(len(data)), rows)
    pairs = np.concatenate([rows[found.rows], np.stack([rows[group[others]], others], axis=1)])
    distance = np.concatenate([found.distance, np.zeros(len(others))])
    clusters = joined(len(data), pairs)
    return NearDuplicates(clusters, pairs, distance, way.name, most, (found.note,))


def _way(data: Dataset, kind: str) -> Kind:
    known = {way.name: way for way in kinds_of(data)}
    if kind and kind not in known:
        raise BadParam(
            f"Records of kind {data.kind!r} cannot be compared by {kind!r}.",
            f"Known are: {', '.join(known)}.",
        )
    return known[kind] if kind else next(iter(known.values()))
