"""Questions to the warm worker, whose answers stay in memory while pages are drawn again."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.runs import TaskResult
from pages.common.services import home, lanes


def ask(case: Case, task: str, **arguments: Any) -> TaskResult:
    """The answer of an interactive task; raises NoAnswer with a remedy."""
    request = json.dumps({"task": task, **arguments}, sort_keys=True)
    return _ask(str(home()), case.id, case.created, request)


@st.cache_resource(show_spinner=False, max_entries=32)
def _ask(root: str, case_id: str, created: str, request: str) -> TaskResult:
    """`created` keeps a case that was purged and opened again from getting old answers."""
    return lanes().ask(case_id, json.loads(request))
