"""Audits as plain values: what a run keeps of a report, and the pass marks that were locked before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from disgorge_core.params import make
from disgorge_core.runs import Run
from disgorge_core.types import (
    About,
    Array,
    AuditReport,
    Decides,
    Estimate,
    Finding,
    Marks,
    Skipped,
    Verdict,
)


@dataclass(frozen=True)
class Locked:
    """Pass marks that were fixed when the run was started; empty where none were."""

    marks: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""  # id of the run, which begins with the UTC time of its request

    @classmethod
    def of(cls, run: Run) -> Locked:
        """Those of a run of the task "disgorge"."""
        marks = dict(run.request.get("marks") or {})
        return cls(marks, run.id if marks else "")

    def changed(self, marks: Marks) -> list[str]:
        """Names of the marks that were used otherwise than locked; all of them where none were locked."""
        if not self.marks:
            return list(asdict(marks))
        locked = asdict(make(Marks, self.marks))
        return [name for name, value in asdict(marks).items() if locked[name] != value]

    def plain(self) -> dict[str, Any]:
        """As plain values; the digest is that of the marks as they were locked."""
        digest = make(Marks, self.marks).digest if self.marks else ""
        return {"marks": dict(self.marks), "at": self.at, "digest": digest}


def plain_report(report: AuditReport) -> tuple[dict[str, Any], dict[str, Array]]:
    """A report as what JSON can hold, and its arrays by the number of their finding."""
    arrays = {
        f"{number}_{name}": array
        for number, finding in enumerate(report.findings)
        for name, array in finding.arrays.items()
    }
    return report.plain(), arrays


def report_of(values: Mapping[str, Any], arrays: Mapping[str, Array]) -> AuditReport:
    """The report that was kept as plain values."""
    said = dict(values["verdict"])
    return AuditReport(
        verdict=Verdict(**(said | {name: tuple(said[name]) for name in ("reasons", "why")})),
        findings=tuple(_finding(n, f, arrays) for n, f in enumerate(values["findings"])),
        skipped=tuple(Skipped(**one) for one in values["skipped"]),
        marks=make(Marks, values["marks"]),
        references=values["references"],
        twins=values["twins"],
    )


def _finding(number: int, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Finding:
    values = {who: Estimate(**e) for who, e in plain["values"].items()}
    named = {n.split("_", 1)[1]: arrays[n] for n in arrays if n.split("_", 1)[0] == str(number)}
    kinds = {"about": About(plain["about"]), "decides": Decides(plain["decides"])}
    return Finding(**(dict(plain) | kinds | {"values": values, "arrays": named}))
