"""Every page on a case of texts: passages are shown, coloured, tried; the numbers are the models' own."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.data.address import addressed
from disgorge_core.data.words import words_of
from disgorge_core.models.prediction import logits
from disgorge_core.registry import VIEWS
from disgorge_core.types import ForgetSet, Recipe
from pages.common import coloured_words, gallery
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run
from tests.training.small_texts import texts

Open = Callable[..., AppTest]
RECIPE = Recipe(epochs=6, lr=0.3, batch=16, l2=1e-3)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


@pytest.fixture
def case(cases: Cases) -> Case:
    """Stories with a small model; the first eight training records are to go."""
    data = addressed(texts(140))
    model = training.fit(data, "text_mean", RECIPE, settings={"width": 3}, name="stories")
    made = cases.create("Stories", data, [model])
    ids = tuple(sorted(data.ids[data.rows("train")[:8]]))
    cases.save_forget(made.id, ForgetSet(ids, data.digest, name="First eight"))
    return made


def said(app: AppTest) -> str:
    return " ".join(e.value for e in [*app.markdown, *app.main.get("html"), *app.caption])


PAGES = [
    ("case/data", "Overview"), ("case/data", "Columns"), ("case/data", "Records"),
    ("case/model", "Overview"), ("case/model", "Quality"), ("case/model", "Mix-ups"),
    ("case/model", "Train"), ("case/model", "Bring one"), ("case/model", "Download"),
    ("select/explore", "Chosen records"), ("select/explore", "Mistakes"),
    ("select/influence", "What they hold up"), ("select/influence", "One prediction"),
    ("select/influence", "Predicted effect"), ("disgorge/plan", ""), ("disgorge/runs", ""),
]  # fmt: skip


@pytest.mark.parametrize(("page", "tab"), PAGES)
def test_no_page_fails(open_page: Open, cases: Cases, case: Case, page: str, tab: str) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    app = open_page(page, case=case.id, forget=fid, record="r0003", tab=tab)
    assert not app.error, [e.value for e in app.error]


@pytest.mark.parametrize("tab", ["", "Groups", "Records", "Map", "Why", "Try it", "Hand over"])
def test_before_and_after_draws(open_page: Open, cases: Cases, case: Case, tab: str) -> None:
    run = finished_run(cases, case)
    app = open_page("compare/before_after", case=case.id, run=run.id, tab=tab)
    assert not app.error, [e.value for e in app.error]


def test_the_card_shows_the_passage(open_page: Open, cases: Cases, case: Case) -> None:
    text = cases.dataset(case.dataset).x["story"].iloc[3]
    app = open_page("select/explore", case=case.id, record="r0003")
    assert f'<p class="dg-passage">{text}</p>' in said(app)


def test_the_model_page_says_what_it_knows(open_page: Open, cases: Cases, case: Case) -> None:
    known = cases.model(case.models[0]).preprocessing.columns[0].values
    app = open_page("case/model", case=case.id, tab="Overview")
    assert f"knows {len(known)} words, found in its training records" in said(app)
    assert "reads the first 256 words of a text (0.0% of all words stand beyond)" in said(app)


def test_words_are_coloured_by_the_models_own_attributions(
    open_page: Open, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    data, values = cases.dataset(case.dataset), run.result().values
    row = int(data.rows("test")[0])
    app = open_page(
        "compare/before_after", case=case.id, run=run.id, tab="Why", record=str(data.ids[row])
    )
    shown = re.findall(r'<p class="dg-words">(.*?)</p>', said(app), re.S)
    assert len(shown) == 2
    read = words_of(data.x["story"].iloc[row], 256)
    for body, when in zip(shown, ("before", "after"), strict=True):
        model = cases.model(values[when])
        view = VIEWS["integrated_gradients"]()
        wanted = view.attribute(model, data.take(np.array([row])), data.y[[row]])[0]
        found = re.findall(r'<span class="([^"]*)"[^>]*title="([^",]+)[^>]*>([^<]+)<', body)
        assert [word.lower() for _, _, word in found] == read
        told = np.array([float(value) for _, value, _ in found])
        np.testing.assert_allclose(told, wanted[: len(read)], atol=5e-4)
        known = model.preprocessing.columns[0].values
        assert [("unknown" in look) for look, _, _ in found] == [w not in known for w in read]
        for look, value in zip((look for look, _, _ in found), told, strict=True):
            assert ("for" in look.split()) <= (value > 0) and ("against" in look) <= (value < 0)


def test_the_text_of_ones_own_is_answered_and_unknown_words_are_named(
    open_page: Open, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    app = open_page("compare/before_after", case=case.id, run=run.id, tab="Try it")
    app.text_area[0].set_value("A ship, a zebra and an anchor").run()
    assert "7 words are read. Unknown to both models: zebra, an" in said(app)
    app.text_area[0].set_value(" ... ").run()
    assert [info.value for info in app.info] == ["Write at least one word."]
    assert not app.error


def test_flips_are_counted_beside_the_first_words(
    open_page: Open, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    values, data = run.result().values, cases.dataset(case.dataset)
    app = open_page("compare/before_after", case=case.id, run=run.id, tab="Records")
    gone = data.rows("train")[:8]
    answers = [
        logits(cases.model(values[k]), data.take(gone)).argmax(1) for k in ("before", "after")
    ]
    assert f"**{int((answers[0] != answers[1]).sum())} of 8 answers changed**" in said(app)
    table = next(t.value for t in app.dataframe if "first words" in t.value)
    assert table["first words"].tolist() == gallery.snippets(data, gone)


# --- words in HTML --------------------------------------------------------------------------------


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coloured_words.charts, "template", lambda: "light")


def test_hostile_texts_are_shown_and_not_obeyed(light: None) -> None:
    text = '<script>alert("x")</script> & <b title="1">bold</b>'
    values = np.full(256, 0.5)
    shown = coloured_words.marked(text, values, 1.0, {"bold"})
    assert re.sub(r"</?span[^>]*>", "", shown) == (
        "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; "
        "&lt;b title=&quot;1&quot;&gt;bold&lt;/b&gt;"
    )


def test_what_is_beyond_the_length_is_marked_as_not_read(light: None) -> None:
    shown = coloured_words.marked("one two three", np.array([0.5, -0.5]), 0.5, {"one", "two"})
    assert shown.endswith("</span><s> three</s>")


def test_the_strongest_words_are_sums_over_their_places() -> None:
    values = np.array([0.1, -0.3, 0.2, 0.4])
    found = coloured_words.strongest("a b a c", values)
    assert [(w, round(v, 9)) for w, v in found["Most for it"]] == [("c", 0.4), ("a", 0.3)]
    assert found["Most against it"] == [("b", -0.3)]


def test_snippets_end_with_a_word() -> None:
    assert gallery.snippet("short   text\nhere") == "short text here"
    long = gallery.snippet("word, " * 100, 20)
    assert long == "word, word, word ..." and len(long) <= 24
    assert gallery.snippet("x" * 300, 20).endswith(" ...")
