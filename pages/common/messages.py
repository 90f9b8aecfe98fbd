"""What pages say to the user: purpose, needs, problems with their remedy, the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from disgorge_core.errors import DisgorgeError
from disgorge_core.types import Tier
from pages.common.state import address

MARKS = re.compile(r"([\\`*_\[\]<>$~#])")
TIER_COLOURS = {
    Tier.DELETED: "gray",
    Tier.REBUILT: "green",
    Tier.ISOLATED: "blue",
    Tier.CERTIFIED: "violet",
    Tier.EMPIRICAL: "orange",
    Tier.SUPPRESSED: "red",
}


def title(name: str, purpose: str) -> None:
    """The page's title and one sentence on what it is for."""
    st.title(name, anchor=False)
    st.html(f'<p class="dg-purpose">{purpose}</p>')


def reading(sentence: str) -> None:
    """One sentence on how to read the chart or table above."""
    st.caption(sentence)


def problem(error: DisgorgeError) -> None:
    """A problem in plain words with what to do about it."""
    remedy = f"  \n{as_written(error.remedy)}" if error.remedy else ""
    st.error(f"**{as_written(error.problem)}**{remedy}", icon=":material/error:")


def as_written(text: str) -> str:
    """Text for Markdown whose signs shall be shown, not obeyed."""
    return MARKS.sub(r"\\\1", text)


@contextmanager
def problems_in_words() -> Iterator[None]:
    """Show a DisgorgeError as a sentence instead of a traceback."""
    try:
        yield
    except DisgorgeError as error:
        problem(error)


def need(sentence: str, page: str, label: str, *, key: str, **ids: str) -> None:
    """Why there is nothing here yet, and the link to where it can be got."""
    with st.container(border=True, key=f"need_{key}"):
        st.html(f'<p class="dg-need">{sentence}</p>')
        link(page, label, **ids)


def link(page: str, label: str, icon: str = ":material/arrow_forward:", **ids: str) -> None:
    """A link to a page ("case/data") that keeps the open case."""
    st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=address(**ids))


def next_step(page: str, label: str, sentence: str) -> None:
    """The foot of a page: where the path goes on, and why."""
    with st.container(key="next_step", horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="dg-next"><b>Next</b> {sentence}</p>')
        link(page, label)


def tier_badge(tier: Tier) -> str:
    """Markdown of a tier's badge, one colour for each tier."""
    return f":{TIER_COLOURS[tier]}-badge[{tier.value}]"
