"""The parts that columns play: guessed, corrected, tried on the records, and made a case of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.data.loading import dataset_of
from disgorge_core.data.roles import Guess
from disgorge_core.types import SPLITS, Dataset
from pages.common import gallery, messages, state
from pages.common.services import cases

NONE = "(none)"
PREVIEW, SHOWN = 100, 12  # rows and pictures
PARTS = {
    "label": "What a model shall predict",
    "text": "The free text that a model reads; without it, models read the other columns as a table",
    "id": "Names a record for good; without it the row number does",
    "owner": "Whose record it is: an artist, a patient, a customer",
    "source": "Where it came from",
    "split": "Says train, validation or test; without it 70/10/20 % are drawn",
    "near": "Number of a group of near-duplicates; those of one group stay in one split",
}
NAMES = {"near": "Near-duplicates"}
TASKS = {"": "Guess", "classification": "Classes", "regression": "Numbers"}
TOGETHER = {"": "Records", "owner": "Owners", "source": "Sources"}


@dataclass(frozen=True, eq=False)
class Material:
    """What a dataset is made of: `key` changes with it; `guess` and the others are where the form starts."""

    key: str
    name: str
    frame: pd.DataFrame
    guess: Guess
    pictures: Any = None
    notes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    task: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Choice:
    """What the user chose: parts of columns, columns to leave out, task, and how a split is drawn."""

    parts: tuple[tuple[str, str], ...]
    ignore: tuple[str, ...]
    task: str
    seed: int
    group: str


def draw(material: Material, change: bool = False) -> None:
    """The form left, what it gives right; `change`: only with other parts is there something to make."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        name = st.text_input("Name of the case", value=material.name, key=f"name_{material.key}")
        choice = _choice(material)
    with right:
        with messages.problems_in_words():
            made = _dataset(material.key, choice, material)
            named = replace(made, name=name.strip() or "my data", licence=material.licence)
            _offer(named, same=change and choice == _start(material))
        _preview(material)


@st.cache_resource(show_spinner="Checking the records", max_entries=2, scope="session")
def _dataset(key: str, choice: Choice, _material: Material) -> Dataset:
    return dataset_of(
        _material.frame, key, dict(choice.parts), choice.task or None, choice.seed,
        group=choice.group, ignore=choice.ignore, pictures=_material.pictures, notes=_material.notes,
    )  # fmt: skip


def _choice(material: Material) -> Choice:
    shown = [part for part in PARTS if part != "text" or material.pictures is None]
    parts = dict.fromkeys(PARTS, "")
    for first in range(0, len(shown), 2):
        for part, place in zip(shown[first : first + 2], st.columns(2), strict=False):
            with place:
                parts[part] = _part(part, material)
    task = st.segmented_control(
        "The label is", list(TASKS), default=material.task, required=True, format_func=TASKS.__getitem__,
        key=f"task_{material.key}",
    )  # fmt: skip
    table = material.pictures is None and not parts["text"]
    ignore = _ignored(material, parts) if table else ()
    seed, group = (0, "") if parts["split"] else _draw_of_split(material.key, parts)
    return Choice(tuple(parts.items()), ignore, str(task), seed, group)


def _start(material: Material) -> Choice:
    """What the form says before anything is changed."""
    parts = tuple((part, _guessed(part, material.guess)) for part in PARTS)
    return Choice(parts, material.ignore, material.task, 0, "")


def _guessed(part: str, guess: Guess) -> str:
    return guess.split if part == "split" else str(getattr(guess.roles, part))


def _part(part: str, material: Material) -> str:
    options = [NONE, *map(str, material.frame.columns)]
    found = _guessed(part, material.guess)
    chosen = st.selectbox(
        NAMES.get(part, part.capitalize()), options, index=options.index(found) if found else 0,
        key=f"role_{part}_{material.key}", help=PARTS[part],
    )  # fmt: skip
    if (
        found
        and chosen == found
        and any(f"as the {part}," in reason for reason in material.guess.reasons)
    ):
        st.caption("Guessed, by its name and values")
    return "" if chosen == NONE else chosen


def _ignored(material: Material, parts: dict[str, str]) -> tuple[str, ...]:
    free = [name for name in map(str, material.frame.columns) if name not in parts.values()]
    chosen = st.multiselect(
        "Columns that no model shall see", free, default=[n for n in material.ignore if n in free],
        key=f"ignore_{material.key}", placeholder="None",
        help="They stay in the table of records and in filters.",
    )  # fmt: skip
    return tuple(chosen)


def _draw_of_split(key: str, parts: dict[str, str]) -> tuple[int, str]:
    """Seed, and what is kept together, where no column says the split."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        whole = [group for group in TOGETHER if not group or parts[group]]
        group = st.segmented_control(
            "Draw the split by", whole, default="", required=True, format_func=TOGETHER.__getitem__,
            key=f"group_{key}_{len(whole)}",
            help="By owners: all records of an owner train, validate or test. Copies always stay together.",
        )  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31, 0, key=f"seed_{key}", width=120)
    return int(seed), str(group)


def _preview(material: Material) -> None:
    frame = material.frame
    columns = len(frame.columns)
    st.markdown(f"**{len(frame):,} rows, {columns} {'column' if columns == 1 else 'columns'}**")
    st.dataframe(frame.head(PREVIEW), key="upload_preview", height=390)
    st.caption(f"The first {min(PREVIEW, len(frame))} rows, as they were read.")


def _offer(data: Dataset, same: bool) -> None:
    with st.container(border=True, key="upload_summary"):
        st.markdown(_summary(data))
        if data.kind == "image":
            gallery.tiles(data, np.unique(np.linspace(0, len(data) - 1, SHOWN).astype(int)))
        for note in data.notes:
            st.caption(messages.as_written(note))
        if same:
            st.caption("These are the parts that the columns have now.")
        if st.button("Create case", key="upload_create", type="primary", disabled=same):
            case = cases().create(data.name, data)
            state.go("case/data", case=case.id)


def _summary(data: Dataset) -> str:
    splits = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    what = f"{len(data.classes)} classes" if data.classes else "a number"
    return f"**{len(data):,} records** ({splits}), {_inputs(data)}, label: {what}."


def _inputs(data: Dataset) -> str:
    if data.kind == "image":
        height, width, channels = data.shape
        return f"pictures of {width} x {height} in {'grey' if channels == 1 else 'colour'}"
    return "texts" if data.kind == "text" else f"{data.shape[0]} inputs"
