"""Train another model on the case's records: price first, then the queue."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from disgorge_core.data.query import select
from disgorge_core.errors import BadQuery
from disgorge_core.params import make
from disgorge_core.planning import Price, training_price
from disgorge_core.privacy.bound import Bound
from disgorge_core.registry import ARCHITECTURES, METHODS, REGIMES
from disgorge_core.training import advised, regime_from
from disgorge_core.types import Dataset, Recipe
from disgorge_core.words import bound, duration
from pages.common import forms, messages, progress, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases, lanes
from pages.panels.model.cards import card

RUN = "training_run"  # draft: the run that was started here


@PANELS.register
class Train:
    """Architecture, settings, recipe, regime; what it will cost; start."""

    name, page, tab, title, order = "model_train", "model", "Train", "", 80

    def needs(self, view: View) -> Need | None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """The forms, the price, the button and the running training."""
        left, right = st.columns([2, 1], gap="large")
        with left:
            request = _request(view)
        with right, st.container(border=True, key="train_price"):
            _offer(view, request)
        _watch(view)


def _request(view: View) -> dict[str, Any]:
    """What is asked for; every form starts at what the chosen model was trained with."""
    like, data = _like(view), view.data
    st.subheader("Network", anchor=False)
    names = [n for n in ARCHITECTURES if _fits(ARCHITECTURES[n], data)]
    a, b = st.columns(2)
    name = a.selectbox(
        "Architecture", names, index=names.index(like.architecture) if like.architecture in names else 0,
        format_func=lambda n: ARCHITECTURES[n].title, key=f"train_architecture_{like.key}",
    )  # fmt: skip
    kind, key = ARCHITECTURES[name], f"train_{like.key}_{name}"
    label = b.text_input("Name", value=kind.title, key=f"{key}_name")
    solved = hasattr(kind, "solve")
    settings = forms.fields(kind, key, start=like.settings if name == like.architecture else {})
    left_out = st.text_input(
        "Leave out", key=f"{key}_left_out", placeholder="a filter, such as source == 'spare'",
        help="Records that this model is not trained on, such as a pool of substitutes for later.",
    )  # fmt: skip
    regime = {} if solved else _regime(data, name)
    st.subheader("Recipe", anchor=False)
    ignored = getattr(REGIMES[regime["name"]], "ignores", ()) if regime else ()
    hidden = _hidden(data, solved) | set(ignored)
    recipe = _recipe(data, key, like.recipe, regime, hidden)
    return {
        "task": "train", "architecture": name, "settings": settings, "recipe": recipe,
        "regime": regime, "label": label, "leave_out": left_out,
    }  # fmt: skip


def _recipe(
    data: Dataset, key: str, start: dict[str, Any], regime: dict[str, Any], hidden: set[str]
) -> dict[str, Any]:
    """The recipe's form; it starts at what the regime advises, where it advises something."""
    found, why = advised(regime_from(regime), make(Recipe, start), data)
    if not why:
        return forms.fields(Recipe, f"{key}_recipe", start=start, hide=hidden)
    messages.reading(why)
    return forms.fields(Recipe, f"{key}_recipe_{regime['name']}", start=asdict(found), hide=hidden)


@dataclass(frozen=True)
class Like:
    """Where the forms start: the chosen model's ways, else a small network."""

    key: str
    architecture: str
    settings: dict[str, Any]
    recipe: dict[str, Any]


def _like(view: View) -> Like:
    if not view.model:
        return Like("new", "mlp", {}, {})
    about = card(view.model)
    known = about["architecture"] in ARCHITECTURES
    return Like(
        view.model[:8], about["architecture"] if known else "mlp",
        about["architecture_settings"] if known else {}, about["recipe"] or {},
    )  # fmt: skip


def _fits(kind: Any, data: Dataset) -> bool:
    return data.kind in kind.kinds and data.task in kind.tasks


def _hidden(data: Dataset, solved: bool) -> set[str]:
    if solved:  # nothing is stepped: only the L2 term and the number format play a part
        return set(asdict(Recipe())) - {"l2", "dtype"}
    return set() if data.kind == "image" else {"augment"}


def _regime(data: Dataset, architecture: str) -> dict[str, Any]:
    """The chosen regime with its settings; why another cannot be used stands below its name."""
    st.subheader("Regime", anchor=False)
    names = [name for name in REGIMES if data.task in REGIMES[name].tasks]
    chosen = st.selectbox(
        "Regime", names, format_func=lambda name: REGIMES[name].title, key="train_regime",
        label_visibility="collapsed",
    )  # fmt: skip
    kind = REGIMES[chosen]
    method = METHODS[kind.method]
    st.caption(f"{kind.promise} Removal later: *{method.title}* ({method.tier}).")
    return {"name": chosen} | forms.fields(kind, f"train_{chosen}", data=data)


def _offer(view: View, request: dict[str, Any]) -> None:
    parts = {name: request[name] for name in ("architecture", "settings", "recipe", "regime")}
    reason = _why_not(view.data, request)
    st.subheader("What it will cost", anchor=False)
    if reason:
        st.warning(reason, icon=":material/block:")
    else:
        price = _price(view.data.digest, view.data, **parts)
        st.metric("Time, roughly", duration(price.seconds))
        st.caption(f"{price.passes:,.0f} record-passes, {price.parameters:,} parameters")
        st.caption(_later(price))
        _reach(view.data, parts)
    if st.button(
        "Train", key="train_start", type="primary", icon=":material/play_arrow:", width="stretch",
        disabled=bool(reason),
    ):  # fmt: skip
        state.ui().draft[RUN] = lanes().submit(view.case.id, request)
        st.rerun()


def _why_not(data: Dataset, request: dict[str, Any]) -> str | None:
    if request["leave_out"].strip():
        try:
            select(data, request["leave_out"])
        except BadQuery as error:
            return str(error)
    regime = regime_from(request["regime"])
    return regime.why_not(data, request["architecture"]) if regime else None


def _reach(data: Dataset, parts: dict[str, Any]) -> None:
    """How many records a private training will cover together, before it is run."""
    foreseen = getattr(regime_from(parts["regime"]), "foreseen", None)
    found = foreseen(data, make(Recipe, parts["recipe"])) if foreseen else None
    if found is not None:
        st.metric("Records covered together, at most", f"{found.most:,}")
        st.caption(reach_words(found))


def reach_words(found: Bound) -> str:
    """What would cover more records than a bound does."""
    said = f"By {bound(found.epsilon, found.delta)} for one record."
    most, delta = found.reach
    if not most:
        return f"{said} No number of records is covered where ε is above 10."
    if most > found.most:
        more = f"{most:,} records" if most > 1 else "1 record"
        power = math.floor(math.log10(delta))
        below = f"{math.floor(delta / 10**power)}e{power}"
        said += f" A δ below {below} would cover {more}, as many as this ε allows."
    return f"{said} k records need ε ≤ 10/k."


def _later(price: Price) -> str:
    if price.inference == 1:
        return "An answer costs one forward pass."
    return f"An answer costs {price.inference:,.3g} forward passes."


@st.cache_data(show_spinner=False, max_entries=50)
def _price(digest: str, _data: Dataset, **request: Any) -> Price:
    return training_price(_data, **request)


def _watch(view: View) -> None:
    run_id = state.ui().draft.get(RUN, "")
    if not run_id or progress.run_of(view.case.id, run_id) is None:
        return
    st.divider()
    run = progress.watch(view.case.id, run_id, key="train_run")
    if run is not None and run.state == "done":
        _finished(view, run.result().values["model"])


def _finished(view: View, digest: str) -> None:
    case = cases().get(view.case.id)
    st.success(
        f"The model is trained; the case now has {len(case.models)} models.",
        icon=":material/check:",
    )
    if st.button("Look at it", key="train_look", icon=":material/arrow_forward:"):
        del state.ui().draft[RUN]
        state.put(model=digest, tab="Quality")
        st.rerun()
