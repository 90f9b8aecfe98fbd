"""Settings become the widgets that fit them, and the values come back as the dataclass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.params import param, params_of
from disgorge_core.registry import ARCHITECTURES, ESTIMATORS, METHODS
from disgorge_core.types import Recipe


@dataclass(frozen=True)
class Sample:
    whole: int = param(3, help="a whole number", min=1, max=9, unit="rows")
    real: float = param(0.05, help="a number", min=0, max=1)
    choice: str = param("b", help="one of three", choices=("a", "b", "c"))
    switch: bool = param(True, help="on or off")
    text: str = param("hello", help="any text", advanced=True)


def sample_form() -> None:
    import streamlit as st

    from pages.common import forms
    from tests.pages.test_forms import Sample

    st.session_state["made"] = forms.instance(Sample, "f", start={"real": 0.2}, hide=("switch",))


def test_each_kind_of_setting_has_its_widget_and_start() -> None:
    app = AppTest.from_function(sample_form, default_timeout=60).run()
    assert not app.exception
    whole, real = app.number_input(key="f_whole"), app.number_input(key="f_real")
    assert (whole.value, whole.min, whole.max, whole.label) == (3, 1, 9, "Whole (rows)")
    assert (real.value, real.min, real.max) == (0.2, 0.0, 1.0)
    assert app.selectbox(key="f_choice").options == ["a", "b", "c"]
    assert app.text_input(key="f_text").value == "hello"
    assert len(app.toggle) == 0


def test_changed_values_come_back_as_the_dataclass() -> None:
    app = AppTest.from_function(sample_form, default_timeout=60).run()
    app.number_input(key="f_whole").set_value(7)
    app.selectbox(key="f_choice").set_value("c").run()
    made = app.session_state["made"]
    assert (made.whole, made.real, made.choice, made.switch, made.text) == (
        7,
        0.2,
        "c",
        True,
        "hello",
    )


def form_of(kind_name: str) -> None:
    import streamlit as st

    from disgorge_core.registry import ARCHITECTURES, ESTIMATORS, METHODS
    from disgorge_core.types import Recipe
    from pages.common import forms

    registry, name = kind_name.split("/")
    found = {"recipe": {"": Recipe}, "methods": METHODS, "architectures": ARCHITECTURES,
             "estimators": ESTIMATORS}[registry]  # fmt: skip
    st.session_state["made"] = forms.instance(found[name], "f")


EVERY = [
    ("recipe/", Recipe),
    *((f"methods/{name}", METHODS[name]) for name in METHODS),
    *((f"architectures/{name}", ARCHITECTURES[name]) for name in ARCHITECTURES),
    *((f"estimators/{name}", ESTIMATORS[name]) for name in ESTIMATORS),
]


@pytest.mark.parametrize(("name", "kind"), EVERY, ids=[name for name, _ in EVERY])
def test_the_untouched_form_of_everything_registered_gives_its_defaults(
    name: str, kind: type
) -> None:
    app = AppTest.from_function(form_of, kwargs={"kind_name": name}, default_timeout=60).run()
    assert not app.exception, app.exception
    made = app.session_state["made"]
    assert {p.name: getattr(made, p.name) for p in params_of(kind)} == {
        p.name: p.default for p in params_of(kind)
    }
