"""Explore: what the page chooses, counts and saves, against the arrays themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset
from pages.common import hand, state
from pages.common.point_map import Gesture, Values
from pages.common.selection import nothing
from pages.panels.explore.by_value import mask_of_ids
from pages.panels.explore.colours import colours_by, options
from pages.panels.explore.filter_box import examples_for
from pages.panels.explore.layout import Places
from pages.panels.explore.map_panel import _Chooser
from pages.panels.explore.saved_sets import combined
from tests.pages.answers import answer_here

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def html(app: AppTest) -> str:
    return " ".join(e.value for e in app.main.get("html"))


def style_1(data: Dataset) -> np.ndarray:
    return (data.meta["style"].astype(str) == "1 style 1").to_numpy()


def test_a_saved_set_in_the_link_is_in_hand_with_its_counts(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    fid = cases.forget_sets(case.id)[0][0]
    app = open_page("select/explore", case=case.id, forget=fid)
    mask = style_1(data)
    counts = [int((mask & (data.split == code)).sum()) for code in range(3)]
    assert f"<strong>{mask.sum():,}</strong>" in html(app)
    assert f"<b>{counts[0]:,}</b> in training" in html(app)
    assert f"{counts[1]:,} validation and {counts[2]:,} test" in html(app)


def test_a_filter_is_added_undone_and_done_again(open_page: Open, cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    fid = cases.forget_sets(case.id)[0][0]
    app = open_page("select/explore", case=case.id, forget=fid)
    app.text_input(key="explore_filter").set_value("label == '3' and split == 'train'").run()
    found = (data.y == 3) & (data.split == 0)
    app.button(key="filter_add").click().run()
    both = style_1(data) | found
    assert f"<strong>{both.sum():,}</strong>" in html(app)
    app.button(key="hand_undo").click().run()
    assert f"<strong>{style_1(data).sum():,}</strong>" in html(app)
    app.button(key="hand_redo").click().run()
    assert f"<strong>{both.sum():,}</strong>" in html(app)


def test_a_filter_that_cannot_be_read_says_why_and_chooses_nothing(
    open_page: Open, case: Case
) -> None:
    app = open_page("select/explore", case=case.id)
    app.text_input(key="explore_filter").set_value("style = 'x'").run()
    assert "==" in app.error[0].value
    assert "<strong>0</strong>" in html(app)


def test_the_hand_is_saved_under_a_name_and_the_address_follows(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    app = open_page("select/explore", case=case.id)
    app.text_input(key="explore_filter").set_value("label == '7' and split != 'test'").run()
    app.button(key="filter_replace").click().run()
    app.text_input(key="save_name").set_value("Sevens")
    app.text_input(key="save_reason").set_value("They asked")
    app.button(key="save_yes").click().run()
    assert not app.exception
    fid, forget, _ = next(s for s in cases.forget_sets(case.id) if s[1].name == "Sevens")
    assert np.array_equal(forget.mask(data), (data.y == 7) & (data.split != 2))
    assert forget.reason == "They asked" and not forget.by_looking
    assert forget.made == ("where label == '7' and split != 'test'",)
    assert app.query_params["forget"] in (fid, [fid])


def test_mistakes_are_those_of_the_model_and_choosing_them_is_looking(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    wrong = logits(cases.model(case.models[0]), data.x).argmax(1) != data.y
    app = open_page("select/explore", case=case.id, tab="Mistakes")
    app.segmented_control(key="mistakes_split").set_value("train").run()
    count = int((wrong & (data.split == 0)).sum())
    assert any(f"{count:,} records" in e.value for e in app.markdown)
    app.button(key="mistakes_replace").click().run()
    assert f"<strong>{count:,}</strong>" in html(app)
    assert "looking at the model" in html(app)


def test_the_card_of_a_record_in_the_link_shows_its_own_label(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    app = open_page("select/explore", case=case.id, record=str(data.ids[5]))
    outputs = logits(cases.model(case.models[0]), data.x[5:6]).astype(float)
    shares = np.exp(outputs - outputs.max())
    shares = shares[0] / shares.sum()
    assert f"<dt>label</dt><dd>{data.classes[data.y[5]]}</dd>" in html(app)
    assert f"{shares.max():.1%}" in html(app)
    app.button(key="record_add").click().run()
    assert "<strong>1</strong>" in html(app)


def test_a_record_that_is_not_there_is_said(open_page: Open, case: Case) -> None:
    app = open_page("select/explore", case=case.id, record="nobody")
    assert any("no record of that id" in c.value for c in app.caption)


def test_every_tab_and_colour_can_be_drawn(open_page: Open, cases: Cases, case: Case) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    for tab in ("Values and ids", "Look-alikes", "Saved sets"):
        app = open_page("select/explore", case=case.id, forget=fid, tab=tab)
        assert not app.exception and not app.error, tab
    for colour in app.selectbox(key="map_colour").options:
        app.selectbox(key="map_colour").set_value(colour).run()
        assert not app.exception and not app.error, colour


class Drawn:
    """A view with just what choosing needs."""

    def __init__(self, data: Dataset) -> None:
        self.data = data


def test_an_outline_chooses_rows_of_the_dataset_also_where_few_are_drawn(
    cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cases.dataset(case.dataset)
    kept: dict[str, Any] = {}
    monkeypatch.setattr(state, "ui", lambda: type("Ui", (), {"draft": kept})())
    view = Drawn(data)
    rows = np.arange(3, len(data), 7)
    positions = np.stack([np.arange(len(rows)), np.zeros(len(rows))], axis=1).astype(float)
    inks = Values(np.zeros(len(rows)), "nothing")
    chooser = _Chooser(view, Places(positions, rows, "PCA", "x"), inks)
    box = np.array([[1.5, -1], [4.5, -1], [4.5, 1], [1.5, 1]])
    chooser.select(Gesture(box, "add"))
    assert hand.now(view).rows.tolist() == rows[2:5].tolist()
    assert hand.now(view).by_looking
    chooser.select(Gesture(box[:, ::1] - [1, 0], "remove"))
    assert hand.now(view).rows.tolist() == rows[4:5].tolist()
    chooser.select(Gesture(np.empty((0, 2)), "clear"))
    assert hand.now(view) == nothing(len(data))


def test_ids_come_from_lines_and_from_csv(cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    view = Drawn(data)
    lines = f"{data.ids[4]}\n{data.ids[9]}\n".encode()
    assert np.flatnonzero(mask_of_ids(view, lines)).tolist() == [4, 9]
    table = f"note,id\nx,{data.ids[4]}\ny,{data.ids[9]}\n".encode()
    assert np.flatnonzero(mask_of_ids(view, table)).tolist() == [4, 9]


def test_sets_are_combined(cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    first = cases.forget_sets(case.id)[0][1]
    second = type(first)(tuple(sorted(map(str, data.ids[:80]))), data.digest, name="first eighty")
    a, b = set(first.ids), set(second.ids)
    found = {way: set(combined(first, second, way).ids) for way in
             ("Either (union)", "Both (intersection)", "First without second (difference)")}  # fmt: skip
    assert list(found.values()) == [a | b, a & b, a - b]


def test_every_example_filter_matches_something(cases: Cases, case: Case) -> None:
    from disgorge_core.data.query import select

    data = cases.dataset(case.dataset)
    assert all(select(data, text).any() for text in examples_for(data))


def test_colours_by_label_name_the_label_of_each_record(cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    found = colours_by("Label", data, None)
    assert [found.names[code] for code in found.codes[:50]] == [
        data.classes[y] for y in data.y[:50]
    ]
    assert "Owner" in options(data) and "Right or wrong" in options(data)
