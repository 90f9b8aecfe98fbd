"""Making, reading and checking the set of records to remove."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from disgorge_core import store
from disgorge_core.data.query import select
from disgorge_core.errors import BadForgetSet
from disgorge_core.types import SPLITS, Array, Dataset, ForgetSet

LARGEST_FILE = 256 * 2**20  # bytes of a file of ids


class About(TypedDict, total=False):
    """What a person says about a forget set."""

    name: str
    author: str
    reason: str


def where(data: Dataset, text: str, **about: Unpack[About]) -> ForgetSet:
    """Records that a filter matches; raises BadQuery."""
    return from_mask(data, select(data, text), f"where {text.strip()}", **about)


def of(data: Dataset, ids: Iterable[str], how: str = "", **about: Unpack[About]) -> ForgetSet:
    """Records of these ids; raises BadForgetSet for ids that the dataset does not have."""
    names = sorted({str(name) for name in ids})
    _refuse_unknown([name for name in names if name not in data.row_of])
    return ForgetSet(tuple(names), data.digest, made=(how or f"{len(names):,} ids",), **about)


ForgetSet.where, ForgetSet.of = where, of  # how scripts write it


def from_mask(
    data: Dataset, mask: Array, how: str, by_looking: bool = False, **about: Unpack[About]
) -> ForgetSet:
    """Records of a mask (n,) bool; `how` says how it was drawn, `by_looking` whether at the model."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (len(data),):
        raise BadForgetSet(
            f"The mask has shape {mask.shape} and type {mask.dtype}.",
            f"Give one true or false for each of the {len(data):,} records.",
        )
    ids = tuple(sorted(map(str, data.ids[mask])))
    return ForgetSet(ids, data.digest, made=(how,), by_looking=by_looking, **about)


def union(first: ForgetSet, *others: ForgetSet) -> ForgetSet:
    """Records in any of the sets, also written `first | other`."""
    for other in others:
        first = first | other
    return first


def intersection(first: ForgetSet, *others: ForgetSet) -> ForgetSet:
    """Records in all of the sets, also written `first & other`."""
    for other in others:
        first = first & other
    return first


def difference(first: ForgetSet, *others: ForgetSet) -> ForgetSet:
    """Records of the first set in none of the others, also written `first - other`."""
    for other in others:
        first = first - other
    return first


# --- files --------------------------------------------------------------------------------------


def save(forget: ForgetSet, path: Path) -> None:
    """Write a forget set as JSON; raises StoreError."""
    store.write_json(path, {**asdict(forget), "digest": forget.digest})


def load(path: Path) -> ForgetSet:
    """Read a forget set that `save` wrote; raises StoreError, and BadForgetSet where it was changed."""
    content = store.read_json(path)
    try:
        digest = content.pop("digest")
        ids, made = (tuple(map(str, content.pop(name))) for name in ("ids", "made"))
        forget = ForgetSet(ids=ids, made=made, **content)
        unchanged = forget.digest == digest
    except (AttributeError, KeyError, TypeError):
        raise BadForgetSet(f"{path.name} is no forget set.", "Export it again.") from None
    if not unchanged:
        raise BadForgetSet(f"{path.name} was changed since it was made.", "Export it again.")
    return forget


def from_file(data: Dataset, path: Path, **about: Unpack[About]) -> ForgetSet:
    """Records whose ids stand in a text file, one a line, or in a CSV's id column; BadForgetSet.

    A .json file is a list of ids, or what `save` wrote, which keeps its own name and reasons.
    """
    if not path.is_file():
        raise BadForgetSet("There is no such file of ids.", "Choose a file that exists.")
    if path.suffix.lower() == ".json":
        return _from_json(data, path, **about)
    rows = _read_rows(path)
    column, rows = _id_column(data, rows)
    return _listed(data, [row[column] for row in rows if len(row) > column], **about)


def _from_json(data: Dataset, path: Path, **about: Unpack[About]) -> ForgetSet:
    _check_size(path)
    content = store.read_json(path)
    if isinstance(content, list):
        return _listed(data, list(map(str, content)), **about)
    forget = load(path)
    if forget.dataset != data.digest:
        raise BadForgetSet(
            f"{path.name} belongs to another dataset.", "Give a list of ids, or that dataset."
        )
    return forget


def _listed(data: Dataset, names: Sequence[str], **about: Unpack[About]) -> ForgetSet:
    ids = [_known(data, name) for name in names]
    if not ids:
        raise BadForgetSet("The file holds no ids.", "Put one id on each line.")
    return of(data, ids, f"{len(set(ids)):,} ids from a file", **about)


def _check_size(path: Path) -> None:
    if path.stat().st_size > LARGEST_FILE:
        raise BadForgetSet("The file of ids is above 256 MB.", "Split it into several.")


def _read_rows(path: Path) -> list[list[str]]:
    _check_size(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadForgetSet("The file of ids is not UTF-8 text.", "Save it as UTF-8.") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or "," not in text:
        return [[line] for line in lines]
    try:
        return [row for row in csv.reader(lines, strict=True) if row]
    except csv.Error:
        raise BadForgetSet("The file of ids is no CSV.", "Put one id on each line.") from None


def _id_column(data: Dataset, rows: list[list[str]]) -> tuple[int, list[list[str]]]:
    """Where the ids stand, and the rows without the header."""
    header = [cell.strip() for cell in rows[0]] if rows else []
    for name in (data.roles.id, "id"):
        if name and name in header and name not in data.row_of:
            return header.index(name), rows[1:]
    return 0, rows


def _known(data: Dataset, name: str) -> str:
    """The id as the dataset writes it: without spaces around it, or the apostrophe of an export."""
    spellings = (name, name.strip(), name.strip().removeprefix("'"))
    return next((s for s in spellings if s in data.row_of), spellings[1])


def _refuse_unknown(unknown: Sequence[str]) -> None:
    if not unknown:
        return
    few = ", ".join(repr(name[:40]) for name in unknown[:3])
    raise BadForgetSet(
        f"{_records(len(unknown))} of the list {_are(unknown)} not in this dataset: {few}.",
        "Take them off the list, or choose the dataset that they belong to.",
    )


# --- checks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """Where the members of a forget set sit, and what should be known before they are removed."""

    train: int
    validation: int
    test: int
    warnings: tuple[str, ...] = ()


def check(data: Dataset, forget: ForgetSet) -> Standing:
    """Count the members by split; raises BadForgetSet for none, all, unknown, none in training."""
    if forget.dataset != data.digest:
        raise BadForgetSet("The forget set belongs to another dataset.", "Choose it again here.")
    _refuse_unknown([name for name in forget.ids if name not in data.row_of])
    mask = forget.mask(data)
    train = data.split == SPLITS.index("train")
    counts = [int((mask & (data.split == code)).sum()) for code in range(len(SPLITS))]
    if not len(forget):
        raise BadForgetSet("The forget set is empty.", "Choose at least one record.")
    if not counts[0]:
        raise BadForgetSet(
            f"None of the {len(forget):,} chosen records is in the training split.",
            "Choose at least one record that was trained on.",
        )
    if not (train & ~mask).any():
        raise BadForgetSet(
            "The forget set holds every training record.", "Delete the model instead."
        )
    warnings = tuple(_warnings(data, mask, train, counts))
    return Standing(counts[0], counts[1], counts[2], warnings)


def _warnings(data: Dataset, mask: Array, train: Array, counts: list[int]) -> list[str]:
    said = []
    if counts[1] or counts[2]:
        said.append(
            f"{_records(counts[1])} of validation and {counts[2]:,} of test are taken out there too."
        )
    return said + [
        f"No training record of the class {name!r} is left: a retrained model cannot know it."
        for name in _whole_classes(data, mask, train)
    ]


def _whole_classes(data: Dataset, mask: Array, train: Array) -> list[str]:
    left = set(data.y[train & ~mask].tolist())
    gone = sorted(set(data.y[train & mask].tolist()) - left)
    return [data.classes[code] for code in gone] if data.classes else []


def _records(count: int) -> str:
    return f"{count:,} record" if count == 1 else f"{count:,} records"


def _are(things: Sequence[Any]) -> str:
    return "is" if len(things) == 1 else "are"
