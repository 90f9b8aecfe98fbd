"""A dataset from a file: read, type the columns, give them their parts, split, address."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data.address import addressed
from disgorge_core.data.ids import ids_of
from disgorge_core.data.kinds import date_columns, features, tidy
from disgorge_core.data.labels import as_numbers, targets
from disgorge_core.data.near.content import equal_content
from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.process import read_apart
from disgorge_core.data.roles import Guess, check_there, choose, split_like
from disgorge_core.data.splits import (
    alone_where_missing,
    given,
    made,
    made_of_large_groups,
    together,
)
from disgorge_core.errors import BadData
from disgorge_core.types import SPLITS, Array, Dataset, Roles

LARGEST = 2**34  # bytes of a file
GROUPS = ("", "owner", "source")  # by what the records of a drawn split are kept together


def load_dataset(
    path: Path | str,
    *,
    label: str | None = None,
    id: str | None = None,
    owner: str | None = None,
    source: str | None = None,
    split: str | None = None,
    text: str | None = None,
    near: str | None = None,
    name: str | None = None,
    task: str | None = None,
    seed: int = 0,
    group: str = "",
    ignore: Sequence[str] = (),
    size: int = 0,
    limit: int = LARGEST,
) -> Dataset:
    """A dataset from a file or folder of any known format; raises BadData in words.

    A part that is None is guessed, and "" means that there is none; the guesses stand in `notes`.
    Without a split column 70/10/20 % are drawn by `seed`; `group` "owner" or "source" keeps all records
    of one together. `ignore`: columns that no model shall see. `size`: longer side of pictures; `limit`:
    the largest file, in bytes.
    """
    path = Path(path)
    parts = {
        "label": label, "id": id, "owner": owner, "source": source, "split": split, "text": text,
        "near": near,
    }  # fmt: skip
    found = read_file(path, limit, size=size)
    return dataset_of(
        found.frame, name or path.stem, parts, task, seed,
        group=group, ignore=ignore, pictures=found.pictures, notes=found.notes,
    )  # fmt: skip


def read_file(
    path: Path | str, limit: int = LARGEST, *, size: int = 0, scratch: Path | None = None
) -> Found:
    """What a file or folder holds, before its columns are given their parts; raises BadData.

    It is read by a process of its own with bounded memory and time, which writes below `scratch`.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            _check_file(path, limit)
        readable = os.access(path, os.R_OK)
    except (
        OSError,
        ValueError,
    ):  # a name too long, a NUL character, a folder that may not be entered
        raise _no_file() from None
    if not readable:
        raise BadData("The file may not be read.", "Check its permissions.")
    return read_apart(path, size=size, scratch=scratch)


def _no_file() -> BadData:
    return BadData("There is no such file.", "Choose a file that exists.")


def _check_file(path: Path, limit: int) -> None:
    if not path.is_file():
        raise _no_file()
    size = path.stat().st_size
    if not size:
        raise BadData("The file is empty.", "Choose a file with a table.")
    if size > limit:
        raise BadData(
            f"The file has {size / 2**20:,.1f} MB, the limit is {limit / 2**20:,.1f} MB.",
            "Open a part of it, or raise the limit.",
        )


def dataset_of(
    frame: pd.DataFrame,
    name: str,
    parts: Mapping[str, str | None] | None = None,
    task: str | None = None,
    seed: int = 0,
    *,
    group: str = "",
    ignore: Sequence[str] = (),
    pictures: Any = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """A dataset of a table in memory, and of a picture for each of its rows where there are some.

    `pictures`: uint8 (n, height, width, channels). Others as the arguments of `load_dataset`; raises
    BadData.
    """
    _check_size(frame, pictures is not None)
    dates = date_columns(frame)
    frame = tidy(frame)
    chosen = choose(frame, parts or {}, pictures is not None)
    if task == "regression":
        frame[chosen.roles.label] = as_numbers(frame[chosen.roles.label])
    target = targets(frame[chosen.roles.label], task)
    ids = ids_of(frame, chosen.roles.id)
    check_there(frame, ignore)
    kind, x, about_x = _records(frame, chosen, [*dates, *ignore], pictures)
    data = Dataset(
        name=name, kind=kind, task=target.task, ids=ids, x=x, y=target.y, classes=target.classes,
        split=np.zeros(len(ids), np.int8), meta=frame, roles=chosen.roles, digest="",
    )  # fmt: skip
    split, about_split = _split(data, chosen.split, seed, group)
    said = (*notes, *chosen.reasons, *about_x, *about_split)
    return addressed(replace(data, split=split, notes=said))


def _check_size(frame: pd.DataFrame, pictures: bool) -> None:
    if len(frame) < 2:
        raise BadData(
            f"The table has {len(frame)} {'row' if len(frame) == 1 else 'rows'}.",
            "Open one with at least 2 records.",
        )
    if len(frame.columns) < 2 and not pictures:
        raise BadData(
            "The table has one column only.", "Give it a label and at least one other column."
        )


def _records(
    frame: pd.DataFrame, chosen: Guess, unread: list[str], pictures: Any
) -> tuple[str, Any, list[str]]:
    """Kind, raw records, and notes on what is not read of them."""
    if pictures is not None:
        return "image", pictures, []
    names = _feature_names(frame, chosen, unread)
    if chosen.roles.text:
        x, notes = _texts(frame, chosen.roles.text)
        return "text", x, notes + (_not_read(names) if names else [])
    if not names:
        raise BadData(
            "No column is left for a model to learn from.",
            "Keep a column of numbers, categories or texts besides the label.",
        )
    taken = {*_taken(chosen), *names, split_like(frame)}
    left = [name for name in frame.columns if name not in taken]
    note = f"Not used as features (dates, free text, left out, or nothing in them): {_few(left)}."
    return "table", frame[names], [note] if left else []


def _feature_names(frame: pd.DataFrame, chosen: Guess, unread: list[str]) -> list[str]:
    """What a table model would learn from; a column of splits never is."""
    return features(frame, {*_taken(chosen), split_like(frame)}, unread)


def _taken(chosen: Guess) -> set[str]:
    roles = chosen.roles
    return {roles.label, roles.id, roles.owner, roles.source, roles.near, roles.text, chosen.split}


def _not_read(names: list[str]) -> list[str]:
    return [f"A model reads the text only, not: {_few(names)}; choose no text to learn from those."]


def _few(names: list[str]) -> str:
    return f"{', '.join(names[:10])}{' ...' if len(names) > 10 else ''}"


def _texts(frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, list[str]]:
    if pd.api.types.is_numeric_dtype(frame[column]):
        raise BadData(f"The text {column!r} holds numbers.", "Choose a column of texts, or none.")
    texts = frame[[column]].astype("str")
    missing = int(texts[column].isna().sum())
    if missing == len(texts):
        raise BadData(f"The text {column!r} is empty.", "Choose a column of texts, or none.")
    return texts.fillna(""), [f"{missing:,} records have no text; it is empty."] if missing else []


def _split(data: Dataset, column: str, seed: int, group: str) -> tuple[Array, list[str]]:
    """Split codes (n,) as the column says, or drawn; with notes."""
    same = equal_content(data)
    if column:
        split = given(data.meta[column])
        return split, _about_given(split, same)
    near = [alone_where_missing(data.meta[data.roles.near])] if data.roles.near else []
    if group:
        owners = alone_where_missing(data.meta[_group_column(data.roles, group)])
        split = made_of_large_groups(data.ids, together([same, *near, owners]), seed)
        return split, [f"Drawn so that each {group} is in one split: {_shares(split)}."]
    strata = data.y if data.task == "classification" else np.zeros(len(data), np.int64)
    split = made(data.ids, strata, together([same, *near]), seed)
    return split, _about_drawn(split, split_like(data.meta))


def _group_column(roles: Roles, group: str) -> str:
    if group not in GROUPS:
        raise BadData(f"Records cannot be kept together by {group[:40]!r}.", "Use owner or source.")
    column: str = getattr(roles, group)
    if not column:
        raise BadData(
            f"There is no {group} to keep together.", f"Choose the column of the {group}."
        )
    return column


def _shares(split: Array) -> str:
    share = np.bincount(split, minlength=len(SPLITS)) / len(split)
    return ", ".join(f"{part:.0%} {name}" for name, part in zip(SPLITS, share, strict=True))


def _about_given(split: Array, same: Array) -> list[str]:
    notes = [] if (split == 1).any() else ["The split column has no validation records."]
    table = pd.DataFrame({"group": same, "split": split})
    apart = table.groupby("group")["split"].transform("nunique") > 1
    if apart.any():
        notes.append(f"{int(apart.sum()):,} records have an exact duplicate in another split.")
    return notes


def _about_drawn(split: Array, column: str) -> list[str]:
    empty = [name for code, name in enumerate(SPLITS) if code not in split]
    notes = [f"The column {column!r} was not used: the split is drawn."] if column else []
    return [*notes, f"No record was drawn for {' and '.join(empty)}."] if empty else notes
