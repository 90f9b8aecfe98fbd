"""Models of a case as their cards say it: names, answers, sizes; read from disk once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.jobs import TaskResult
from pages.common.questions import ask
from pages.common.services import cases


def card(digest: str) -> dict[str, Any]:
    """What is written about a model, without its weights."""
    return _card(digest, str(cases().workspace.root))


@st.cache_data(show_spinner=False, max_entries=200)
def _card(digest: str, root: str) -> dict[str, Any]:
    return cases().model_card(digest)


def names(case: Case) -> dict[str, str]:
    """A name for each model, numbered where two share one."""
    found: dict[str, str] = {}
    for number, digest in enumerate(case.models, start=1):
        name = card(digest)["name"] or f"model {number}"
        found[digest] = f"{name} ({number})" if name in found.values() else name
    return found


def answers(case: Case, digest: str) -> TaskResult:
    """The model's logits on every record and its quality on each split; computed once, kept on disk."""
    with st.spinner("Asking the model about every record"):
        return ask(case, "overview", model=digest)


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    parameters: int
    networks: int


def size(digest: str) -> Size:
    """Counted once from the weights."""
    return _size(digest, str(cases().workspace.root))


@st.cache_data(show_spinner=False, max_entries=200)
def _size(digest: str, root: str) -> Size:
    model = cases().model(digest)
    return Size(model.parameters, len(model.members))


def mistakes(logits: np.ndarray, y: np.ndarray, true: int, predicted: int) -> np.ndarray:
    """Positions of the records of one cell of the confusion matrix."""
    return np.flatnonzero((y == true) & (logits.argmax(1) == predicted))
