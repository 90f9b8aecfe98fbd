"""What a privately trained model is within, for how many records that holds, and what it cost in quality."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from disgorge_core import metrics
from disgorge_core.privacy.bound import PRIVACY, Bound, bound_of
from disgorge_core.types import Array, Dataset, Estimate
from disgorge_core.words import PRIVACY_ASSUMES, bound
from pages.common import messages, tables
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import answers, card, names

TOGETHER = (1, 10, 100)
UNCOVERED = "not covered: fitted to the records, so a removal's tier drops to empirical"
VOID = (
    "Its weights were changed since it was trained privately, so its bound no longer holds. Train it again "
    "in its regime."
)


@PANELS.register
class Privacy:
    """The bound, its reach and its price; nothing for models without one."""

    name, page, tab, title, order = "model_privacy", "model", "Overview", "", 16

    def needs(self, view: View) -> Need | None:
        """Nothing: models without a bound have no such panel."""

    def draw(self, view: View) -> None:
        """The bound left, its price right."""
        if not view.model or card(view.model)["regime"] not in PRIVACY_ASSUMES:
            return
        found = _bound(view.model, str(cases().workspace.root))
        if found is None:
            return
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch", key="model_privacy"):
            _said(found)
        with right, st.container(border=True, height="stretch", key="model_privacy_price"):
            st.subheader("What privacy costs here", anchor=False)
            _price(view)
            st.markdown("**The bound holds if**")
            assumed = PRIVACY_ASSUMES[card(view.model)["regime"]]
            st.markdown("\n".join(f"- {text}" for text in assumed))


@st.cache_data(show_spinner=False, max_entries=200)
def _bound(digest: str, root: str) -> Bound | str | None:
    model = cases().model(digest)
    return (bound_of(model) or VOID) if PRIVACY in model.artefacts else None


def _said(found: Bound | str) -> None:
    st.subheader("Privacy bound", anchor=False)
    if isinstance(found, str):
        st.warning(found, icon=":material/block:")
        return
    facts = {
        "One record": bound(found.epsilon, found.delta),
        "By a second accountant": f"ε = {found.second:.3g}",
        "How inputs are read": "covered" if found.reading else UNCOVERED,
    }
    tables.facts(facts, "privacy")
    st.dataframe(reach(found), hide_index=True, key="privacy_reach")
    messages.reading(_until(found))


def reach(found: Bound) -> pd.DataFrame:
    """What the bound says of some numbers of records together."""
    said = [
        bound(*found.group(k)) if found.meaningful(k) else "no meaningful bound" for k in TOGETHER
    ]
    return pd.DataFrame({"records removed": [f"{k:,}" for k in TOGETHER], "covered by": said})


def _until(found: Bound) -> str:
    if not found.most:
        return "There is no meaningful bound, not even for one record: kε is above 10 or δ at 1/n."
    said = f"No meaningful bound from {found.most + 1:,} records on"
    return f"{said}: kε would pass 10, or k·exp((k-1)ε)·δ would reach 1/n."


# --- the price ----------------------------------------------------------------------------------


def _price(view: View) -> None:
    split = next((s for s in ("test", "validation") if len(view.data.rows(s))), "")
    if not split:
        st.markdown("There are no test or validation records to compare on.")
        return
    plain = [d for d in view.case.models if _plain(d)]
    if not plain:
        st.markdown("Train a plain model of these records to see what privacy costs in quality.")
        messages.link("case/model", "Train one", ":material/model_training:", tab="Train")
        return
    own = _logits(view, view.model, split)
    others = {d: _logits(view, d, split) for d in plain}
    y = view.data.y[view.data.rows(split)]
    best = min(
        others,
        key=lambda d: -_sign(view.data) * metrics.quality(others[d], y, view.data.task).value,
    )
    rows = {"This model": own, f"{names(view.case)[best]} (plain)": others[best]}
    tables.facts(
        {name: _value(view.data, metrics.quality(z, y, view.data.task)) for name, z in rows.items()}
        | {"Price": _difference(view.data, others[best], own, y)},
        "privacy_price",
    )
    of = f"the best of {len(plain)} plain models" if len(plain) > 1 else "the plain model"
    what = "Accuracy" if view.data.classes else "Error (rmse)"
    messages.reading(
        f"{what} on {len(y):,} {split} records, beside {of} of this case; 95 % intervals."
    )


def _plain(digest: str) -> bool:
    about = card(digest)
    return about["regime"] == "plain" and not about["lineage"]["excluded"]


def _logits(view: View, digest: str, split: str) -> Array:
    found: Array = answers(view.case, digest).arrays["logits"]
    return found[view.data.rows(split)]


def _sign(data: Dataset) -> int:
    return 1 if data.classes else -1


def _value(data: Dataset, q: Estimate) -> str:
    if data.classes:
        return f"{100 * q.value:.1f} % ({100 * q.low:.1f} to {100 * q.high:.1f})"
    return f"{q.value:.4g} ({q.low:.4g} to {q.high:.4g})"


def _difference(data: Dataset, plain: Array, own: Array, y: Array) -> str:
    """How much better the plain model is, record by record."""
    if not data.classes:
        paired = (own[:, 0] - y) ** 2 - (plain[:, 0] - y) ** 2
        d = metrics.mean_estimate(paired)
        return f"{d.value:.3g} in mean squared error ({d.low:.3g} to {d.high:.3g})"
    right = [(z.argmax(1) == y).astype(float) for z in (plain, own)]
    d = metrics.mean_estimate(100 * (right[0] - right[1]))
    return f"{d.value:.1f} points ({d.low:.1f} to {d.high:.1f})"
