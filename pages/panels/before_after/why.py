"""What part of a record made the answer, before and after."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.comparison import REMOVED, sets
from disgorge_core.figures.attribution import bars, heat
from disgorge_core.jobs import TaskResult
from disgorge_core.registry import VIEWS
from disgorge_core.types import Array
from pages.common import charts, coloured_words, compared, gallery, messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.questions import ask_soon, patient

OFFERED = 200  # records in the list
WHEN = ("before", "after")


@PANELS.register
class Why:
    """Attribution maps of one record under both models."""

    name, page, tab, order = "before_after_why", "before_after", "Why", 410
    title = "What made the answer"

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    @patient
    def draw(self, view: View) -> None:
        """Choose a record and a view; see both models' maps on one scale."""
        found = compared.current(view)
        if found is None:
            return
        left, right = st.columns(2)
        with left:
            row = _choose(found)
        kind = right.selectbox(
            "View", list(VIEWS), format_func=lambda name: VIEWS[name].title, key="before_after_view"
        )
        target = int(found.data.y[row]) if found.data.task == "classification" else 0
        models = [found.values["before"], found.values["after"]]
        result = ask_soon(
            view.case, "attribute", models=models, view=kind, rows=[row], target=[target]
        )
        _show(found, row, result)
        messages.reading(VIEWS[kind].reading)


def _choose(found: compared.Compared) -> int:
    data, c = found.data, found.comparison
    removed = sets(c, data)[REMOVED].nonzero()[0]
    changed = np.flatnonzero(c.before.argmax(1) != c.after.argmax(1))
    rows = list(dict.fromkeys([*removed.tolist(), *changed.tolist()]))[:OFFERED]
    wanted = data.row_of.get(state.asked("record"))
    if wanted is not None:
        rows = list(dict.fromkeys([wanted, *rows]))
    return int(
        st.selectbox(
            "Record", rows or [0], key="before_after_record",
            format_func=lambda row: gallery.line(data, row),
            help="The removed records and those whose answer changed.",
        )
    )  # fmt: skip


def _show(found: compared.Compared, row: int, result: TaskResult) -> None:
    maps = [np.asarray(result.arrays[f"map_{k}"])[0] for k in range(2)]
    if found.data.kind == "text":
        _words(found, row, maps)
        return
    if found.data.kind != "image":
        names = [str(name) for name in found.data.x.columns]
        figure = bars(names, maps, template=charts.template())
        charts.chart(figure, "before_after_why_bars", _answer(found, row))
        return
    limit = float(max(np.abs(m).max() for m in maps)) or 1.0
    places = st.columns([1, 2, 2])
    with places[0]:
        gallery.tiles(found.data, np.array([row]), size=160)
    for place, when, values in zip(places[1:], ("before", "after"), maps, strict=True):
        with place:
            st.markdown(f"**{when.capitalize()}**")
            figure = heat(values, limit, template=charts.template())
            charts.chart(figure, f"before_after_why_{when}", _answer(found, row, when))


def _words(found: compared.Compared, row: int, maps: list[Array]) -> None:
    text = str(found.data.x.iloc[row, 0])
    limit = float(max(np.abs(m).max() for m in maps)) or 1.0
    for place, when, values in zip(st.columns(2, gap="medium"), WHEN, maps, strict=True):
        with place, st.container(border=True, key=f"why_words_{when}"):
            st.markdown(f"**{when.capitalize()}** :gray[{_answer(found, row, when)}]")
            known = coloured_words.known_to(found.values[when])
            coloured_words.show(text, values, limit, known)
    messages.reading(coloured_words.READING)


def _answer(found: compared.Compared, row: int, when: str = "") -> str:
    logits = {"before": found.comparison.before[row], "after": found.comparison.after[row]}
    answers = {name: _said(found, values) for name, values in logits.items()}
    if when:
        return f"Answer {when}: {answers[when]}."
    return f"Answer before: {answers['before']}; after: {answers['after']}."


def _said(found: compared.Compared, logits: Array) -> str:
    """An answer in words: a class, or the number."""
    if found.data.task == "regression":
        return f"{float(logits[0]):.4g}"
    return found.data.classes[int(logits.argmax())]
