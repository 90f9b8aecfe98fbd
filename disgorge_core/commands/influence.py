"""influence: which training records hold up which answers, as a table."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core import exports, verbs
from disgorge_core.commands.flags import Parser, add_choice, new_file, stated
from disgorge_core.commands.given import (
    add_data,
    add_forget,
    add_model,
    given_forget,
    given_model,
    open_data,
)
from disgorge_core.commands.voice import Voice
from disgorge_core.data.columns import column_of
from disgorge_core.data.query import select
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.exports import Written, write_table
from disgorge_core.registry import COMMANDS, ESTIMATORS
from disgorge_core.types import SPLITS, Array, Dataset, ForgetSet, Model, Scores

CELLS = 100_000_000  # scores held at once: 400 MB
BLOCK = 1_000  # training records written at once
TOP = 10


@COMMANDS.register
class Influence:
    """Estimate influence."""

    name = "influence"
    summary = "estimate what records hold up, before anything is removed"
    example = "influence --data people.csv --model model --forget \"artist == 'Artist 07'\" --out scores.csv"
    order = 30

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Data, model, records, queries, estimator, and where the scores go."""
        add_data(parser)
        add_model(parser)
        add_forget(parser)
        parser.add_argument(
            "--queries", default="test", metavar="WHICH",
            help="whose answers: train, validation, test, all, or a filter (default test)",
        )  # fmt: skip
        parser.add_argument("--target", choices=("margin", "loss"), default="margin")
        parser.add_argument(
            "--all-pairs", action="store_true",
            help="a row for each training record and a column for each query, no forget set",
        )  # fmt: skip
        parser.add_argument("--out", metavar="FILE", help="the scores, as .csv or .parquet")
        add_choice(parser, words, "estimator", ESTIMATORS, "ekfac")

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Score, sum over the records, write."""
        out = new_file(asked.out, exports.SUFFIXES) if asked.out else None
        if asked.all_pairs and out is None:
            raise BadParam("All pairs need a file.", "Name it with --out.")
        opened = open_data(asked, voice)
        model, data = given_model(asked, opened, voice), opened.data
        forget = None if asked.all_pairs else given_forget(asked, opened)
        scores = self._scores(asked, model, data, voice)
        for note in scores.notes:
            voice.note(note)
        table = None if forget is None else _changes(scores, forget, data)
        written = _write(scores, table, out)
        voice.result(
            _values(scores, forget, table, written), _lines(scores, forget, table, written)
        )

    def _scores(self, asked: Namespace, model: Model, data: Dataset, voice: Voice) -> Scores:
        if model.seen is None:
            raise BadModel(
                "It is unknown which records this model was trained on.",
                "Say it with --trained-on train, or with a file of ids.",
            )
        rows = _queries(asked.queries, data)
        trained = len(verbs.seen_rows(model, data))
        if trained * len(rows) > CELLS:
            raise BadParam(
                f"{trained:,} training records by {len(rows):,} queries are too many scores.",
                f"Ask for up to {CELLS // trained:,} queries with a filter.",
            )
        return verbs.influence(
            model, data, rows, asked.estimator, target=asked.target,
            report=voice.report("Influence"), **stated(asked, "estimator"),
        )  # fmt: skip


def _queries(asked: str, data: Dataset) -> Array:
    rows = data.rows(asked) if asked in (*SPLITS, "all") else np.flatnonzero(select(data, asked))
    if not len(rows):
        raise BadParam("No record is among the queries.", "Choose another split or filter.")
    return rows


def _changes(scores: Scores, forget: ForgetSet, data: Dataset) -> pd.DataFrame:
    """Each query's estimated change if the forget set had not been trained on."""
    rows = np.array([data.row_of[name] for name in scores.query_ids])
    label = column_of(data, data.roles.label if data.roles.label in data.meta else "label")
    return pd.DataFrame(
        {
            "id": scores.query_ids,
            "split": np.array(SPLITS)[data.split[rows]],
            "label": label.values.iloc[rows].to_numpy(),
            "in forget set": np.isin(scores.query_ids, np.array(forget.ids)),
            "change": scores.of(forget),
        }
    )


def _write(scores: Scores, table: pd.DataFrame | None, out: Path | None) -> Written | None:
    if out is None:
        return None
    return write_table([table] if table is not None else _pairs(scores), out)


def _pairs(scores: Scores) -> Iterator[pd.DataFrame]:
    """The whole matrix, one row a training record, in blocks."""
    for start in range(0, len(scores.train_ids), BLOCK):
        part = slice(start, start + BLOCK)
        block = pd.DataFrame(scores.matrix[part], columns=list(map(str, scores.query_ids)))
        block.insert(0, "trained on", scores.train_ids[part], allow_duplicates=True)
        yield block


def _values(
    scores: Scores, forget: ForgetSet | None, table: pd.DataFrame | None, written: Written | None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "unit": scores.unit, "estimator": scores.estimator, "passes": scores.passes,
        "trained": len(scores.train_ids), "queries": len(scores.query_ids),
        "notes": scores.notes, "file": str(written.path) if written else None,
    }  # fmt: skip
    if forget is None or table is None:
        return found
    strongest = table.iloc[table["change"].abs().argsort(kind="stable")[::-1][:TOP]]
    summary = {"mean_change": float(table["change"].mean()), "forget": len(forget)}
    return {
        **found,
        **summary,
        "strongest": strongest[["id", "label", "change"]].to_dict("records"),
    }


def _lines(
    scores: Scores, forget: ForgetSet | None, table: pd.DataFrame | None, written: Written | None
) -> list[str]:
    found = [f"{len(scores.train_ids):,} training records, {len(scores.query_ids):,} queries"]
    if forget is not None and table is not None:
        values = _values(scores, forget, table, written)
        found += [
            f"If the {len(forget):,} records had not been trained on, the {scores.unit} would change",
            f"by {values['mean_change']:+.4g} in the mean; most (label, change):",
            *(f"  {one['id']:<16} {one['label']}  {one['change']:+.4g}" for one in values["strongest"]),
        ]  # fmt: skip
    return found + ([f"Scores: {written.path}"] if written else [])
