"""What an audit is told beforehand, what it measures, and what it concludes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from disgorge_core.params import param
from disgorge_core.types.plain import Array, digest_of
from disgorge_core.types.results import Estimate


class About(StrEnum):
    """What a finding speaks of: the one model at hand, or the method over many seeds."""

    MODEL = "this model"
    PROCEDURE = "the procedure"


class Decides(StrEnum):
    """What a finding may do to the verdict."""

    RANKED = "ranked"  # together with the others that are, as one test
    LOWERS = "lowers"  # it can keep a model from being cleared, and do nothing else
    NOT = ""


@dataclass(frozen=True)
class Marks:
    """Pass marks, set before the run: what will be measured, and which difference counts as none."""

    references: int = param(
        20,
        label="Audit references",
        help="Models trained without the records: 19 or more, or no model can be refused",
        min=0,
        max=200,
    )
    twins: int = param(
        10, help="Models trained with everything: they show what a trace looks like", min=0, max=200
    )
    level: float = param(
        0.05,
        label="Chance of refusing an honest model",
        help="How often a model that never saw the records may be refused by chance",
        min=0.005,
        max=0.2,
    )
    tolerance: float = param(
        0.1,
        label="Trace that counts as none",
        help="Share of the trace that training on the records leaves; the interval must end below it",
        min=0.01,
        max=0.5,
    )
    quality: float = param(
        0.02,
        label="Quality that may be lost",
        help="Share of test records (or of the error) that may be answered worse than by references",
        min=0,
        max=1,
    )
    repeats: int = param(
        0,
        help="Original seeds on which the method is run anew, to judge the procedure: 20 or more; 0 judges "
        "this model only",
        min=0,
        max=200,
    )
    checks: str = param("", help="Names of checks, with commas; empty: all that apply")
    seed: int = param(0, help="Choice of placebo records, and of records where there are many",
                      min=0, max=2**31)  # fmt: skip

    @property
    def digest(self) -> str:
        """Digest of all marks."""
        return digest_of(asdict(self))


@dataclass(frozen=True, eq=False)
class Finding:
    """One measurement: of the model before and after, beside models that never saw the records.

    `values` holds an estimate for each of "before", "after", and where they were measured "control" (a fresh
    reference), "placebo", "twins" and "references" (median and the middle 95 % of their own values: the
    floor). `odds` holds the rank p-value of each judged model among the references; `arrays` what is shown
    record by record; `decides` whether the verdict rests on it.
    """

    check: str
    measure: str  # what is measured, in the words of the screen
    records: str  # which records: "Removed records", "Kept records", "Test", or ""
    unit: str
    values: Mapping[str, Estimate]
    odds: Mapping[str, float] = field(default_factory=dict)
    about: About = About.MODEL
    says: str = ""
    arrays: Mapping[str, Array] = field(default_factory=dict)
    decides: Decides = Decides.NOT

    def plain(self) -> dict[str, Any]:
        """All but the arrays, as plain values."""
        names = ("check", "measure", "records", "unit", "says")
        return {name: getattr(self, name) for name in names} | {
            "about": self.about.value,
            "decides": self.decides.value,
            "values": {who: asdict(estimate) for who, estimate in self.values.items()},
            "odds": dict(self.odds),
        }


@dataclass(frozen=True)
class Skipped:
    """A check that was not run, and why."""

    check: str
    title: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the audit concludes: a rung of the ladder, and what was measured, means, and does not show.

    `why` are the keys of its reasons in `words.VERDICT_REASONS`.
    """

    key: str
    title: str
    measured: str
    means: str
    leaves_open: str
    reasons: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class AuditReport:
    """A finished audit."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    marks: Marks
    references: int
    twins: int

    def plain(self) -> dict[str, Any]:
        """The report as plain values, without what is shown record by record."""
        return {
            "verdict": asdict(self.verdict),
            "findings": [finding.plain() for finding in self.findings],
            "skipped": [asdict(one) for one in self.skipped],
            "marks": asdict(self.marks),
            "references": self.references,
            "twins": self.twins,
        }

    def to_json(self) -> str:
        """The same as JSON, with its digest and that of the marks; what is not a finite number is null."""
        plain = _finite(self.plain()) | {"marks_digest": self.marks.digest}
        return json.dumps(plain | {"digest": digest_of(plain)}, indent=1, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
