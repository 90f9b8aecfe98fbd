"""A Hugging Face model on its way in: what its folder says, what its owner says, then a worker opens it."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from disgorge_core.errors import BadModel
from disgorge_core.jobs import Run
from disgorge_core.jobs.tasks.bring import MODEL, taken_in
from disgorge_core.models.backbones.beside import check_beside, in_words_of
from disgorge_core.models.backbones.pretrained import Pretrained
from disgorge_core.models.formats.huggingface import HuggingFace
from disgorge_core.models.loading import Loaded
from disgorge_core.models.saved import load_model_folder
from disgorge_core.models.weights import Unmatched, Weights
from disgorge_core.types import Dataset, ForgetSet, Model, Recipe, digest_of
from pages.common import forms, messages, progress, state, tables
from pages.common.local import on_this_computer
from pages.common.panels import View
from pages.common.services import cases, lanes
from pages.panels.model import stated, whole_network

RUN = "hugging_face"  # draft: the run that opens a file, by the file's key
HEADS = {
    "keep": "Nothing: it stays as it came",
    "train": "A new head",
    "whole": "The whole network",
}
START = {"epochs": 30, "lr": 0.1, "batch": 32, "l2": 1e-3}
HEAD = (
    "The head is the part that gives the classes; where it alone is trained, removal concerns it alone. "
    "What is trained here learns from the training records of this case, so that it is known which it saw."
)
WAY = (
    "Each record passes the backbone once; what it gives is kept with the case, so that training the head "
    "again takes little."
)
Found = Weights | Model | Unmatched
Offer = Callable[[Loaded, bool], None]


@dataclass(frozen=True, eq=False)
class Named:
    """A file or folder on this computer, what it says, and where its widgets keep their answers."""

    key: str
    path: Path
    found: Found


def is_for_a_worker(found: Found) -> bool:
    """Whether records have to pass a backbone, which takes too long for a page."""
    if isinstance(found, Model):
        return found.preprocessing.backbone is not None
    return isinstance(found, Pretrained)


def by_path() -> Named | None:
    """A folder that somebody names who sits at this computer."""
    if not on_this_computer():
        return None
    text = st.text_input(
        "or give the path of a Hugging Face folder on this computer", key="bring_path",
        placeholder="/home/me/model", help="A folder that save_pretrained wrote.",
    ).strip().strip("'\"")  # fmt: skip
    if not text:
        return None
    path = Path(text)
    if not path.is_absolute() or not path.is_dir():
        raise BadModel("There is no such folder.", f"Write all of it, as in {Path.home()}/model.")
    if not HuggingFace().sniff(path):
        raise BadModel("The folder has no config.json.", "Give one that save_pretrained wrote.")
    return Named(digest_of(str(path))[:16], path, HuggingFace().read(path))


def draw(view: View, named: Named, without: ForgetSet | None, offer: Offer) -> None:
    """The steps after the file; `offer` shows how the opened model fits, and adds it.

    `without`: for a reference, the records that it never saw.
    """
    request, ready = {"task": "bring"}, True
    if isinstance(named.found, Pretrained):
        check_beside(named.found, view.data)
        st.subheader("2 · What the folder says", anchor=False)
        _says(named.found, view.data)
        st.subheader("3 · What is trained here", anchor=False)
        request, ready = _asked(view, without, named, named.found)
    else:
        st.success("The file says everything itself.", icon=":material/check:")
    run = _run(view, named, request, ready)
    if run is not None and run.state == "done":
        notes = tuple(run.result().values["notes"])
        offer(Loaded(load_model_folder(run.folder / MODEL), None, notes), True)


def _says(found: Pretrained, data: Dataset) -> None:
    for note in found.notes:
        st.caption(messages.as_written(note))
    outputs = ", ".join(found.labels[:8]) or "not named"
    more = f" and {len(found.labels) - 8} more" if len(found.labels) > 8 else ""
    named = in_words_of(data, found.labels) is not None
    order = "matched by their names" if named else "taken in this dataset's order, checked below"
    facts = {
        "Network": f"{html.escape(found.family)}, {found.numbers:,} numbers",
        "Backbone": "all of it but its head; its history is unknown",
        "Classes": f'{html.escape(outputs + more)} <span class="dg-muted">{order}</span>',
    }
    tables.facts(facts, "hugging_face")


def _asked(
    view: View, without: ForgetSet | None, named: Named, found: Pretrained
) -> tuple[dict[str, Any], bool]:
    """The request of the run, and whether all is said that it needs."""
    data, key, timed = view.data, f"bring_{named.key}", None
    left, right = st.columns([2, 3], gap="large")
    label = left.text_input("Name", value=f"{found.family} model", key=f"{key}_name")
    head = "keep"
    if without is None:
        with st.container(key="bring_whole"):
            timed = whole_network.timed(view, named.key, lambda: str(_lasting(view, named)))
            offered = timed is not None and whole_network.compared(timed)
        head = right.radio(
            "Train", [h for h in HEADS if offered or h != "whole"], format_func=HEADS.__getitem__,
            key=f"{key}_head", horizontal=True, help=HEAD,
        )  # fmt: skip
    request: dict[str, Any] = {"task": "bring", "label": label, "head": head}
    if head == "whole" and timed is not None:
        hide = {"augment", "trainable"}
        recipe = forms.fields(Recipe, f"{key}_all", start=whole_network.START, hide=hide, columns=4)
        whole_network.price(timed, int(recipe["epochs"]))
        return {**request, "recipe": recipe}, True
    if head == "train":
        hide = {"augment", "trainable"}
        recipe = forms.fields(Recipe, f"{key}_recipe", start=START, hide=hide, columns=4)
        return {**request, "recipe": recipe}, True
    seen = stated.trained_on(data, key, without)
    known = None if without else stated.recipe(data, key)
    recipe = None if known is None else {**asdict(known), "augment": "none"}
    return {**request, "trained_on": seen or "unknown", "recipe": recipe}, seen is not None


def _lasting(view: View, named: Named) -> Path:
    """Where a worker finds the file, whenever it comes to it."""
    path = named.path
    return path if path.is_dir() else taken_in(cases(), view.case.id, path)


def _run(view: View, named: Named, request: dict[str, Any], ready: bool) -> Run | None:
    """The button, and the run that it started; a changed answer asks for a run of its own."""
    draft = state.ui().draft
    known = draft.get(RUN, {})
    if known.get("key") == named.key and known.get("asked") == request:
        return progress.watch(view.case.id, known["run"], key="bring_run", curve=False)
    way = "" if request.get("head") == "whole" else WAY
    messages.reading(way if ready else "Say above what the head was trained on.")
    if st.button(
        "Open it",
        key="bring_open",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not ready,
    ):
        run_id = lanes().submit(view.case.id, {**request, "path": str(_lasting(view, named))})
        draft[RUN] = {"key": named.key, "asked": request, "run": run_id}
        st.rerun()
    return None
