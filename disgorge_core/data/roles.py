"""A guess which column is the label, the id, the owner ..., with the reason for each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from disgorge_core.data.kinds import FEW_VALUES
from disgorge_core.data.split_words import WORDS
from disgorge_core.types import Roles

LABELS = ("label", "labels", "target", "class", "y", "outcome", "category")
IDS = ("id", "ids", "uuid", "guid", "key", "index", "record", "unnamed", "__index_level_0__")
OWNERS = (
    "owner", "artist", "author", "speaker", "creator", "user", "username", "customer", "person",
    "patient", "subject", "user_id", "customer_id", "patient_id", "person_id", "subject_id",
)  # fmt: skip
SOURCES = ("source", "origin", "provider", "site", "hospital", "domain", "url")
SPLIT_NAMES = ("split", "subset", "partition", "fold", "set")


@dataclass(frozen=True)
class Guess:
    """Guessed roles and split column, with one sentence for each guess."""

    roles: Roles
    split: str
    reasons: tuple[str, ...]


def guess_roles(frame: pd.DataFrame) -> Guess:
    """Guess from the columns' names and values; what is not found is empty."""
    found = {"split": _split(frame), "label": _named(frame, LABELS), "id": _id(frame)}
    for part, names in (("owner", OWNERS), ("source", SOURCES)):
        name = _named(frame, names)
        found[part] = "" if name in found.values() else name  # a column plays one part only
    if not found["label"]:
        found["label"] = _last_with_few_values(frame, taken=set(found.values()))
    if found["id"] == found["label"]:
        found["id"] = ""
    roles = Roles(found["label"], found["id"], found["owner"], found["source"])
    return Guess(roles, found["split"], tuple(_reason(k, v) for k, v in found.items() if v))


def _reason(part: str, name: str) -> str:
    return f"The column {name!r} was taken as the {part}, by its name and values."


def _named(frame: pd.DataFrame, names: tuple[str, ...]) -> str:
    by_word = {str(name).strip().lower().replace(" ", "_"): str(name) for name in frame.columns}
    return next((by_word[name] for name in names if name in by_word), "")


def _last_with_few_values(frame: pd.DataFrame, taken: set[str]) -> str:
    """The last column with some but not too many distinct values that plays no other part."""
    free = [name for name in reversed(frame.columns) if str(name) not in taken]
    some = (name for name in free if 2 <= frame[name].nunique() <= FEW_VALUES)
    return str(next(some, free[0] if free else frame.columns[-1]))


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
    name = _named(frame, SPLIT_NAMES)
    if not name or frame[name].hasnans:
        return ""
    words = {str(word).strip().lower() for word in frame[name].unique()}
    return name if words <= set(WORDS) and "train" in {WORDS[w] for w in words} else ""
