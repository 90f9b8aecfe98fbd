"""One method's theory and settings, read from its own file."""

from __future__ import annotations

import inspect
import sys

import pandas as pd
import streamlit as st

from disgorge_core.params import params_of


def paper(kind: type) -> None:
    """The module's docstring and the settings of a method."""
    with st.expander("The method in full", expanded=True, key=f"paper_{kind.__name__}"):
        text = inspect.cleandoc(sys.modules[kind.__module__].__doc__ or "")
        st.html(f'<pre class="dg-paper">{_safe(text)}</pre>')
    settings = params_of(kind)
    if settings:
        with st.expander(f"Settings ({len(settings)})", key=f"settings_{kind.__name__}"):
            rows = [(p.label, str(p.default), p.help) for p in settings]
            table = pd.DataFrame(rows, columns=["setting", "default", "meaning"])
            st.dataframe(table, hide_index=True, key=f"settings_table_{kind.__name__}")


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
