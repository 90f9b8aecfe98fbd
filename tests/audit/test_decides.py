"""Which findings the verdict rests on: the report says so itself, on paper and back from it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.checks.quality import Quality, lost
from disgorge_core.audit.contract import Measured
from disgorge_core.audit.ranks import Ranked
from disgorge_core.jobs.audits import plain_report, report_of
from disgorge_core.registry import CHECKS
from disgorge_core.types import AuditReport, Decides, Finding, Marks, Verdict
from tests.audit.benches import bench, drawn


def laid():
    references, twins = drawn(20, 0, 1), drawn(10, 5, 2)
    return bench({"before": twins[0], "after": references[0] + 1}, references[1:], twins)


def test_any_check_that_is_ranked_decides_and_no_other_says_so() -> None:
    """Of all that are registered, so that a new one needs no list."""
    seen = set()
    for kind in CHECKS.values():
        check = kind()
        for one in [] if check.why_not(laid()) else check.run(laid()):
            assert (one.told.decides is Decides.RANKED) is (one.ranked is not None)
            seen.add((one.told.decides, check.name))
    decide = {name for how, name in seen if how}
    assert decide == {"distance", "trace", "quality"} and len(seen) > len(decide)


def test_a_check_that_nobody_knows_of_decides_by_its_ranks_alone() -> None:
    finding = Finding("new", "Something new", REMOVED, "share", {})
    assert Measured(finding).told.decides is Decides.NOT
    ranked = Ranked({"after": 1.0}, np.zeros(19))
    assert Measured(finding, ranked).told.decides is Decides.RANKED


@pytest.mark.parametrize("tested", [True, False])
def test_quality_lowers_the_verdict_by_the_records_it_is_judged_on(tested: bool) -> None:
    """Test records; where there are none, kept ones."""
    whole = laid()
    sets = dict(whole.sets) | ({} if tested else {TEST: np.zeros(len(whole.rows), bool)})
    short = replace(whole, sets=sets)
    found = {m.finding.records: m.finding for m in Quality().run(short)}
    on = TEST if tested else KEPT
    assert [r for r, f in found.items() if f.decides is Decides.LOWERS] == [on]
    gap = found[on].values["references"].value - found[on].values["after"].value
    assert lost(short).value == pytest.approx(gap, abs=0.05)


def test_the_report_keeps_it() -> None:
    findings = tuple(
        Finding("c", "m", REMOVED, "share", {}, decides=decides) for decides in Decides
    )
    report = AuditReport(Verdict("k", "t", "", "", ""), findings, (), Marks(), 0, 0)
    on_paper = json.loads(report.to_json())["findings"]
    assert [f["decides"] for f in on_paper] == ["ranked", "lowers", ""]
    assert [f.decides for f in report_of(*plain_report(report)).findings] == list(Decides)
