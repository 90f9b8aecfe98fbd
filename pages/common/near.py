"""Near-copies of records: by the dataset's own clusters, by equal content, or as the worker finds them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.data.near import NearDuplicates, equal_content
from disgorge_core.types import Array, Dataset
from pages.common.panels import View
from pages.common.questions import ask_soon

WAYS = {  # what two near-duplicates have in common, at a largest distance
    "perceptual": "the same coarse structure (hashes of 64 bits that differ in at most {0:g})",
    "token": "the same runs of three words (at most {0:.0%} of them differ)",
    "rows": "the same values (at most {0:g} columns differ)",
    "encoded": "close values (at most {0:g} spreads apart, over all columns)",
    "exact": "exactly equal content",
    "embedding": "what the model sees of them (1 - cosine at most {0:g})",
}
ALL_COLUMNS = "the same values in all columns that a model reads"


def found(view: View, kind: str = "", threshold: float | None = None) -> NearDuplicates:
    """Near-duplicates of a kind, the usual one if empty; raises NotYet while they are looked for."""
    model = view.model if kind == "embedding" else ""
    answer = ask_soon(view.case, "near_duplicates", kind=kind, threshold=threshold, model=model)
    arrays, values = answer.arrays, answer.values
    return NearDuplicates(
        arrays["clusters"], arrays["pairs"], arrays["distance"], values["kind"], values["threshold"],
        tuple(values["notes"]),
    )  # fmt: skip


def clusters(view: View) -> Array:
    """Cluster (n,) of each record, -1 for none: the dataset's own, else as they are usually found."""
    return own_clusters(view.data) if view.data.roles.near else found(view).clusters


def clusters_are(view: View) -> str:
    """What `clusters` goes by, in words."""
    return copies_are(view.data) if view.data.roles.near else by(found(view))


def by(near: NearDuplicates) -> str:
    """What a search went by, in words."""
    if near.kind == "rows" and not near.threshold:
        return ALL_COLUMNS
    return WAYS[near.kind].format(near.threshold)


def copies_of(cluster: Array, mask: Array) -> Array:
    """Bool (n,): records outside `mask` (n,) in a cluster (n,) of one inside; a negative one is none."""
    inside = np.isin(cluster, np.unique(cluster[mask & (cluster >= 0)])) & (cluster >= 0)
    return inside & ~mask


# --- at once, without a search ----------------------------------------------------------------------


def near_copies(data: Dataset, mask: Array) -> Array:
    """Bool (n,): records outside `mask` (n,) that are near-copies of some inside.

    By the dataset's column of near-duplicate clusters; without one, by exactly equal content.
    """
    return copies_of(own_clusters(data), mask)


def copies_are(data: Dataset) -> str:
    """What `near_copies` goes by, in words."""
    if data.roles.near:
        return f"the dataset's own column {data.roles.near!r} of near-duplicates"
    return "exactly equal content (the dataset names no near-duplicates)"


def own_clusters(data: Dataset) -> Array:
    """Number (n,) of the cluster that each record is in; -1 for none."""
    if data.roles.near:
        return data.meta[data.roles.near].fillna(-1).to_numpy().astype(np.int64)
    return equal(data)


def equal(data: Dataset) -> Array:
    """A number (n,) for each record, the same for exactly equal content; worked out once."""
    return _equal(data.digest, data)


@st.cache_data(show_spinner=False, max_entries=8)
def _equal(digest: str, _data: Dataset) -> Array:
    return equal_content(_data)
