"""A dataset from a file: read, type the columns, give them their parts, split, address."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pandas as pd

from disgorge_core.data.address import addressed
from disgorge_core.data.kinds import date_columns, features, tidy
from disgorge_core.data.labels import Targets, targets
from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.process import read_apart
from disgorge_core.data.roles import Guess, guess_roles
from disgorge_core.data.splits import duplicate_groups, given, made
from disgorge_core.errors import BadData
from disgorge_core.types import Array, Dataset, Roles

LARGEST = 2**34  # bytes of a file or folder
LONGEST_ID = 200


def load_dataset(
    path: Path | str,
    *,
    label: str | None = None,
    id: str | None = None,
    owner: str | None = None,
    source: str | None = None,
    split: str | None = None,
    name: str | None = None,
    task: str | None = None,
    seed: int = 0,
    limit: int = LARGEST,
) -> Dataset:
    """A table from a file of any known format; raises BadData in words.

    A part that is None is guessed, and "" means that there is none; the guesses stand in `notes`.
    Without a split column 70/10/20 % are drawn by `seed`. `limit`: the largest file, in bytes.
    """
    path = Path(path)
    parts = {"label": label, "id": id, "owner": owner, "source": source, "split": split}
    return dataset_of(read_file(path, limit).frame, name or path.stem, parts, task, seed)


def read_file(path: Path | str, limit: int = LARGEST, *, scratch: Path | None = None) -> Found:
    """What a file or folder holds, before its columns are given their parts; raises BadData.

    It is read by a process of its own with bounded memory and time, which writes below `scratch`.
    """
    path = Path(path)
    if not path.is_file():
        raise BadData("There is no such file.", "Choose a file that exists.")
    size = path.stat().st_size
    if not size:
        raise BadData("The file is empty.", "Choose a file with a table.")
    if size > limit:
        raise BadData(
            f"The file has {size / 2**20:,.1f} MB, the limit is {limit / 2**20:,.1f} MB.",
            "Open a part of it, or raise the limit.",
        )
    return read_apart(path, scratch=scratch)


def dataset_of(
    frame: pd.DataFrame,
    name: str,
    parts: dict[str, str | None] | None = None,
    task: str | None = None,
    seed: int = 0,
) -> Dataset:
    """A dataset of a table in memory; `parts` as the arguments of `load_dataset`. Raises BadData."""
    _check_size(frame)
    dates = date_columns(frame)
    frame = tidy(frame)
    chosen = _choose(frame, parts or {})
    target = targets(frame[chosen.roles.label], task)
    ids = _ids(frame, chosen.roles.id)
    x, left_out = _features(frame, chosen, dates)
    split, about_split = _split(frame, chosen.split, x, target, ids, seed)
    return addressed(
        Dataset(
            name=name, kind="table", task=target.task, ids=ids, x=x, y=target.y, classes=target.classes,
            split=split, meta=frame, roles=chosen.roles, digest="",
            notes=(*chosen.reasons, *left_out, *about_split),
        )
    )  # fmt: skip


def _check_size(frame: pd.DataFrame) -> None:
    if len(frame) < 2:
        raise BadData(
            f"The table has {len(frame)} {'row' if len(frame) == 1 else 'rows'}.",
            "Open one with at least 2 records.",
        )
    if len(frame.columns) < 2:
        raise BadData(
            "The table has one column only.", "Give it a label and at least one other column."
        )


def _choose(frame: pd.DataFrame, parts: dict[str, str | None]) -> Guess:
    """The stated parts, and guesses for the others that do not clash with them."""
    stated = {part: column for part, column in parts.items() if column is not None}
    for column in filter(None, stated.values()):
        _check_there(frame, column)
    if stated.get("label") == "":
        raise BadData("A dataset needs a label.", "Name the column that a model shall learn.")
    free = frame.drop(columns=[column for column in stated.values() if column])
    guess = guess_roles(free) if len(free.columns) else Guess(Roles(""), "", ())
    guessed = {
        "label": guess.roles.label, "id": guess.roles.id, "owner": guess.roles.owner,
        "source": guess.roles.source, "split": guess.split,
    }  # fmt: skip
    final = {**guessed, **stated}
    reasons = tuple(
        f"The column {column!r} was taken as the {part}, by its name and values."
        for part, column in guessed.items()
        if column and part not in stated
    )
    roles = Roles(final["label"], final["id"], final["owner"], final["source"])
    return Guess(roles, final["split"], reasons)


def _check_there(frame: pd.DataFrame, column: str) -> None:
    if column not in frame.columns:
        names = list(map(str, frame.columns))
        close = difflib.get_close_matches(column[:200], names, n=3, cutoff=0.4) or names[:8]
        raise BadData(f"There is no column {column[:60]!r}.", f"There is: {', '.join(close)}.")


def _ids(frame: pd.DataFrame, column: str) -> Array:
    if not column:
        return np.arange(len(frame)).astype(str)
    values = frame[column]
    missing = np.flatnonzero(values.isna())
    if len(missing):
        raise BadData(
            f"The id {column!r} is missing in {len(missing):,} data rows, first in row"
            f" {missing[0] + 1:,}.",
            "Fill it in, or use no id column.",
        )
    whole = pd.api.types.is_float_dtype(values) and bool((values % 1 == 0).all())
    texts = (values.astype(np.int64) if whole else values).astype("str")
    _check_ids(column, texts)
    return texts.to_numpy(dtype=str)


def _check_ids(column: str, texts: pd.Series) -> None:
    again = np.flatnonzero(texts.duplicated())
    if len(again):
        raise BadData(
            f"The id {column!r} is not unique: {texts.iloc[again[0]][:40]!r} comes back in data row"
            f" {again[0] + 1:,}.",
            "Choose a column of unique ids, or none.",
        )
    if int(texts.str.len().max()) > LONGEST_ID or texts.str.contains(r"[\r\n\x00]").any():
        raise BadData(
            f"The id {column!r} holds line breaks or more than {LONGEST_ID} characters.",
            "Choose another column, or none.",
        )


def _features(
    frame: pd.DataFrame, chosen: Guess, dates: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    roles = chosen.roles
    taken = {roles.label, roles.id, roles.owner, roles.source, chosen.split}
    names = features(frame, taken, dates)
    if not names:
        raise BadData(
            "No column is left for a model to learn from.",
            "Keep at least one column of numbers or categories besides the label.",
        )
    left = [name for name in frame.columns if name not in taken and name not in names]
    note = (
        f"Not used as features (dates, free text, or nothing in them): {', '.join(left[:10])}"
        f"{' ...' if len(left) > 10 else ''}."
    )
    return frame[names], [note] if left else []


def _split(
    frame: pd.DataFrame, column: str, x: pd.DataFrame, target: Targets, ids: Array, seed: int
) -> tuple[Array, list[str]]:
    group = duplicate_groups(x)
    if not column:
        strata = target.y if target.task == "classification" else np.zeros(len(x), np.int64)
        return made(ids, strata, group, seed), []
    split = given(frame[column])
    notes = [] if (split == 1).any() else ["The split column has no validation records."]
    table = pd.DataFrame({"group": group, "split": split})
    apart = table.groupby("group")["split"].transform("nunique") > 1
    if apart.any():
        notes.append(f"{int(apart.sum()):,} records have an exact duplicate in another split.")
    return split, notes
