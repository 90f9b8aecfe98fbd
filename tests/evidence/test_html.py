"""The report states the run's own numbers, runs no script, and escapes what users wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from disgorge_core import verbs
from disgorge_core.comparison import compare
from disgorge_core.data.forget_set import where
from disgorge_core.evidence.html import Subject, limits, report
from disgorge_core.evidence.software import versions
from disgorge_core.examples.digits import Digits
from disgorge_core.jobs.tasks.disgorge import plain_outcome
from disgorge_core.training import fit, refit_many
from disgorge_core.types import Recipe


@pytest.fixture(scope="module")
def subject() -> Subject:
    data = Digits().dataset()
    before = fit(data, "mlp", Recipe(epochs=3), settings={"width": 8}, name="first")
    forget = where(data, "style == '1 style 1'", name="<b>Ones</b>", reason="consent withdrawn")
    outcome = verbs.disgorge(before, data, forget, "retrain")
    mask = forget.mask(data)
    references = refit_many(before, data, np.stack([~mask] * 3), [11, 12, 13]).models
    return Subject(
        case="Digits & more", data=data, forget=forget, before=("first", before.digest),
        after=("second", outcome.model.digest), outcome=plain_outcome(outcome, []),
        comparison=compare(before, outcome.model, data, mask, references),
        finished="22 November 2026, 12:00 UTC", software=versions(),
    )  # fmt: skip


def test_numbers_are_the_models_own(subject: Subject) -> None:
    text = report(subject)
    data, mask = subject.data, subject.comparison.forget
    for z in (subject.comparison.before, subject.comparison.after):
        removed = (z.argmax(1) == data.y)[mask & (data.split == 0)].mean()
        assert f"{100 * removed:.1f} [" in text
    assert "58" in text
    assert subject.outcome["claim"] in text


def test_nothing_runs_and_nothing_is_fetched(subject: Subject) -> None:
    text = report(subject)
    assert not re.search(r"<script|javascript:|\son\w+=|https?://(?!www\.w3\.org/2000/svg)", text)
    assert len(text) < 300_000


def test_what_users_wrote_is_escaped(subject: Subject) -> None:
    text = report(replace(subject, case='<img src=x onerror="alert(1)">'))
    assert "<img" not in text
    assert "<b>Ones</b>" not in text
    assert "&lt;b&gt;Ones&lt;/b&gt;" in text


def test_every_tag_is_closed(subject: Subject) -> None:
    open_tags: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balance().feed(report(subject))
    assert open_tags == []


def test_limits_are_never_empty_and_name_missing_references(subject: Subject) -> None:
    alone = replace(subject.comparison, references=subject.comparison.references[:0])
    assert any("No reference models" in line for line in limits(replace(subject, comparison=alone)))
    assert any("No attack was run" in line for line in limits(subject))


def test_changed_answers_are_counted(subject: Subject) -> None:
    c, data = subject.comparison, subject.data
    kept = ~c.forget & (data.split == 0)
    flips = int((c.before.argmax(1) != c.after.argmax(1))[kept].sum())
    assert f"Kept records: {flips:,} of {int(kept.sum()):,} answers changed." in report(subject)
