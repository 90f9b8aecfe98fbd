"""disgorge: take records out of a model, compare it with references, write a report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core import disgorging, exports, store, training, words
from disgorge_core.commands.flags import (
    Parser,
    add_choice,
    new_file,
    new_folder,
    stated,
)
from disgorge_core.commands.given import (
    add_data,
    add_forget,
    add_model,
    earlier_of,
    given_forget,
    given_model,
    open_data,
)
from disgorge_core.commands.voice import Voice, plain, shown
from disgorge_core.commands.weights import SUFFIXES, why_not, write_weights
from disgorge_core.comparison import Comparison, compare, overview
from disgorge_core.errors import NotApplicable
from disgorge_core.evidence.html import Subject, report
from disgorge_core.evidence.software import versions
from disgorge_core.jobs.references import FIRST_SEED
from disgorge_core.jobs.tasks.disgorge import plain_outcome
from disgorge_core.methods.contract import Facts, Method
from disgorge_core.models.saved import save_model
from disgorge_core.params import make
from disgorge_core.registry import COMMANDS, METHODS
from disgorge_core.types import Dataset, ForgetSet, Model, Outcome, Recipe

STATE_RECIPE = "State it: --recipe-epochs 20 --recipe-lr 0.05 ... (see --help)."


@dataclass(frozen=True, eq=False)
class Request:
    """What was asked for, checked before any work."""

    model: Model
    data: Dataset
    forget: ForgetSet
    earlier: list[ForgetSet]
    facts: Facts


@COMMANDS.register
class Disgorge:
    """Remove records from a model."""

    name = "disgorge"
    summary = "take records out of a model"
    example = (
        "disgorge --data people.csv --model model --forget \"artist == 'Artist 07'\" "
        "--method retrain --out out --references 5 --report report.html"
    )
    order = 40

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Data, model, records, method, and where results go."""
        add_data(parser)
        add_model(parser)
        add_forget(parser, earlier=True)
        parser.add_argument(
            "--out", required=True, metavar="FOLDER",
            help="new folder: the new model, the request, the outcome, every record before and after",
        )  # fmt: skip
        parser.add_argument("--report", metavar="FILE", help="report for counsel, .html")
        parser.add_argument(
            "--references", type=int, default=0, metavar="N",
            help="models trained without the records, to compare with (default 0; 5 are advised)",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
        add_choice(parser, words, "method", METHODS, "retrain")

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Check everything, run the method, train references, compare, write."""
        out = new_folder(asked.out)
        page = new_file(asked.report, (".html",)) if asked.report else None
        request = _request(asked, voice)
        settings = stated(asked, "method")
        _check(asked, request)
        outcome = disgorging.disgorge(
            request.model, request.data, request.forget, asked.method, seed=asked.seed,
            settings=settings, excluded=request.earlier,
            report=voice.report(METHODS[asked.method].title),
        )  # fmt: skip
        comparison = _compared(asked, request, outcome, voice)
        values = _values(request, outcome, comparison, str(out))
        _write(out, asked, request, outcome, comparison, values, voice)
        if page is not None:
            text = report(_subject(request, outcome, comparison))
            store.write_bytes(page, text.encode())
        voice.result(values, _lines(values, request.data, page))


def _request(asked: Namespace, voice: Voice) -> Request:
    opened = open_data(asked, voice)
    model, forget = given_model(asked, opened, voice), given_forget(asked, opened)
    earlier = earlier_of(asked, opened.data)
    facts = disgorging.facts_for(model, opened.data, forget, earlier)
    return Request(model, opened.data, forget, earlier, facts)


def _check(asked: Namespace, request: Request) -> None:
    """What the library would find out only after some work, or say in the words of the screens."""
    method = make(METHODS[asked.method], stated(asked, "method"))
    if request.model.recipe is None and (asked.references > 0 or _wants_recipe(method, request)):
        what = method.title if _wants_recipe(method, request) else "A reference model"
        raise NotApplicable(f"{what} needs the recipe of the model.", STATE_RECIPE)


def _wants_recipe(method: Method, request: Request) -> bool:
    """Whether a recipe would change what keeps the method from running."""
    model = replace(request.model, recipe=Recipe())
    known = replace(request.facts, model=model)
    return disgorging.why_not(method, request.facts) != disgorging.why_not(method, known)


def _compared(asked: Namespace, r: Request, outcome: Outcome, voice: Voice) -> Comparison:
    masks = [one.mask(r.data) for one in r.earlier]
    gone = np.logical_or.reduce(masks) if masks else None
    beside: Sequence[Model] = ()
    if asked.references > 0 and r.model.recipe is not None:
        taken = {asked.seed, r.model.recipe.seed}
        seeds = list(islice((s for s in count(FIRST_SEED) if s not in taken), asked.references))
        keep = np.repeat(r.facts.keep[None], len(seeds), axis=0)
        report = voice.report("Reference models")
        beside = training.refit_many(r.model, r.data, keep, seeds, report=report).models
    return compare(r.model, outcome.model, r.data, r.forget.mask(r.data), beside, gone)


def _values(r: Request, outcome: Outcome, c: Comparison, out: str) -> dict[str, Any]:
    return {
        **plain_outcome(outcome, []),
        "before": r.model.digest,
        "after": outcome.model.digest,
        "dataset": r.data.digest,
        "forget": {"name": r.forget.name, "records": len(r.forget), "digest": r.forget.digest},
        "references": len(c.references),
        "scores": overview(c, r.data).to_dict("records"),
        "folder": out,
    }


def _write(
    out: Path, asked: Namespace, r: Request, outcome: Outcome, c: Comparison,
    values: dict[str, Any], voice: Voice,
) -> None:  # fmt: skip
    with store.building(out) as folder:
        save_model(outcome.model, folder / "model")
        exports.write_forget(r.data, r.forget, folder / "forget.json")
        exports.write_comparison(c, r.data, folder / "records.parquet")
        store.write_json(folder / "outcome.json", plain(values))
        suffix = Path(asked.model or "").suffix.lower()
        if suffix in SUFFIXES:
            _as_it_came(outcome.model, r.data, folder / f"model{suffix}", voice)


def _as_it_came(model: Model, data: Dataset, path: Path, voice: Voice) -> None:
    reason = why_not(model, path.suffix)
    if reason:
        voice.note(f"No {path.suffix} was written: {reason}")
    else:
        write_weights(model, data, path)


def _subject(r: Request, outcome: Outcome, c: Comparison) -> Subject:
    return Subject(
        case=r.data.name,
        data=r.data,
        forget=r.forget,
        before=(r.model.name, r.model.digest),
        after=(outcome.model.name, outcome.model.digest),
        outcome=plain_outcome(outcome, []),
        comparison=c,
        finished=f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
        software=versions(),
    )


def _lines(values: dict[str, Any], data: Dataset, page: Path | None) -> list[str]:
    tier = words.TIERS[values["tier"]].title
    cost = values["cost"]
    lines = [f"{values['title']}: {tier}", values["claim"], *values["notes"]]
    lines += [
        f"Cost: {100 * cost['of_full']:.2g} % of a full training, {cost['seconds']:.1f} s",
        "",
    ]
    lines += _table(values["scores"], data.task == "classification")
    report = [f"Report: {page}"] if page else []
    return [*lines, "", f"Results: {values['folder']}", *report]


def _table(scores: list[dict[str, Any]], share: bool) -> list[str]:
    """Sets by scores before, after and of the references."""
    head = f"{'right' if share else 'error':<18}{'records':>9}{'before':>10}{'after':>10}"
    lines = [head + ("   references" if scores and scores[0]["references"] else "")]
    for row in scores:
        before, after = shown(row["before"], share), shown(row["after"], share)
        line = f"{row['set']:<18}{row['n']:>9,}{before:>10}{after:>10}"
        if row["references"]:
            low, high = shown(row["reference_low"], share), shown(row["reference_high"], share)
            line += f"   {low} to {high}"
        lines.append(line)
    return lines
