"""All of a Hugging Face model to be trained, not its head alone: timed first, then offered with its price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from disgorge_core.words import duration
from pages.common import messages, progress, state
from pages.common.panels import View
from pages.common.services import lanes

TIMED = "hugging_face_timed"  # draft: the run that times a model, by the file's key
START = {
    "epochs": 3, "lr": 5e-5, "batch": 16, "optimiser": "adam", "l2": 0.0, "schedule": "linear",
}  # fmt: skip
OFFER = (
    "The whole network can be trained too, from the weights that came and with a new head. It takes far "
    "longer than the head alone, so a few records are timed first."
)
ABOUT = (
    "Training starts from the weights that came, so their unknown history stays in every model made here, "
    "references too. Dropout is off and statistics of batches stay as they came."
)
Timed = Mapping[str, Any]


def timed(view: View, key: str, here: Callable[[], str]) -> Timed | None:
    """What was measured for the file of this key; the button that measures it until then.

    `here` gives the path of a file that lasts until a run has read it.
    """
    known = state.ui().draft.get(TIMED, {})
    if known.get("key") == key:
        run = progress.watch(view.case.id, known["run"], key="time_run", curve=False)
        if run is not None and run.state == "done":
            found: Timed = run.result().values
            return found
        return None
    st.caption(OFFER)
    if st.button("Time the whole network", key="bring_time", icon=":material/timer:"):
        run_id = lanes().submit(view.case.id, {"task": "time_whole", "path": here()})
        state.ui().draft[TIMED] = {"key": key, "run": run_id}
        st.rerun()
    return None


def compared(found: Timed) -> bool:
    """Head and whole network side by side; False where only the head can be trained."""
    head = duration(found["once"] * found["records"])
    if found["why_not"]:
        st.caption(f"Only the head can be trained: {messages.as_written(found['why_not'])}")
        return False
    epoch = duration(found["each"] * found["train"])
    st.markdown(
        f"**A new head**: {head} to pass all records once, then little for each training. **The whole "
        f"network** ({found['parameters']:,} numbers): {epoch} for each pass over the {found['train']:,} "
        "training records."
    )
    return True


def price(found: Timed, epochs: int) -> None:
    """What a training by this recipe takes, and what it means to have one."""
    seconds = found["each"] * found["train"] * epochs
    st.markdown(
        f"One training takes about **{duration(seconds)}** on one core of this machine; so does a retrain "
        "without some records, and every reference."
    )
    messages.reading(ABOUT)
