"""Panels: what a page shows is whatever is registered for it, so a new panel edits no page.

A panel is one file in `pages/panels/<page>/` with one class:

    @PANELS.register
    class Labels:
        name, page, tab, title, order = "data_labels", "data", "Overview", "Labels", 20
        def needs(self, view): ...   # None, or Need(sentence, page, label) when it cannot show anything
        def draw(self, view): ...

A panel that concerns one kind of task only says so: `tasks = ("classification",)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.jobs.features import CaseFeatures
from disgorge_core.models.backbones.kept import keep_in
from disgorge_core.registry import Registry
from disgorge_core.types import Dataset
from pages.common import messages, state
from pages.common.services import cases

PANELS: Registry[Any] = Registry("panel", "pages.panels")


@dataclass(frozen=True)
class Need:
    """Why a panel is empty, and the page where what it needs can be got."""

    sentence: str
    page: str
    label: str
    ids: dict[str, str] = field(default_factory=dict)  # for the link's address


@dataclass(frozen=True)
class View:
    """What a panel may look at: the open case, the chosen model, forget set and run, and more."""

    case: Case
    model: str = ""
    forget: str = ""
    run: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def data(self) -> Dataset:
        """The case's dataset, shared and read-only."""
        return cases().dataset(self.case.dataset)


class Panel(Protocol):
    """The shape of every panel."""

    name: ClassVar[str]
    page: ClassVar[str]
    tab: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]

    def needs(self, view: Any) -> Need | None:
        """What is missing; None if the panel can be drawn."""
        ...

    def draw(self, view: Any) -> None:
        """Draw into the page."""
        ...


def current_view() -> View | None:
    """The view of what is open; None without a case."""
    case = state.current_case()
    if case is None:
        return None
    keep_in(CaseFeatures(cases(), case.id))  # what a backbone gave for the case's records
    forget = state.current_forget(case)
    return View(case, state.current_model(case), forget[0] if forget else "", state.ui().run)


def panels_of(page: str, view: View | None = None) -> list[Panel]:
    """The panels of a page that concern the task of the open case, in their order."""
    return [kind() for kind in PANELS.values() if kind.page == page and _concerns(kind, view)]


def _concerns(kind: type, view: View | None) -> bool:
    tasks: tuple[str, ...] = getattr(kind, "tasks", ())
    return view is None or not tasks or view.data.task in tasks


def draw_page(page: str, view: View | None) -> None:
    """All panels of a page under their tabs; only the open tab is computed.

    Pages of the start section may be drawn without a case; their panels then get None.
    """
    panels = panels_of(page, view)
    names = list(dict.fromkeys(panel.tab for panel in panels))
    if len(names) == 1:
        return _draw_all(panels, view)
    key = f"tabs_{page}"
    if state.asked("tab") in names:
        st.session_state[key] = state.asked("tab")
    tabs = st.tabs(names, key=key, on_change=_follow, args=(key,))
    for name, tab in zip(names, tabs, strict=True):
        if tab.open:
            with tab:
                _draw_all([panel for panel in panels if panel.tab == name], view)


def _draw_all(panels: list[Panel], view: View | None) -> None:
    """Panels one below the other; what several of them need is said once."""
    said: list[Need] = []
    for panel in panels:
        missing = panel.needs(view)
        if missing is None or missing not in said:
            draw(panel, view)
        if missing:
            said.append(missing)


def _follow(key: str) -> None:
    state.put(tab=str(st.session_state[key]))


def draw(panel: Panel, view: View | None) -> None:
    """One panel: its title, then its content or what it needs; problems in words."""
    if panel.title:
        st.subheader(panel.title, anchor=False)
    missing = panel.needs(view)
    if missing:
        messages.need(missing.sentence, missing.page, missing.label, key=panel.name, **missing.ids)
        return
    with messages.problems_in_words():
        panel.draw(view)
