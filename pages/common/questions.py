"""Questions to the warm worker, whose answers stay in memory while pages are drawn again.

`ask` waits for the answer: for questions of a second. `answer` lets the page go on while a slower
question is worked on, and `waiting` draws the page again when it is ready.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.jobs import Lanes
from disgorge_core.runs import TaskResult
from disgorge_core.words import duration
from pages.common.services import home, lanes

USUAL, LONGEST = 60.0, 900.0  # seconds that a question may take
AT_ONCE = 1.0  # seconds that a page waits for a slow question before it goes on
KEPT = 32

Key = tuple[str, str, str, str]


def ask(case: Case, task: str, **arguments: Any) -> TaskResult:
    """The answer of an interactive task; raises NoAnswer with a remedy."""
    return _ask(*_key(case, task, arguments))


def _key(case: Case, task: str, arguments: dict[str, Any]) -> Key:
    """When it was created keeps a case that was purged and opened again from getting old answers."""
    request = json.dumps({"task": task, **arguments}, sort_keys=True)
    return str(home()), case.id, case.created, request


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _ask(root: str, case_id: str, created: str, request: str) -> TaskResult:
    return lanes().ask(case_id, json.loads(request), USUAL)


class Waiting:
    """Questions on their way: threads that only wait for the worker, so that pages need not."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="question")
        self._asked: OrderedDict[Key, tuple[float, Future[TaskResult]]] = OrderedDict()

    def of(self, key: Key, to: Lanes) -> tuple[float, Future[TaskResult]]:
        """When it was asked, and its answer to come; one that failed is asked again the next time."""
        if key not in self._asked:
            future = self._pool.submit(to.ask, key[1], json.loads(key[3]), LONGEST)
            self._asked[key] = time.monotonic(), future
        self._asked.move_to_end(key)
        while len(self._asked) > KEPT and next(iter(self._asked.values()))[1].done():
            self._asked.popitem(last=False)
        return self._asked[key]

    def forget(self, key: Key) -> None:
        """Let a question be asked again."""
        self._asked.pop(key, None)


@st.cache_resource(show_spinner=False)
def _waiting() -> Waiting:
    return Waiting()


def answer(case: Case, task: str, **arguments: Any) -> TaskResult | None:
    """The answer, or None while the worker is at it; raises NoAnswer with a remedy."""
    key = _key(case, task, arguments)
    _, future = _waiting().of(key, lanes())
    try:
        return future.result(AT_ONCE)
    except TimeoutError:
        return None
    finally:
        if future.done() and future.exception():
            _waiting().forget(key)


def waiting(case: Case, sentence: str, task: str, **arguments: Any) -> None:
    """Say what is worked on and for how long; the page is drawn again when the answer is there."""
    st.fragment(_wait, run_every=1.0)(_key(case, task, arguments), sentence)


def _wait(key: Key, sentence: str) -> None:
    since, future = _waiting().of(key, lanes())
    if future.done():
        st.rerun()
    spent = time.monotonic() - since
    st.status(f"{sentence} ({duration(spent)} so far)", state="running")
