"""One method's theory and settings, read from its own file."""

from __future__ import annotations

import html
import inspect
import re
import sys
from collections.abc import Iterable
from itertools import groupby

import pandas as pd
import streamlit as st

from disgorge_core.params import params_of

HEADS = ("Formula", "Source", "Guarantee", "Fails when")
HEAD = re.compile(rf"^({'|'.join(HEADS)}): ", re.MULTILINE)


def paper(kind: type) -> None:
    """The module's docstring and the settings of a method."""
    with st.expander("Formula, source, guarantee, limits", expanded=True, key="paper"):
        text = inspect.cleandoc(sys.modules[kind.__module__].__doc__ or "")
        lead, parts = sections(text)
        body = "".join(_section(head, part) for head, part in parts.items())
        st.html(f'<div class="dg-paper"><p>{_words(_flowing(lead))}</p>{body}</div>')
    _settings(kind)


def sections(text: str) -> tuple[str, dict[str, str]]:
    """The lead of a method's docstring, and its parts by their heads."""
    lead, *rest = HEAD.split(text)
    return lead, dict(zip(rest[::2], rest[1::2], strict=True))


def _section(head: str, text: str) -> str:
    parts = groupby(text.splitlines(), key=lambda line: line.startswith("    "))
    return f"<h5>{head}</h5>" + "".join(_block(indented, lines) for indented, lines in parts)


def _block(indented: bool, lines: Iterable[str]) -> str:
    """Indented lines are formulas and stay as written; all others flow."""
    if indented:
        return f"<pre>{html.escape(inspect.cleandoc(chr(10).join(['', *lines])))}</pre>"
    text = _flowing(" ".join(lines))
    return f"<p>{_words(text[:1].upper() + text[1:])}</p>" if text else ""


def _words(text: str) -> str:
    """As HTML; what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _flowing(text: str) -> str:
    return " ".join(text.split())


def _settings(kind: type) -> None:
    settings = params_of(kind)
    if not settings:
        return
    with st.expander(f"Settings ({len(settings)})", key="paper_settings"):
        rows = [(p.label, str(p.default), p.help) for p in settings]
        table = pd.DataFrame(rows, columns=["setting", "default", "meaning"])
        st.dataframe(table, hide_index=True, key="paper_settings_table")
