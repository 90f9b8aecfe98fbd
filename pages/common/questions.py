"""Questions to the warm worker: answers stay in memory, and a page need not wait for slow ones.

`ask` waits. `ask_soon` raises `NotYet` where the answer takes longer; a panel whose `draw` is marked
`@patient` then says what is worked on, and is drawn again when it is done.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.errors import DisgorgeError
from disgorge_core.jobs import Lanes
from disgorge_core.runs import TaskResult
from disgorge_core.words import duration
from pages.common.services import home, lanes

LONGEST = 900.0  # seconds that a question may take, others before it included
AT_ONCE = 1.5  # seconds that a page waits before it goes on
KEPT = 48  # answers in memory

CURVATURE = (
    "Measuring how the model bends around its records: once for each model, up to some minutes for a "
    "large one. You can look at other pages meanwhile"
)
SAID = {
    "embed": "Reading how the model sees each record",
    "overview": "Asking the model about every record",
    "predict": "Asking both models",
    "attribute": "Asking both models, many times over: up to some minutes for a large backbone",
    "neighbours": "Looking for records that are alike",
    "near_duplicates": "Looking for near-duplicates",
    "one_query": CURVATURE,
    "predicted_effect": CURVATURE,
}
Key = tuple[str, str, str, str]


class NotYet(Exception):
    """The answer to the question of this key is still on its way."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


def ask(case: Case, task: str, **arguments: Any) -> TaskResult:
    """The answer of an interactive task, waited for; raises NoAnswer with a remedy."""
    return _answer(_key(case, task, arguments), LONGEST)


def ask_soon(case: Case, task: str, **arguments: Any) -> TaskResult:
    """The answer if it comes at once; raises NotYet for others, and NoAnswer with a remedy."""
    return _answer(_key(case, task, arguments), AT_ONCE)


def _key(case: Case, task: str, arguments: dict[str, Any]) -> Key:
    """A case that was purged and opened again has another time, so it gets no old answers."""
    request = json.dumps({"task": task, **arguments}, sort_keys=True)
    return str(home()), case.id, case.created, request


def _answer(key: Key, patience: float) -> TaskResult:
    _, future = _questions().of(key, lanes())
    try:
        return future.result(patience)
    except TimeoutError:
        raise NotYet(key) from None
    except DisgorgeError:
        _questions().forget(key)
        raise


def patient(draw: Callable[..., None]) -> Callable[..., None]:
    """For a panel's `draw`: where an answer is not there yet, say so and draw again when it is."""

    @wraps(draw)
    def drawn(*arguments: Any) -> None:
        try:
            draw(*arguments)
        except NotYet as question:
            st.fragment(_wait, run_every=1.0)(question.key)

    return drawn


def _wait(key: Key) -> None:
    since, future = _questions().of(key, lanes())
    if future.done():
        st.rerun()
    spent = duration(time.monotonic() - since)
    st.status(
        f"{SAID.get(json.loads(key[3])['task'], 'Working')} ({spent} so far)", state="running"
    )


class _Questions:
    """Questions that were asked, each with a thread that only waits for the worker."""

    def __init__(self) -> None:
        self._asked: OrderedDict[Key, tuple[float, Future[TaskResult]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Key, to: Lanes) -> tuple[float, Future[TaskResult]]:
        """When it was asked, and the answer to come."""
        with self._lock:
            if key not in self._asked:
                self._asked[key] = time.monotonic(), _begun(to, key)
            self._asked.move_to_end(key)
            self._drop_oldest()
            return self._asked[key]

    def forget(self, key: Key) -> None:
        """Let a question that failed be asked again."""
        with self._lock:
            self._asked.pop(key, None)

    def _drop_oldest(self) -> None:
        while len(self._asked) > KEPT and next(iter(self._asked.values()))[1].done():
            self._asked.popitem(last=False)


def _begun(to: Lanes, key: Key) -> Future[TaskResult]:
    future: Future[TaskResult] = Future()
    threading.Thread(target=_fill, args=(future, to, key), daemon=True).start()
    return future


def _fill(future: Future[TaskResult], to: Lanes, key: Key) -> None:
    try:
        future.set_result(to.ask(key[1], json.loads(key[3]), LONGEST))
    except BaseException as error:  # the page that asked must hear of it, whatever it is
        future.set_exception(error)


@st.cache_resource(show_spinner=False)
def _questions() -> _Questions:
    return _Questions()
