"""Does a model that is brought fit the dataset: its scores, and the order of its classes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from disgorge_core import metrics
from disgorge_core.models.fit_check import ClassOrder, apply_class_order, class_order_check
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset, Model
from pages.common import messages

LOW = (
    "Much lower than you know it to be? Then the preprocessing, the layers or the order of the classes are "
    "not as it was trained."
)


def shown(model: Model, data: Dataset, notes: tuple[str, ...], key: str) -> Model:
    """Notes, the order of classes where another is better, scores; the model in the chosen order."""
    st.subheader("4 · Does it fit?", anchor=False)
    if data.task == "classification":
        model = _in_order(model, data, key)
    _quality(model, data)
    for note in notes:
        st.caption(messages.as_written(note))
    return model


def _in_order(model: Model, data: Dataset, key: str) -> Model:
    order: ClassOrder = class_order_check(model, data)
    if not order.suggested:
        return model
    st.warning(
        f"As it is, {order.accuracy:.0%} of the answers are right; with its outputs in another order, "
        f"{order.best:.0%}. The model was probably trained with another list of classes.",
        icon=":material/swap_vert:",
    )
    wanted = st.toggle("Use the better order of classes", value=True, key=f"bring_order_{key}")
    return apply_class_order(model, order.order) if wanted else model


def _quality(model: Model, data: Dataset) -> None:
    places: list[Any] = list(st.columns(3))
    for place, split in zip(places, ("train", "validation", "test"), strict=True):
        x, y = data.arrays(split)
        if len(y):
            value = metrics.quality(logits(model, x), y, data.task)
            right = data.task == "classification"
            number = f"{100 * value.value:.1f} %" if right else f"{value.value:.4g}"
            place.metric(f"{'Accuracy' if right else 'Error'} on {split}", number, border=True)
    messages.reading(LOW)
