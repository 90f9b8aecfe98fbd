"""The verdict, rung by rung: a table of what was measured and what may be concluded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from disgorge_core.audit.verdict import Evidence, verdict
from disgorge_core.types import Estimate, Marks, Tier
from disgorge_core.words import VERDICT_REASONS, VERDICTS

HONEST = Evidence(
    tier=Tier.EMPIRICAL, marks=Marks(), references=50, p_before=0.02, p_after=0.6, p_all=0.5, p_control=0.4,
    trace_before=Estimate(1.0, 0.95, 1.05, 50), trace_after=Estimate(0.01, -0.04, 0.06, 50),
    far_before=60.0, far_after=1.1, lost=Estimate(0.0, -0.01, 0.01, 50),
)  # fmt: skip
HALF = Estimate(0.5, 0.45, 0.55, 50)
STAYS = Estimate(0.98, 0.93, 1.03, 50)
WIDE = Estimate(0.05, -0.2, 0.3, 50)
OVERSHOT = Estimate(-0.6, -0.65, -0.55, 50)
UNKNOWN = Estimate(0.4, -0.4, 1.2, 50)
TABLE = [
    # what differs from an honest removal, verdict
    ({}, "not distinguishable"),
    ({"recipe": "confirmed"}, "not distinguishable"),
    ({"recipe": "unconfirmed"}, "reduced"),
    ({"recipe": "unchecked"}, "reduced"),
    ({"recipe": "unknown"}, "reduced"),
    ({"p_relearned": 0.02, "relearned": HALF}, "reduced"),
    ({"p_relearned": 0.02, "relearned": Estimate(0.06, 0.01, 0.11, 50)}, "not distinguishable"),
    ({"p_relearned": 0.5, "relearned": HALF}, "not distinguishable"),
    ({"lost": Estimate(0.1, 0.05, 0.15, 50)}, "reduced"),
    ({"lost": Estimate(0.03, 0.0, 0.06, 50)}, "not distinguishable"),
    ({"trace_after": WIDE}, "reduced"),
    ({"trace_after": UNKNOWN}, "cannot tell"),
    ({"p_all": 0.02}, "reduced"),
    ({"p_all": 0.02, "trace_after": HALF}, "reduced"),
    ({"p_all": 0.02, "trace_after": OVERSHOT}, "reduced"),
    ({"trace_after": OVERSHOT}, "reduced"),
    ({"p_all": 0.02, "trace_after": STAYS}, "no effect"),
    ({"p_all": 0.02, "trace_after": None}, "cannot tell"),
    ({"trace_after": None}, "cannot tell"),
    ({"p_all": 0.02, "far_after": 90.0}, "worse"),
    ({"p_all": 0.02, "far_after": 61.0, "trace_after": STAYS}, "no effect"),
    ({"p_before": 0.5, "trace_after": None}, "no trace"),
    ({"p_before": 0.5}, "no trace"),
    ({"p_before": 0.5, "p_all": 0.02}, "worse"),
    ({"p_control": 0.02}, "cannot tell"),
    ({"references": 18, "p_before": 1 / 19, "p_all": 1 / 19}, "cannot tell"),
    ({"references": 18, "p_control": 0.01}, "cannot tell"),
    ({"p_before": None, "p_after": None, "p_all": None, "references": 0}, "cannot tell"),
    ({"broken": "The model after gives answers that are not numbers."}, "cannot tell"),
    ({"moved": False, "answers_moved": False}, "no effect"),
    ({"moved": False}, "suppressed"),
    ({"tier": Tier.SUPPRESSED}, "suppressed"),
    ({"tier": Tier.REBUILT}, "exact"),
    ({"tier": Tier.ISOLATED, "p_all": 0.02}, "exact"),
    ({"tier": Tier.REBUILT, "p_before": 0.5}, "exact"),
    ({"tier": Tier.REBUILT, "p_before": None, "p_after": None, "p_all": None, "references": 0}, "exact"),
    ({"tier": Tier.REBUILT, "p_all": 0.02, "trace_after": HALF}, "reduced"),
    ({"tier": Tier.REBUILT, "p_all": 0.02, "trace_after": STAYS}, "no effect"),
    ({"tier": Tier.REBUILT, "p_control": 0.02}, "cannot tell"),
    ({"tier": Tier.REBUILT, "moved": False, "answers_moved": False}, "no effect"),
    ({"tier": Tier.CERTIFIED}, "certified"),
    ({"tier": Tier.CERTIFIED, "p_all": 0.02, "trace_after": HALF}, "reduced"),
    ({"tier": Tier.DELETED}, "exact"),
]  # fmt: skip


@pytest.mark.parametrize(("differs", "expected"), TABLE)
def test_each_rung(differs, expected):
    assert verdict(replace(HONEST, **differs)).key == expected


def test_every_rung_and_every_reason_is_reached_by_the_table():
    found = [verdict(replace(HONEST, **differs)) for differs, _ in TABLE]
    assert {v.key for v in found} == set(VERDICTS)
    said = [reason for v in found for reason in v.reasons]
    starts = {
        key: text.split("{")[0] for key, text in VERDICT_REASONS.items() if text.split("{")[0]
    }
    assert {key for key, start in starts.items() if any(s.startswith(start) for s in said)} == set(
        starts
    )


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize(("differs", "_"), TABLE)
def test_findings_never_raise_a_verdict(differs, _, tier):
    """A claim by construction is never given to a method that does not make it."""
    found = verdict(replace(HONEST, **(differs | {"tier": tier}))).key
    if tier in (Tier.EMPIRICAL, Tier.SUPPRESSED):
        assert found not in ("exact", "certified")


@pytest.mark.parametrize("p", [0.001, 0.02, 0.05])
def test_a_model_that_is_refused_is_never_cleared(p):
    for differs, _ in TABLE:
        found = verdict(replace(HONEST, **(differs | {"p_all": p}))).key
        assert found not in ("not distinguishable", "no trace")


def test_a_wider_tolerance_never_lowers_a_verdict():
    strict = verdict(replace(HONEST, marks=Marks(tolerance=0.05)))
    assert strict.key == "reduced" and "6 %" in strict.reasons[0]
    assert (
        verdict(replace(HONEST, marks=Marks(tolerance=0.3), trace_after=WIDE)).key
        == "not distinguishable"
    )


def test_the_words_promise_nothing():
    text = " ".join([*VERDICT_REASONS.values(), *(str(w) for w in VERDICTS.values())]).lower()
    for word in ("proven", "guarantee", "complian", "forgotten", "100 %"):
        assert word not in text


def test_what_was_measured_is_said_in_numbers():
    said = verdict(HONEST).measured
    assert (
        "50 models" in said and "p = 0.02" in said and "left: 1 %" in said and "-4 % to 6 %" in said
    )


def test_a_trace_of_nothing_has_no_sign():
    said = verdict(replace(HONEST, trace_after=Estimate(-0.001, -0.04, 0.004, 50))).measured
    assert "left: 0 %, interval -4 % to 0 %." in said
