"""audit: test whether records left a model, against models that never saw them.

Exit status: 0 where the model is cleared (exact by construction, certified, or not distinguishable from
references), 3 where it is not, whatever the reason: the verdict and what was left out say which.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from disgorge_core import disgorging, verbs
from disgorge_core.auditing import Pair, wanted_checks
from disgorge_core.commands.flags import Parser, add_choice, stated
from disgorge_core.commands.given import (
    Opened,
    add_data,
    add_forget,
    add_model,
    earlier_of,
    given_forget,
    given_model,
    open_data,
)
from disgorge_core.commands.voice import Voice
from disgorge_core.errors import BadParam
from disgorge_core.figures.audit_strips import number
from disgorge_core.models.loading import load_model
from disgorge_core.params import make
from disgorge_core.registry import COMMANDS, METHODS
from disgorge_core.types import AuditReport, Finding, Marks, Model, Outcome

CLEARED = ("exact", "certified", "not distinguishable")  # verdicts
NOT_CLEARED = 3
NUMBERS = ("references", "twins", "repeats", "seed")
SETTINGS = ("level", "tolerance", "quality")


@COMMANDS.register
class Audit:
    """Audit a removal."""

    name = "audit"
    summary = "test a removal against models that never saw the records"
    example = (
        "audit --data people.csv --model before --after after --forget \"artist == 'Artist 07'\" "
        "--references 50 --json"
    )
    order = 45

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Data, the model before, the model after or the method, records, and the pass marks."""
        add_data(parser)
        add_model(parser)
        group = parser.add_argument_group("the model after")
        group.add_argument(
            "--after", metavar="PATH",
            help="a model made elsewhere, as --model; without it --method makes one, and more can be tested",
        )  # fmt: skip
        add_choice(parser, words, "method", METHODS, "retrain")
        parser.set_defaults(named=any(word.split("=")[0] == "--method" for word in words))
        add_forget(parser, earlier=True)
        _add_marks(parser)

    def run(self, asked: Namespace, voice: Voice) -> int:
        """Check everything, train what it is measured against, test, conclude."""
        if asked.after and asked.named:
            raise BadParam("A model after and a method were named.", "Give --after or --method.")
        marks = make(
            Marks, {name: getattr(asked, name) for name in (*NUMBERS, *SETTINGS, "checks")}
        )
        wanted_checks(marks)
        subject = _subject(asked, voice)
        report = verbs.audit(subject, marks=marks, report=voice.report("Audit"))
        voice.result(json.loads(report.to_json()), _lines(report))
        return 0 if report.verdict.key in CLEARED else NOT_CLEARED


def _add_marks(parser: Parser) -> None:
    group = parser.add_argument_group("pass marks", "Set them before you know the result.")
    marks = Marks()
    helps = {
        "references": "models trained without the records; fewer than 19 can refuse none",
        "twins": "models trained with everything",
        "repeats": "original seeds on which --method is run anew, to judge the procedure: 20 or more",
        "seed": "of the method, and of what is drawn",
        "level": "chance of refusing an honest model",
        "tolerance": "share of the trace that counts as none",
        "quality": "share of test records that may be answered worse",
    }
    for name, text in helps.items():
        kind, default = type(getattr(marks, name)), getattr(marks, name)
        group.add_argument(
            f"--{name}", type=kind, default=default, metavar="N" if kind is int else "SHARE",
            help=f"{text} (default {default})",
        )  # fmt: skip
    group.add_argument(
        "--checks", default="", metavar="NAMES", help="with commas; all that apply if left out"
    )


def _subject(asked: Namespace, voice: Voice) -> Outcome | Pair:
    """The two models, made here or elsewhere."""
    opened = open_data(asked, voice)
    model, forget = given_model(asked, opened, voice), given_forget(asked, opened)
    earlier = tuple(earlier_of(asked, opened.data))
    if asked.after:
        return Pair(
            before=model, after=_after(asked, opened, voice), data=opened.data, forget=forget,
            excluded=earlier, recipe=verbs.standing_of(model),
        )  # fmt: skip
    return disgorging.disgorge(
        model, opened.data, forget, asked.method, seed=asked.seed, settings=stated(asked, "method"),
        excluded=earlier, report=voice.report(METHODS[asked.method].title),
    )  # fmt: skip


def _after(asked: Namespace, opened: Opened, voice: Voice) -> Model:
    """The model after; what was said of a file of weights holds for it as well, our folder says it itself."""
    path = Path(asked.after)
    if (path / "model.json").is_file():
        return load_model(path, opened.data)
    return given_model(Namespace(**vars(asked) | {"model": asked.after}), opened, voice)


# --- in words -----------------------------------------------------------------------------------


def _lines(report: AuditReport) -> list[str]:
    verdict = report.verdict
    said = [verdict.title, verdict.measured, verdict.means, *verdict.reasons]
    lines = [line for line in said if line] + [f"Left open: {verdict.leaves_open}"]
    for about in dict.fromkeys(finding.about for finding in report.findings):
        own = [finding for finding in report.findings if finding.about is about]
        lines += ["", f"About {about.value}", HEAD, *map(_line, own)]
    return [*lines, "", *(f"Not tested: {one.title}: {one.reason}" for one in report.skipped)]


WIDE, NARROW = 56, 12
HEAD = f"{'':<{WIDE}}{'before':>{NARROW}}{'after':>{NARROW}}{'references':>{2 * NARROW}}{'p':>8}"


def _line(finding: Finding) -> str:
    name = f"{finding.measure}, {finding.records.lower()}" if finding.records else finding.measure
    cells = "".join(f"{_cell(finding, who):>{NARROW}}" for who in ("before", "after"))
    p = f"{finding.odds['after']:.2g}" if "after" in finding.odds else "-"
    return f"{name:<{WIDE}}{cells}{_floor(finding):>{2 * NARROW}}{p:>8}"


def _cell(finding: Finding, who: str) -> str:
    found: Any = finding.values.get(who)
    return number(found.value, finding.unit) if found else "-"


def _floor(finding: Finding) -> str:
    found = finding.values.get("references")
    if found is None:
        return "-"
    return f"{number(found.low, finding.unit)} to {number(found.high, finding.unit)}"
