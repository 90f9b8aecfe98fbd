"""One map of the records as both models see them; what moved, moved."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.comparison import set_names
from disgorge_core.jobs import TaskResult
from pages.common import compared, gallery, messages
from pages.common.panels import PANELS, Need, View
from pages.common.point_map import Categories, Values, point_map
from pages.common.services import lanes

SENTENCE = (
    "Both models' last hidden layer on one map: the later one was turned to fit the earlier one on the "
    "kept records, then both were projected together. Move the slider from before to after. What every "
    "retraining moves, moves too: compare the removed records with the kept ones around them."
)

COLOURS = {
    "classification": ["Set", "Label", "Answer changed"],
    "regression": ["Set", "Label", "Prediction moved"],
}


@PANELS.register
class JointMap:
    """The map before and after with a slider between."""

    name, page, tab, order = "before_after_map", "before_after", "Map", 310
    title = "How the model sees the records"

    def needs(self, view: View) -> Need | None:
        """A finished run whose models both have one network."""
        return None if compared.current(view) else compared.NOTHING

    def draw(self, view: View) -> None:
        """The joint map, coloured by set or by label."""
        found = compared.current(view)
        if found is None:
            return
        by = st.segmented_control(
            "Colour by", COLOURS[found.data.task], default="Set", required=True,
            key="before_after_map_colour",
        )  # fmt: skip
        models = [found.values["before"], found.values["after"]]
        request = {"task": "embed", "models": models, "projection": "pca"}
        with st.spinner("Placing the records", show_time=True):
            result = lanes().ask(view.case.id, request)
        _show(found, result, str(by))
        messages.reading(SENTENCE)


def _show(found: compared.Compared, result: TaskResult, by: str) -> None:
    rows = result.arrays["rows"]
    point_map(
        "before_after_map",
        positions=result.arrays["positions_0"],
        positions_after=result.arrays["positions_1"],
        colours=_colours(found, by, rows),
        forget=found.comparison.forget[rows],
        labels=gallery.lines(f"{found.run}-joint", found.data, rows),
        digest=f"{found.run}-joint",
        height=480,
        title="The records before and after",
    )


def _colours(found: compared.Compared, by: str, rows: np.ndarray) -> Categories | Values:
    if by == "Label" and found.data.task == "regression":
        return Values(found.data.y[rows].astype(np.float64), "Label")
    if by == "Prediction moved":
        moved = found.comparison.after[rows, 0] - found.comparison.before[rows, 0]
        return Values(moved.astype(np.float64), by, centre=0.0)
    if by == "Label":
        return Categories(found.data.y[rows], found.data.classes)
    if by == "Answer changed":
        before, after = found.comparison.before, found.comparison.after
        changed = (before.argmax(1) != after.argmax(1)) | found.comparison.withheld
        return Categories(changed[rows].astype(int), ("same answer", "changed answer"))
    names, codes = np.unique(set_names(found.comparison, found.data)[rows], return_inverse=True)
    return Categories(codes, tuple(map(str, names)))
