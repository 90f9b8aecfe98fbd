"""A privately trained model through the queue: two removals in a row, and the audit of what did not move."""

from __future__ import annotations

from pathlib import Path

from disgorge_core import training
from disgorge_core.jobs.task import task_of
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.dp_head import DpHead
from disgorge_core.types import Recipe
from disgorge_core.words import bound
from tests.jobs import bench
from tests.jobs.test_audit import audited, desk_of, removal
from tests.methods.small import chosen


def test_two_removals_and_the_audit_of_the_first(tmp_path: Path) -> None:
    """Each result is a model of its own, whose folder keeps the bound; the verdict names the group's."""
    data = bench.data()
    regime = DpHead(epsilon=0.5, delta=1e-8)
    desk = desk_of(tmp_path, training.fit(data, "linear", Recipe(), regime=regime, name="private"))
    rows = data.rows("train")
    fid = desk.cases.save_forget(desk.case_id, chosen(data, rows[:2]))
    run = removal(desk, fid, "dp_head")
    values = desk.cases.run(desk.case_id, run).result().values
    kept = bound_of(desk.model(values["after"]))
    assert values["after"] != values["before"] and kept == bound_of(desk.model(values["before"]))
    assert values["outcome"]["bound"] == bound(*kept.group(2))
    found = audited(desk, run, references=0, twins=0)
    assert found.verdict.key == "certified"
    assert found.verdict.title == f"Certified {bound(*kept.group(2))}"
    assert "same weights and answers" in found.verdict.why
    again = desk.cases.save_forget(desk.case_id, chosen(data, rows[2:5]))
    request = {
        "task": "disgorge", "model": values["after"], "forget": again, "method": "dp_head",
        "settings": {}, "seed": 0, "references": 0, "marks": {},
    }  # fmt: skip
    outcome = task_of(request).run(desk).values["outcome"]
    assert outcome["bound"] == bound(*kept.group(5)) and outcome["tier"] == "certified"
