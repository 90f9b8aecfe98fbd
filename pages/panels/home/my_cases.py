"""The user's cases: open one, or delete it and see what went."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.errors import StoreError
from disgorge_core.store import Workspace
from pages.common import messages, state
from pages.common.messages import as_written
from pages.common.panels import PANELS, View
from pages.common.services import cases, home

PURGED = "purged"  # draft: names of the files that the last deletion removed
REFUSED = "purge_refused"  # draft: why the last deletion was refused
WIDTHS = [4, 3, 2, 3, 2.4]


@PANELS.register
class MyCases:
    """One row a case."""

    name, page, tab, title, order = "home_cases", "home", "Home", "My cases", 30

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """The rows, the last deletion's list, and a way to a new case."""
        _show_purged()
        found = cases().list()
        if found:
            with st.container(key="case_rows"):
                for case in found:
                    _row(case)
        else:
            st.html('<p class="dg-muted">None yet. Open an example, or bring your own data.</p>')
        if st.button("New case from my own data", key="new_case", icon=":material/add:"):
            state.go("case/data", case="", tab="", new="1")


def _row(case: Case) -> None:
    with st.container(border=True, key=f"case_{case.id}"):
        name, data, models, last, actions = st.columns(WIDTHS, vertical_alignment="center")
        name.markdown(f"**{as_written(case.name)}**")
        data.markdown(f":gray[{as_written(cases().dataset_card(case.dataset)['name'])}]")
        count = len(case.models)
        models.markdown(f":gray[{count} model{'' if count == 1 else 's'}]")
        last.markdown(f":gray[{_last_run(case)}]")
        with actions.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open", key=f"open_{case.id}"):
                state.go("select/explore", case=case.id)
            if st.button(
                "", key=f"delete_{case.id}", icon=":material/delete:", help="Delete this case"
            ):
                _delete(case)


def _last_run(case: Case) -> str:
    runs = cases().runs(case.id)
    if not runs:
        return "no runs yet"
    when = runs[0].ended or runs[0].started
    day = f"{datetime.fromtimestamp(when):%d %b %Y, %H:%M}" if when else "waiting"
    return f"{runs[0].state} · {day}"


@st.dialog("Delete this case?")
def _delete(case: Case) -> None:
    st.markdown(
        f"**{as_written(case.name)}**: its forget sets, runs and cached results go, and its models "
        "and dataset unless another case uses them. This cannot be undone."
    )
    st.button(
        "Delete for good", key="delete_yes", type="primary", icon=":material/delete:",
        on_click=_purge, args=(case,),
    )  # fmt: skip
    if st.session_state.get("delete_yes"):
        st.rerun()


def _purge(case: Case) -> None:
    try:
        files = cases().purge(case.id)
    except StoreError as error:
        state.ui().draft[REFUSED] = error
        return
    if state.ui().case == case.id:
        state.put(case="", model="", forget="", run="")
    state.ui().draft[PURGED] = (case.name, files)


def _show_purged() -> None:
    refused = state.ui().draft.pop(REFUSED, None)
    if refused:
        messages.problem(refused)
    purged = state.ui().draft.get(PURGED)
    if purged:
        name, files = purged
        with st.expander(
            f"{as_written(name)} is gone: {len(files):,} files deleted", key="purged_list"
        ):
            st.code("\n".join(files), language=None)
            st.caption("Copies that you downloaded or made elsewhere are not on this list.")


@PANELS.register
class Disk:
    """How much the workspace holds."""

    name, page, tab, title, order = "home_disk", "home", "Home", "", 40

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """One line: size and place."""
        used = Workspace(home()).disk_used() / 1e6
        st.caption(f"This workspace uses {used:,.1f} MB in `{home()}`.")
