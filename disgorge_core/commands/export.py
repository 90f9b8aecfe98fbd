"""export: write out records, per-record results, a model or a run's script."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core import exports, store
from disgorge_core.commands.flags import Parser, new_file, new_folder
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
from disgorge_core.commands.weights import SUFFIXES, write_weights
from disgorge_core.commands.workspace import add_home, case_of, cases_of
from disgorge_core.comparison import Comparison, compare
from disgorge_core.errors import BadParam, StoreError
from disgorge_core.exports import Written
from disgorge_core.jobs.script import script
from disgorge_core.models.loading import load_model
from disgorge_core.models.saved import save_model
from disgorge_core.registry import COMMANDS
from disgorge_core.runs import Run
from disgorge_core.types import Array, Dataset, ForgetSet, Model

WHAT = {
    "retain": "every record but those to remove, with its split",
    "forget": "the records to remove (.json: ids with reason and author)",
    "records": "every record before and after",
    "model": "the model's folder",
    "weights": "the weights as one file (.safetensors, .pt, .skops; .zip: a Hugging Face folder)",
    "script": "Python that does a run of the workspace again",
}


@dataclass(frozen=True, eq=False)
class Source:
    """What can be written out; each part is looked up when it is asked for."""

    data: Dataset
    forget: Callable[[], ForgetSet]
    gone: Callable[[], Array]  # bool (n,): records of all requests so far
    comparison: Callable[[], Comparison]
    model: Callable[[], Model]
    script: Callable[[], str]


@COMMANDS.register
class Export:
    """Write something out."""

    name = "export"
    summary = "write out the retain set, forget ids, per-record results, a model"
    example = (
        "export retain --data people.csv --forget \"artist == 'Artist 07'\" --out retain.parquet"
    )
    order = 50

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """What, from where, and the file."""
        about = "; ".join(f"{name}: {text}" for name, text in WHAT.items())
        parser.add_argument("what", choices=tuple(WHAT), help=about)
        parser.add_argument(
            "--out", required=True, metavar="PATH", help="file, or folder of a model"
        )
        add_data(parser, case=True)
        parser.add_argument(
            "--run", metavar="ID", help="with --case: a finished run (default: the newest)"
        )
        add_home(parser)
        add_model(parser)
        parser.add_argument("--after", metavar="PATH", help="for records: the model afterwards")
        parser.add_argument(
            "--reference", action="append", default=[], metavar="PATH",
            help="for records: a model that never saw them; again for more",
        )  # fmt: skip
        add_forget(parser, earlier=True)

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Write one thing."""
        out = _free(asked)
        source = _of_case(asked) if asked.case else _of_files(asked, voice)
        written = WRITERS[asked.what](source, out)
        if written.guarded:
            voice.note(f"{exports.GUARD} Here {written.guarded:,} cells got one.")
        values = {"file": str(out), "rows": written.rows, "guarded": written.guarded}
        rows = f", {written.rows:,} records" if written.rows else ""
        voice.result(values, [f"Written: {out}{rows}"])


def _free(asked: Namespace) -> Path:
    endings = {
        "forget": (*exports.SUFFIXES, ".json"),
        "weights": SUFFIXES,
        "script": (".py",),
    }
    if asked.what == "model":
        return new_folder(asked.out)
    return new_file(asked.out, endings.get(asked.what, exports.SUFFIXES))


# --- from files ---------------------------------------------------------------------------------


def _of_files(asked: Namespace, voice: Voice) -> Source:
    opened = open_data(asked, voice)
    data = opened.data

    def forget() -> ForgetSet:
        return given_forget(asked, opened)

    def model() -> Model:
        return given_model(asked, opened, voice)

    return Source(
        data, forget, lambda: _gone(asked, data, forget()),
        lambda: _compared(asked, opened, model(), forget()), model, _no_script,
    )  # fmt: skip


def _gone(asked: Namespace, data: Dataset, forget: ForgetSet) -> Array:
    masks = [one.mask(data) for one in (forget, *earlier_of(asked, data))]
    return np.logical_or.reduce(masks)


def _compared(asked: Namespace, opened: Opened, before: Model, forget: ForgetSet) -> Comparison:
    if not asked.after:
        raise BadParam("The model afterwards is missing.", "Name its folder with --after.")
    data = opened.data
    after, *beside = (load_model(path, data) for path in (asked.after, *asked.reference))
    gone = _gone(asked, data, forget)
    return compare(before, after, data, forget.mask(data), beside, gone)


def _no_script() -> str:
    raise BadParam("Only a run of the workspace has a script.", "Name it with --case and --run.")


# --- from a case --------------------------------------------------------------------------------


def _of_case(asked: Namespace) -> Source:
    cases = cases_of(asked)
    case = case_of(cases, asked.case)
    data = cases.dataset(case.dataset)

    def values() -> Mapping[str, Any]:
        return _finished(asked, cases.runs(case.id)).result().values

    def comparison() -> Comparison:
        return Comparison.from_arrays(_finished(asked, cases.runs(case.id)).result().arrays)

    def forget() -> ForgetSet:
        if asked.forget is not None or asked.forget_ids is not None:
            return given_forget(asked, Opened(data))
        return cases.forget(case.id, values()["forget"])

    def gone() -> Array:
        named = asked.forget is not None or asked.forget_ids is not None
        return _gone(asked, data, forget()) if named else comparison().excluded

    def model() -> Model:
        return cases.model(_named(asked.model, case.models) if asked.model else values()["after"])

    return Source(
        data, forget, gone, comparison, model,
        lambda: script(cases, _any(asked, cases.runs(case.id))),
    )  # fmt: skip


def _any(asked: Namespace, runs: Sequence[Run]) -> Run:
    found = [run for run in runs if asked.run in (None, run.id)]
    if not found:
        known = ", ".join(run.id for run in runs[:5]) or "none yet"
        raise StoreError("There is no such run in the case.", f"There is: {known}.")
    return found[0]


def _finished(asked: Namespace, runs: Sequence[Run]) -> Run:
    done = [run for run in runs if run.request.get("task") == "disgorge" and run.state == "done"]
    return _any(asked, done)


def _named(start: str, digests: Sequence[str]) -> str:
    """The model whose digest begins like this."""
    found = [digest for digest in digests if digest.startswith(start)]
    if len(found) != 1:
        known = ", ".join(digest[:12] for digest in digests)
        raise StoreError(f"{start[:40]!r} names no model of the case.", f"There is: {known}.")
    return found[0]


# --- writing ------------------------------------------------------------------------------------


def _retain(s: Source, out: Path) -> Written:
    return exports.write_records(s.data, np.flatnonzero(~s.gone()), out)


def _model(s: Source, out: Path) -> Written:
    return Written(save_model(s.model(), out), 0)


def _weights(s: Source, out: Path) -> Written:
    return Written(write_weights(s.model(), s.data, out), 0)


def _script(s: Source, out: Path) -> Written:
    store.write_bytes(out, s.script().encode())
    return Written(out, 0)


WRITERS: Mapping[str, Callable[[Source, Path], Written]] = {
    "retain": _retain,
    "forget": lambda s, out: exports.write_forget(s.data, s.forget(), out),
    "records": lambda s, out: exports.write_comparison(s.comparison(), s.data, out),
    "model": _model,
    "weights": _weights,
    "script": _script,
}
