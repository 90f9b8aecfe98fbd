"""The guide: every method on the map and readable, advice that follows its rules, all words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import words
from disgorge_core.figures.taxonomy_map import CHEAPEST, Mark, place, taxonomy_map
from disgorge_core.guide import FAMILY_PRICES, QUESTIONS, RULES, advise
from disgorge_core.planning import typical_prices
from disgorge_core.registry import METHODS
from disgorge_core.types import Family, Tier, Timing
from pages.panels.guide.paper import _words, sections

Open = Callable[..., AppTest]


def mark(name: str, tier: Tier, timing: Timing, cost: float) -> Mark:
    return Mark(name, name.title(), Family.RETRAINING, timing, tier, cost)


def test_the_map_orders_lines_by_tier_and_places_marks_by_cost() -> None:
    marks = [
        mark("late", Tier.EMPIRICAL, Timing.REACTIVE, 1.0),
        mark("strong", Tier.REBUILT, Timing.PREEMPTIVE, CHEAPEST),
        mark("half", Tier.REBUILT, Timing.PROACTIVE, CHEAPEST**0.5),
    ]
    figure = taxonomy_map(marks)
    trace = figure.data[0]
    found = {name[0]: (x, y) for name, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)}
    assert found["half"] == (pytest.approx(1.5), 0)  # the geometric middle of its column
    assert found["strong"] == (pytest.approx(2.1), 1)
    assert found["late"] == (pytest.approx(0.9), 2)
    assert list(figure.layout.yaxis.ticktext) == ["Half", "Strong", "Late"]


def test_a_cost_above_a_full_training_stays_in_its_column() -> None:
    assert place(mark("dear", Tier.REBUILT, Timing.REACTIVE, 50.0)) == pytest.approx(0.9)


def test_ordinary_prices_are_shares_of_a_training() -> None:
    prices = typical_prices()
    assert set(prices) == set(METHODS)
    assert prices["retrain"] == pytest.approx(990 / 1000)
    assert all(0 <= price <= 2 for price in prices.values())


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_can_be_read_in_full(open_page: Open, name: str) -> None:
    import sys

    lead, parts = sections(sys.modules[METHODS[name].__module__].__doc__ or "")
    assert lead.strip()
    assert set(parts) == {"Formula", "Source", "Guarantee", "Fails when"}


def test_code_in_a_paper_is_shown_as_code_and_nothing_else_is_html() -> None:
    assert _words("a < b in `regimes.x`") == "a &lt; b in <code>regimes.x</code>"


def test_choosing_a_method_shows_its_promise(open_page: Open) -> None:
    app = open_page("start/guide")
    app.selectbox(key="guide_method").set_value("retrain").run()
    assert not app.exception
    assert any(METHODS["retrain"].promise in m.value for m in app.markdown)


def test_every_combination_of_answers_gets_advice_with_a_known_tier() -> None:
    keys = [question.key for question in QUESTIONS]
    seen = set()
    for values in product((True, False), repeat=len(keys)):
        advice = advise(dict(zip(keys, values, strict=True)))
        assert advice.tier in words.TIERS
        seen.add(advice.title)
    assert seen == {rule.advice.title for rule in RULES}  # no rule is out of reach


def answers(**given: bool) -> dict[str, bool]:
    start = dict.fromkeys((q.key for q in QUESTIONS), False)
    return {**start, "keep": True, "weights": True, **given}


def test_advice_follows_the_strongest_way_that_is_open() -> None:
    assert advise({**answers(recipe=True), "keep": False}).tier == "deleted"
    assert advise({**answers(recipe=True), "weights": False}).tier == "suppressed"
    assert advise(answers(recipe=True, retrain=True)).methods == ("retrain",)
    assert advise(answers(recipe=True, shards=True)).methods == ("sisa",)
    assert advise(answers(recipe=True)).methods == ("compressed_retrain",)
    assert advise(answers(recipe=True, retrain=True, ahead=True)).methods == ("retrain",)
    assert "adapters" in advise(answers(recipe=True, ahead=True, sources=True)).methods
    assert "dp_sgd" in advise(answers(recipe=True, ahead=True, bound=True)).methods
    assert (
        "certified_newton"
        in advise(answers(recipe=True, ahead=True, bound=True, convex=True)).methods
    )
    assert (
        advise(answers(retrain=True)).tier == "empirical"
    )  # without the recipe nothing is rebuilt


def test_an_answer_on_the_page_changes_the_advice(open_page: Open) -> None:
    app = open_page("start/guide", tab="Which one fits?")
    assert any("Retrain without the records" in m.value for m in app.markdown)
    app.segmented_control(key="ask_keep").set_value("No").run()
    assert any("Delete the model" in m.value for m in app.markdown)


def test_the_glossary_shows_every_word_and_the_filter_narrows_them(open_page: Open) -> None:
    app = open_page("start/guide", tab="Words")
    shown = " ".join(e.value for e in app.main.get("html"))
    assert shown.count("<dt>") == len(words.GLOSSARY)
    app.text_input(key="glossary_filter").set_value("placebo").run()
    shown = " ".join(e.value for e in app.main.get("html"))
    assert shown.count("<dt>") == sum("placebo" in f"{k} {v}" for k, v in words.GLOSSARY.items())


def test_every_family_says_its_price() -> None:
    assert set(FAMILY_PRICES) == set(words.FAMILIES) == {family.value for family in Family}
