"""What only the user knows of a model from elsewhere: preprocessing, training records, recipe."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import streamlit as st

from disgorge_core.data.columns import column_names, column_of
from disgorge_core.data.preprocessing import fixed_pixels
from disgorge_core.errors import BadModel
from disgorge_core.models.loading import chosen_preprocessing, seen_ids
from disgorge_core.params import make
from disgorge_core.types import SPLITS, Dataset, ForgetSet, Preprocessing, Recipe
from pages.common import forms

PICTURES = {
    "raw": "Pixels / 255",
    "stated": "Pixels / 255, then mean and deviation as stated",
    "standard": "Mean 0, deviation 1 of the training records",
}
TABLES = {
    "standard": "Mean 0, deviation 1 of the training records",
    "raw": "Numbers as they are",
}
WORDS = (
    "the model knows the words of the training records, by the rule of models that are trained here; one "
    "that knows others has to come as a folder, which holds its words."
)
SEEN = {
    "train": "All training records",
    "column": "Those with some value in a column",
    "list": "A list of ids",
    "unknown": "I do not know",
}
UNKNOWN = (
    "Without this nobody can retrain, train references or certify: it is unknown what must be left out. "
    "Edits of the weights and the output guard still work."
)
RECIPE = (
    "How it was trained. Retraining and references follow it; without it, only edits of the weights and the "
    "output guard apply. Twins can tell later whether it is right."
)
OUTSIDE = (
    "{count:,} of them are validation or test records here: scores on those are flattered, and they are "
    "not trained on again."
)


def preprocessing(
    data: Dataset, key: str, trained_on: str | list[str] | None = None
) -> Preprocessing:
    """How raw records become the network's input; raises BadModel for numbers that do not fit."""
    seen = seen_ids(data, trained_on or "unknown")
    if data.kind == "text":
        st.caption(f"Preprocessing: {WORDS}")
        return chosen_preprocessing(data, None, seen)[0]
    options = PICTURES if data.kind == "image" else TABLES
    how = st.radio(
        "Preprocessing", list(options), format_func=options.__getitem__, key=f"{key}_prep",
        horizontal=True,
    )  # fmt: skip
    if how != "stated":
        return chosen_preprocessing(data, how, seen)[0]
    channels = data.shape[-1]
    left, right = st.columns(2)
    mean = left.text_input("Mean of each channel", ", ".join(["0.5"] * channels), key=f"{key}_mean")
    std = right.text_input("Deviation of each", ", ".join(["0.5"] * channels), key=f"{key}_std")
    return fixed_pixels(channels, _numbers(mean, channels), _numbers(std, channels, positive=True))


def _numbers(text: str, count: int, positive: bool = False) -> list[float]:
    try:
        values = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        values = []
    if len(values) != count or (positive and min(values) <= 0) or not np.isfinite(values).all():
        raise BadModel(
            f"{text[:40]!r} is not {count} {'positive ' if positive else ''}numbers.",
            "Write one for each channel, with commas between them.",
        )
    return values


def trained_on(data: Dataset, key: str, without: ForgetSet | None = None) -> str | list[str] | None:
    """Which records the model was trained on, as `open_model` takes it; None until it is said.

    `without`: for a reference, all training records but these are offered first.
    """
    ways = {"without": f"All training records without “{without.name}”"} if without else {}
    ways |= {k: v for k, v in SEEN.items() if k != "train" or without is None}
    how = st.radio(
        "Trained on", list(ways), format_func=ways.__getitem__, key=f"{key}_seen",
        horizontal=True, index=0 if without else None,
    )  # fmt: skip
    if how == "unknown":
        st.caption(UNKNOWN)
    if how == "without" and without is not None:
        rows = data.rows("train")
        return [str(name) for name in data.ids[rows[~without.mask(data)[rows]]]]
    if how in ("column", "list"):
        ids = _by_column(data, key) if how == "column" else _by_list(key)
        _warn_of_others(data, ids)
        return ids or None
    return how


def _by_list(key: str) -> list[str]:
    text = st.text_area("Ids, one a line", key=f"{key}_ids", height=120)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _warn_of_others(data: Dataset, ids: list[str]) -> None:
    """Say how many of the records are not in the training split."""
    rows = [data.row_of[name] for name in ids if name in data.row_of]
    others = int((data.split[rows] != SPLITS.index("train")).sum())
    if others:
        st.caption(OUTSIDE.format(count=others))


def _by_column(data: Dataset, key: str) -> list[str]:
    left, right = st.columns([1, 2])
    column = left.selectbox("Column", column_names(data), key=f"{key}_seen_column")
    values = column_of(data, column).values.astype("string").fillna("(missing)")
    options = sorted(values.unique().tolist())
    chosen = right.multiselect("Values", options, key=f"{key}_seen_{column}")
    return [str(name) for name in data.ids[values.isin(chosen).to_numpy()]]


def recipe(
    data: Dataset, key: str, own: Recipe | None = None, solved: bool = False
) -> Recipe | None:
    """The recipe if the user knows it, beginning with the file's own; `solved`: nothing is stepped."""
    known = st.toggle("I know the recipe", value=own is not None, key=f"{key}_known", help=RECIPE)
    if not known:
        return None
    if own is not None:
        st.caption("This is what the file or its owner says; change what you know better.")
    hide = set() if data.kind == "image" else {"augment"}
    if solved:
        hide = {*asdict(Recipe()), "augment"} - {"l2", "dtype"}
    start = asdict(own) if own else {}
    made = forms.fields(Recipe, f"{key}_recipe", start=start, hide=hide, columns=4)
    return make(Recipe, {**start, **made})
