"""What a model with a certificate has spent of its budget for removals, and what the bound assumes."""

from __future__ import annotations

import streamlit as st

from disgorge_core.regimes.perturbed import Budget, Perturbed, budget_of
from disgorge_core.regimes.published_noisy import PublishedNoisy
from disgorge_core.words import ASSUMPTIONS, bound
from pages.common import messages, tables
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import card

ABOUT = (
    "Each removal leaves a small rest, and the bound of that rest is added up here. Once the next would pass "
    "the budget, the model is trained again with a new tilt, and the bar starts at 0."
)

NO_BUDGET = (
    "There is no budget to spend: each removal descends until the same noise hides what is left, however "
    "many came before."
)


@PANELS.register
class RemovalBudget:
    """What is spent and left, or hidden by noise, and the assumptions; nothing for models without a bound."""

    name, page, tab, title, order = "model_budget", "model", "Overview", "", 15

    def needs(self, view: View) -> Need | None:
        """Nothing: models without a budget have no such panel."""

    def draw(self, view: View) -> None:
        """Budget left, assumptions right."""
        regime = card(view.model)["regime"] if view.model else ""
        if regime not in ASSUMPTIONS:
            return
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch", key="model_budget"):
            (_spent if regime == Perturbed.name else _hidden)(view.model)
        with right, st.container(border=True, height="stretch", key="model_assumptions"):
            st.subheader("The bound holds if", anchor=False)
            st.markdown("\n".join(f"- {text}" for text in ASSUMPTIONS[regime]))


def _spent(digest: str) -> None:
    st.subheader("Budget for removals", anchor=False)
    found = _budget(digest, str(cases().workspace.root))
    if found is None:
        st.markdown("What it has spent is not in its folder: retrain it in its regime.")
        return
    share = min(1.0, found.spent / found.total)
    settings = Perturbed(**card(digest)["regime_settings"])
    st.progress(
        share, text=f"{share:.0%} spent of what keeps {bound(settings.epsilon, settings.delta)}"
    )
    facts = {
        "Spent": f"{found.spent:.3g} of {found.total:.3g}",
        "Left": f"{found.left:.3g}",
        "Removed so far": f"{found.removed:,} records with this tilt",
        "More it can bear": f"about {found.supports:,} records, one by one (estimated)",
    }
    if len(found.each) > 1:
        facts["Spent by the worst class"] = f"{max(found.each):.3g}; all classes count together"
    tables.facts(facts, "budget")
    messages.reading(ABOUT)


def _hidden(digest: str) -> None:
    st.subheader("Noise for removals", anchor=False)
    regime = PublishedNoisy(**card(digest)["regime_settings"])
    facts = {
        "Bound": bound(regime.epsilon, regime.delta),
        "Noise in each weight": f"{regime.sigma:.3g}",
        "Distance that it hides": f"{2 * regime.distance:.3g}",
    }
    tables.facts(facts, "noise")
    messages.reading(NO_BUDGET)


@st.cache_data(show_spinner=False, max_entries=200)
def _budget(digest: str, root: str) -> Budget | None:
    return budget_of(cases().model(digest))
