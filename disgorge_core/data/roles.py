"""A guess which column is the label, the id, the owner ..., with the reason for each."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from disgorge_core.data.kinds import FEW_VALUES, MOST_VALUES, PROSE, date_columns, words_in
from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.types import Roles

LABELS = ("label", "labels", "target", "class", "y", "outcome", "category")
IDS = (
    "id", "ids", "uuid", "guid", "key", "index", "record", "unnamed", "__index_level_0__",
    "path", "file", "filename", "file_name",
)  # fmt: skip
OWNERS = (
    "owner", "artist", "author", "speaker", "creator", "user", "username", "customer", "person",
    "patient", "subject", "user_id", "customer_id", "patient_id", "person_id", "subject_id",
)  # fmt: skip
SOURCES = ("source", "origin", "provider", "site", "hospital", "domain", "url")
SPLIT_NAMES = ("split", "subset", "partition", "fold", "set")
NEAR = ("near", "near-duplicates", "near_duplicates")
TEXTS = (
    "text", "texts", "sentence", "review", "review_text", "body", "content", "message", "passage",
    "document", "comment", "tweet", "utterance", "post",
)  # fmt: skip
PARTS = ("label", "id", "owner", "source", "split", "text", "near")
FEW_CODES = 12  # distinct whole numbers that can be classes
SAMPLE = 1000  # rows that tell how long the texts of a column are


@dataclass(frozen=True)
class Guess:
    """Guessed roles and split column, with one sentence for each guess."""

    roles: Roles
    split: str
    reasons: tuple[str, ...]


def guess_roles(frame: pd.DataFrame, pictures: bool = False) -> Guess:
    """Guess from the columns' names and values; what is not found is empty.

    `pictures`: the records are pictures, so that no column is a text to learn from.
    """
    return _guess(_guessed(frame, pictures))


def choose(frame: pd.DataFrame, parts: Mapping[str, str | None], pictures: bool) -> Guess:
    """The stated parts ("" for none), and guesses for the others that do not clash; raises BadData."""
    stated = {part: column for part, column in parts.items() if column is not None}
    check_there(frame, filter(None, stated.values()))
    if stated.get("label") == "":
        raise BadData("A dataset needs a label.", "Name the column that a model shall learn.")
    free = frame.drop(columns=[column for column in stated.values() if column])
    guessed = _guessed(free, pictures, stated) if len(free.columns) else {}
    said = tuple(_reason(k, v) for k, v in guessed.items() if v)
    return Guess(*_roles({**guessed, **stated}), said)


def _guess(found: Mapping[str, str]) -> Guess:
    return Guess(*_roles(found), tuple(_reason(k, v) for k, v in found.items() if v))


def _roles(found: Mapping[str, str]) -> tuple[Roles, str]:
    """Roles and split column."""
    split = found.get("split", "")
    return Roles(**{"label": "", **{k: v for k, v in found.items() if k != "split"}}), split


def _guessed(frame: pd.DataFrame, pictures: bool, stated: Collection[str] = ()) -> dict[str, str]:
    """A column for each part that is not stated, "" for none; a column plays one part only."""
    found = {"split": _split(frame), "label": _named(frame, LABELS), "id": _id(frame)}
    found = {part: name for part, name in found.items() if part not in stated}
    for part, names in (("owner", OWNERS), ("source", SOURCES), ("near", NEAR)):
        name = _named(frame, names)
        if part not in stated:
            found[part] = "" if name in found.values() else name
    if found.get("label") == "":
        found["label"] = _label(frame, taken=set(found.values()))
    if found.get("id") and found["id"] == found.get("label"):
        found["id"] = ""
    if "text" not in stated:
        found["text"] = "" if pictures else _text(frame, taken=set(found.values()))
    return found


def _reason(part: str, name: str) -> str:
    return f"The column {name!r} was taken as the {part}, by its name and values."


def check_there(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise BadData for the first that is no column, with those that it may have meant."""
    for column in columns:
        if column not in frame.columns:
            names = list(map(str, frame.columns))
            close = difflib.get_close_matches(column[:200], names, n=3, cutoff=0.4) or names[:8]
            raise BadData(f"There is no column {column[:60]!r}.", f"There is: {', '.join(close)}.")


def _named(frame: pd.DataFrame, names: tuple[str, ...]) -> str:
    by_word = {_plain(name): str(name) for name in frame.columns}
    return next((by_word[name] for name in names if name in by_word), "")


def _plain(name: object) -> str:
    return str(name).strip().lower().replace(" ", "_")


def _label(frame: pd.DataFrame, taken: Collection[str]) -> str:
    """The class that stands nearest to a text, else the last one; else the last column of few values."""
    splits = {str(name) for name in frame.columns if _plain(name) in SPLIT_NAMES}
    names = [str(name) for name in frame.columns]
    free = [name for name in names if name not in taken and name not in splits] or names
    classes = [name for name in free if _is_class(frame[name])]
    text = _named(frame, TEXTS)
    if classes and text and words_in(frame[text]) >= PROSE:
        return min(classes, key=lambda name: abs(names.index(name) - names.index(text) - 0.5))
    few = [name for name in free if 2 <= frame[name].nunique() <= FEW_VALUES]
    return (classes or few or free)[-1]


def _is_class(values: pd.Series) -> bool:
    """Words that come again and again, or a few whole numbers without a gap: no counts, no amounts."""
    known = values.dropna().unique()
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return 2 <= len(known) <= min(FEW_VALUES, len(values) // 2)
    whole = sorted(known)
    return 2 <= len(whole) <= FEW_CODES and all(b - a == 1 for a, b in pairwise(whole))


def _id(frame: pd.DataFrame) -> str:
    """A column of a usual name, that ends in "id" or names a person, with a value of its own in each row."""
    ending = tuple(
        str(name) for name in frame.columns if str(name).lower().endswith(("_id", " id"))
    )
    named = _named(frame, IDS)
    for name in (named, *ending, _named(frame, OWNERS)):
        if name and frame[name].is_unique and not frame[name].hasnans:
            return name
    return ""


def _split(frame: pd.DataFrame) -> str:
    """A column that says which records train and which test."""
    name = split_like(frame)
    meant = {WORDS[str(word).strip().lower()] for word in frame[name].unique()} if name else set()
    return name if {"train", "test"} <= meant else ""


def split_like(frame: pd.DataFrame) -> str:
    """A column of a usual name that holds nothing but words for splits, perhaps not all of them."""
    name = _named(frame, SPLIT_NAMES)
    if not name or frame[name].hasnans:
        return ""
    words = {str(word).strip().lower() for word in frame[name].unique()}
    return name if words <= set(WORDS) else ""


def _text(frame: pd.DataFrame, taken: Collection[str]) -> str:
    """Prose of a usual name; else the longest prose, where nothing else could be learnt from."""
    free = [str(name) for name in frame.columns if str(name) not in taken]
    named = _named(frame[free], TEXTS)
    if named and words_in(frame[named]) >= PROSE:
        return named
    prose = [name for name in free if words_in(frame[name]) >= PROSE]
    other = [name for name in free if name not in prose and not date_columns(frame[[name]])]
    if not prose or any(_could_be_feature(frame[name]) for name in other):
        return ""
    return max(prose, key=lambda name: frame[name].iloc[:SAMPLE].astype("str").str.len().median())


def _could_be_feature(values: pd.Series) -> bool:
    most = min(MOST_VALUES, max(FEW_VALUES, len(values) // 2))
    return pd.api.types.is_numeric_dtype(values) or 1 < values.nunique() <= most
