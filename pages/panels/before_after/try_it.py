"""Your own input: draw or upload a picture, edit a line or a text, and ask both models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image, UnidentifiedImageError

from disgorge_core.data.words import LENGTH, words_of
from disgorge_core.errors import BadData
from disgorge_core.figures.answers import answers
from disgorge_core.jobs.records import LONGEST
from disgorge_core.models.prediction import softmax
from disgorge_core.types import Dataset
from pages.common import charts, coloured_words, compared, gallery, messages
from pages.common.draw_pad import draw_pad
from pages.common.panels import PANELS, Need, View
from pages.common.questions import ask_soon, patient

LARGEST = 20_000_000  # pixels of an uploaded picture
NAMED = 8  # unknown words that are named
SENTENCE = "Each model's probability for each label; for a record that was never in the data, too."


@PANELS.register
class TryIt:
    """What both models say to an input of the user's own."""

    name, page, tab, order = "before_after_try", "before_after", "Try it", 510
    title = "Try your own input"

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    @patient
    def draw(self, view: View) -> None:
        """The input on the left, the answers on the right."""
        found = compared.current(view)
        if found is None:
            return
        left, right = st.columns([2, 3], gap="large")
        with left:
            record = INPUTS[found.data.kind](found)
        with right:
            if record is None:
                st.info(NOTHING[found.data.kind], icon=":material/draw:")
            else:
                _answers(view, found, record)


def _answers(view: View, found: compared.Compared, record: Any) -> None:
    models = [found.values["before"], found.values["after"]]
    result = ask_soon(view.case, "predict", models=models, record=record)
    if bool(np.asarray(result.arrays["withheld_1"])[0]):
        st.warning("The output guard withholds the answer after.", icon=":material/block:")
    raw = [np.asarray(result.arrays[f"logits_{k}"]) for k in range(2)]
    if found.data.task == "regression":
        _numbers(*(float(values[0, 0]) for values in raw))
        return
    before, after = (softmax(values)[0] for values in raw)
    figure = answers(found.data.classes, before, after, template=charts.template())
    charts.chart(figure, "before_after_try_answers", SENTENCE)


def _numbers(before: float, after: float) -> None:
    left, right = st.columns(2)
    left.metric("Predicted before", f"{before:,.4g}", border=True)
    right.metric("Predicted after", f"{after:,.4g}", border=True)
    messages.reading(f"They are {abs(after - before):.3g} apart, in units of the label.")


def _start(found: compared.Compared) -> int:
    rows = found.comparison.forget.nonzero()[0].tolist()[:100]
    rows += found.data.rows("test").tolist()[:100]
    return int(
        st.selectbox(
            "Start from", rows, key="before_after_try_start",
            format_func=lambda row: gallery.line(found.data, row),
            help="A removed record, or one of the test records.",
        )
    )  # fmt: skip


def _picture(found: compared.Compared) -> list[Any] | None:
    how = st.segmented_control(
        "Input", ["Draw", "Upload"], default="Draw", required=True, key="before_after_try_how"
    )
    if how == "Upload":
        return _uploaded(found.data)
    start = found.data.x[_start(found)]
    height, width, channels = found.data.shape
    drawn = draw_pad("before_after_pad", height=height, width=width, channels=channels, start=start)
    return (start if drawn is None else drawn).tolist()


def _uploaded(data: Dataset) -> list[Any] | None:
    file = st.file_uploader(
        "A picture", ["png", "jpg", "jpeg", "webp"], key="before_after_try_file"
    )
    if file is None:
        return None
    height, width, channels = data.shape
    try:
        picture = Image.open(file)
        if picture.width * picture.height > LARGEST:
            raise BadData("The picture is too large.", "Use one below 20 million pixels.")
        picture = picture.convert("L" if channels == 1 else "RGB").resize((width, height))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise BadData("This is not a picture that can be read.", "Use PNG, JPEG or WebP.") from None
    pixels = np.asarray(picture, dtype=np.uint8).reshape(height, width, channels)
    st.image(picture.resize((width * 5, height * 5), Image.Resampling.NEAREST), width=160)
    return pixels.tolist()


def _line(found: compared.Compared) -> dict[str, Any]:
    row = _start(found)
    first = found.data.take(np.array([row])).astype(object)
    column = pd.DataFrame({"value": first.iloc[0].to_numpy()}, index=first.columns.astype(str))
    edited = st.data_editor(
        column.astype("string"), key=f"before_after_line_{row}", height=420,
        column_config={"_index": "column"}, disabled=["_index"],
    )  # fmt: skip
    return {name: _typed(found.data, name, value) for name, value in edited["value"].items()}


def _typed(data: Dataset, name: Any, value: Any) -> Any:
    if pd.isna(value) or value == "":
        return None
    if not pd.api.types.is_numeric_dtype(data.x[name]):
        return str(value)
    try:
        return float(value)
    except ValueError:
        raise BadData(f"{name} is {value!r}.", "Write a number.") from None


def _text(found: compared.Compared) -> dict[str, str] | None:
    row, name = _start(found), str(found.data.x.columns[0])
    text = st.text_area(
        "Your text", str(found.data.x.iloc[row, 0]), key=f"before_after_text_{row}", height=320,
        max_chars=LONGEST, help="Change words, or write your own; the models answer when you leave it.",
    )  # fmt: skip
    words = words_of(text, LENGTH)
    if not words:
        return None
    _unknown(found, words)
    return {name: text}


def _unknown(found: compared.Compared, words: list[str]) -> None:
    """Which of the words the models do not know, in one line."""
    before, after = (coloured_words.known_to(found.values[w]) for w in ("before", "after"))
    if isinstance(before, coloured_words.AnyWord):
        messages.reading(f"Any word is put together from its pieces: {before.model}.")
        return
    said = {
        "Unknown to both models": [w for w in words if w not in before and w not in after],
        "Known before, unknown after": [w for w in words if w in before and w not in after],
        "Unknown before, known after": [w for w in words if w not in before and w in after],
    }
    lines = [f"{what}: {_named(list(dict.fromkeys(some)))}." for what, some in said.items() if some]
    messages.reading(f"{len(words):,} words are read. {messages.as_written(' '.join(lines))}")


def _named(words: list[str]) -> str:
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return f"{', '.join(words[:NAMED])}{more}"


INPUTS: dict[str, Callable[[compared.Compared], Any]] = {
    "image": _picture,
    "table": _line,
    "text": _text,
}
NOTHING = {
    "image": "Draw something, or choose where to start from.",
    "table": "Choose where to start from.",
    "text": "Write at least one word.",
}
