"""What stands around every page: style, menu, and in the sidebar what is open and what runs."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages.common import progress, state

ROOT = Path(__file__).parents[2]
# The very first visit to a server: before it runs app.py, Streamlit looks for the page directly in the folder
# pages, finds none there and puts up "Page not found". From then on it asks the menu, so ask once more.
AGAIN = "<script>window.location.reload()</script>"
MENU = {
    "Start": [
        ("start/home", "Home", ":material/home:"),
        ("start/guide", "Guide", ":material/menu_book:"),
    ],
    "Case": [
        ("case/data", "Data", ":material/table_rows:"),
        ("case/model", "Model", ":material/network_node:"),
    ],
    "Select": [
        ("select/explore", "Explore", ":material/lasso_select:"),
        ("select/influence", "Influence", ":material/hub:"),
    ],
    "Disgorge": [
        ("disgorge/plan", "Plan", ":material/checklist:"),
        ("disgorge/runs", "Runs", ":material/play_circle:"),
    ],
    "Compare": [("compare/before_after", "Before & after", ":material/compare:")],
    "Prove": [("prove/audit", "Audit", ":material/fact_check:")],
}


def dress() -> None:
    """Page configuration, style sheet and logo."""
    icon = ROOT / "assets" / "icon.svg"
    st.set_page_config("Disgorge", page_icon=str(icon), layout="wide")
    st.html(ROOT / "assets" / "app.css")
    st.logo(ROOT / "assets" / "logo.svg", size="large", icon_image=icon)


def menu() -> st.Page:
    """The navigation in its sections; gives the page that was asked for."""
    pages = {
        section: [_page(*entry) for entry in entries if (ROOT / f"pages/{entry[0]}.py").exists()]
        for section, entries in MENU.items()
    }
    fresh = PagesManager.uses_pages_directory
    chosen = st.navigation({s: p for s, p in pages.items() if p}, expanded=True)
    if fresh and chosen.url_path:  # Home has none
        st.html(AGAIN, unsafe_allow_javascript=True)
    return chosen


def _page(path: str, title: str, icon: str) -> st.Page:
    return st.Page(f"pages/{path}.py", title=title, icon=icon, default=path == "start/home")


def sidebar() -> None:
    """The open case, the forget set in hand and the running job."""
    with st.sidebar:
        case = state.current_case()
        if case is None:
            st.html('<div class="dg-side"><small>No case is open</small></div>')
            return
        st.html(_open_case(case.name, _forget_line(case)))
        progress.sidebar(case)


def _forget_line(case: object) -> str:
    held = state.current_forget(case)  # type: ignore[arg-type]
    if held is None:
        return "No records chosen yet"
    return f"{_safe(held[1].name)} · {len(held[1]):,} record{'s' * (len(held[1]) != 1)}"


def _open_case(name: str, forget: str) -> str:
    return (
        '<div class="dg-side"><small>Case</small>'
        f"<b>{_safe(name)}</b><small>To remove</small><span>{forget}</span></div>"
    )


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
