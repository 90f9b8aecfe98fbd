"""What is known before anything runs: which methods apply, what they cost, what is there already."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from disgorge_core.cases import Recent
from disgorge_core.disgorging import Offer, applicable, facts_for, seconds_to_retrain, why_not
from disgorge_core.jobs import Desk
from disgorge_core.jobs.references import missing_references
from disgorge_core.jobs.tasks.disgorge import earlier_removals
from disgorge_core.methods.contract import Facts
from disgorge_core.params import make
from disgorge_core.registry import METHODS
from disgorge_core.types import silent
from disgorge_core.words import duration
from pages.common.panels import View
from pages.common.services import cases

MOST_REFERENCES = 50


@dataclass(frozen=True, eq=False)
class Forecast:
    """Facts and offers for one model and one forget set; `retrain` is in seconds, for one model."""

    facts: Facts
    offers: tuple[Offer, ...]
    retrain: float

    def offer(self, method: str) -> Offer:
        """The offer of a method; the recommended one for a name that does not apply."""
        fits = [offer for offer in self.offers if offer.why_not is None]
        return next((offer for offer in fits if offer.method == method), fits[0])

    def share(self, method: str, settings: Mapping[str, Any]) -> float:
        """Expected cost with these settings, as a share of one full training."""
        return float(make(METHODS[method], settings).price(self.facts))

    def why_not(self, method: str, settings: Mapping[str, Any]) -> str | None:
        """One sentence if the method does not apply with these settings."""
        return why_not(make(METHODS[method], settings), self.facts)

    def seconds(self, share: float) -> float:
        """How long that share of a full training takes here, roughly."""
        return share * self.retrain * self.facts.n_train / self.facts.n_keep


def forecast(view: View) -> Forecast:
    """The forecast for what is open; raises BadForgetSet where the removal makes no sense."""
    return _forecast(view.case.id, view.case.created, view.model, view.forget, view)


@st.cache_resource(show_spinner="Pricing the methods", max_entries=4, scope="session")
def _forecast(case_id: str, created: str, model: str, forget: str, _view: View) -> Forecast:
    """`created` keeps a case that was purged and opened again from getting the old forecast."""
    desk = _desk(_view)
    loaded, chosen = desk.model(model), desk.forget(forget)
    earlier = earlier_removals(desk, loaded)
    facts = facts_for(loaded, desk.data, chosen, earlier)
    seconds = seconds_to_retrain(facts)
    offers = applicable(loaded, desk.data, chosen, earlier, retrain=seconds)
    return Forecast(facts, tuple(offers), seconds)


def kept_references(view: View, found: Forecast) -> int:
    """How many references of this request were trained by earlier runs and are kept."""
    missing = missing_references(_desk(view), found.facts.model, found.facts.keep, MOST_REFERENCES)
    return MOST_REFERENCES - missing


def _desk(view: View) -> Desk:
    """The view that a run will have of the case."""
    recent = Recent(1, cases().workspace.model)
    return Desk(cases(), view.case.id, Path(), silent, recent)


def share_in_words(share: float) -> str:
    """A cost as a share of a full retrain."""
    if share <= 0:
        return "no training"
    percent = 100 * share
    if percent < 0.1:
        return "under 0.1 % of a retrain"
    return f"{percent:.1g} % of a retrain" if percent < 1 else f"{percent:.0f} % of a retrain"


def time_in_words(seconds: float) -> str:
    """A forecast of time; nothing below a second is worth a number."""
    if math.isnan(seconds):
        return ""
    return "about " + duration(seconds) if seconds >= 1 else "under a second"
