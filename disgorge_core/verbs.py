"""The verbs of the library: resolve what an estimator, a projection or a prediction needs, and do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from disgorge_core import controls, disgorging, features
from disgorge_core.auditing import Pair, examine, wanted_checks
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.models.prediction import probabilities
from disgorge_core.params import make
from disgorge_core.projections import align
from disgorge_core.registry import ESTIMATORS, PROJECTIONS
from disgorge_core.types import (
    Array,
    AuditReport,
    Dataset,
    Embedding,
    ForgetSet,
    Marks,
    Model,
    Outcome,
    Progress,
    Report,
    Scores,
    silent,
)


def disgorge(
    model: Model,
    data: Dataset,
    forget: ForgetSet,
    method: str = "retrain",
    *,
    seed: int = 0,
    excluded: Sequence[ForgetSet] = (),
    report: Report = silent,
    **settings: Any,
) -> Outcome:
    """A new model without the forget set; `settings` are those of the method, by name.

    `excluded` are the forget sets of earlier requests. Raises as `disgorging.disgorge` does.
    """
    return disgorging.disgorge(
        model, data, forget, method, seed=seed, settings=settings, excluded=excluded, report=report
    )


def audit(
    subject: Outcome | Pair,
    *,
    references: int | Sequence[Model] = 20,
    twins: int = 10,
    repeats: int = 0,
    checks: Sequence[str] | None = None,
    seed: int = 0,
    marks: Marks | None = None,
    report: Report = silent,
) -> AuditReport:
    """Whether the records left the model, tested against models that never saw them.

    `references` are trained here, as many as said, or given; twins and a control are trained, too, and the
    method is run on other records and `repeats` originals where it is known (of an `Outcome`). Without a
    recipe and known training records none is trained, and the checks that need them are skipped. `marks` sets
    all pass marks at once, in place of the numbers. Raises BadParam, BadModel, and what training raises.
    """
    given = None if isinstance(references, int) else list(references)
    count = references if isinstance(references, int) else len(references)
    numbers = {"references": count, "twins": twins, "repeats": repeats, "seed": seed}
    asked = marks or make(Marks, numbers | {"checks": ",".join(checks or ())})
    wanted_checks(asked)
    pair = subject if isinstance(subject, Pair) else _pair(subject)
    _never_saw(given or (), pair)
    again = None if isinstance(subject, Pair) else _again(subject)
    own = pair.after.recipe.seed if pair.after.recipe else 0
    taken = {own, subject.seed} if isinstance(subject, Outcome) else {own}
    beside = controls.trained(pair, asked, again, given, taken, _share(report, 0.0, 0.8))
    return examine(pair, beside, asked, _share(report, 0.8, 1.0))


def _pair(outcome: Outcome) -> Pair:
    return Pair(
        before=outcome.before, after=outcome.model, data=outcome.data, forget=outcome.forget,
        tier=outcome.tier, excluded=outcome.excluded, recipe=standing_of(outcome.before),
    )  # fmt: skip


def standing_of(model: Model) -> str:
    """Where a model's recipe stands: "known" where it was trained here, else a key of `words.RECIPES`."""
    if model.recipe is None:
        return "unknown"
    return "known" if model.lineage.trained_on == "known" else "unchecked"


def _again(outcome: Outcome) -> controls.Again:
    """The method of an outcome, on other models and records."""

    def again(model: Model, forget: ForgetSet, seed: int | None, report: Report) -> Model:
        return disgorging.disgorge(
            model, outcome.data, forget, outcome.method, seed=outcome.seed if seed is None else seed,
            settings=outcome.settings, excluded=outcome.excluded, report=report,
        ).model  # fmt: skip

    return again


def _never_saw(references: Sequence[Model], pair: Pair) -> None:
    gone = {name for forget in (pair.forget, *pair.excluded) for name in forget.ids}
    for model in references:
        seen = gone & set(model.seen or ())
        if seen:
            raise BadModel(
                f"The reference {model.name!r} is said to have seen {len(seen):,} of the removed records.",
                "Give models that were trained without them.",
            )


def _share(report: Report, low: float, high: float) -> Report:
    return lambda p: report(Progress(low + (high - low) * p.share, p.message))


def influence(
    model: Model,
    data: Dataset,
    queries: str | Array = "test",
    estimator: str = "ekfac",
    *,
    target: str = "margin",
    report: Report = silent,
    **settings: Any,
) -> Scores:
    """Influence (n_train, n_query) of the training records on each query's margin or loss.

    `queries` is a split or row numbers; the training records are those that the model saw.
    """
    rows = data.rows(queries) if isinstance(queries, str) else np.asarray(queries)
    chosen = make(ESTIMATORS[estimator], settings)
    return chosen.score(model, data, seen_rows(model, data), rows, target=target, report=report)


def seen_rows(model: Model, data: Dataset) -> Array:
    """Row numbers of the records that a model was trained on; raises BadParam where unknown."""
    if model.seen is None:
        raise BadParam(
            "It is unknown which records this model was trained on.",
            "State them on the Model page.",
        )
    return np.array(sorted(data.row_of[name] for name in model.seen if name in data.row_of))


def embed(
    models: Model | Sequence[Model],
    data: Dataset,
    projection: str = "umap",
    *,
    layer: str | None = None,
    rows: Array | None = None,
    seed: int = 0,
    report: Report = silent,
) -> Embedding:
    """One joint map of the records as several models see them; the first model sets the frame.

    Later models are turned onto it by the records that all of them were trained on.
    """
    models = [models] if isinstance(models, Model) else list(models)
    rows = np.arange(len(data)) if rows is None else rows
    found = [features.activations(model, data.take(rows), layer) for model in models]
    common = _seen_by_all(models, data, rows)
    found = [found[0], *(align(f, found[0], common) for f in found[1:])]
    chosen = PROJECTIONS[projection]()
    positions = chosen.project(found, seed=seed, report=report)
    return Embedding(positions, rows, projection, chosen.notes(len(rows) * len(models)))


def _seen_by_all(models: Sequence[Model], data: Dataset, rows: Array) -> Array:
    """Places in `rows` of the records that every model was trained on; all places if there is none."""
    ids = data.ids[rows].astype(str)
    seen = [np.isin(ids, np.array(m.seen, dtype=str)) for m in models if m.seen is not None]
    inside = np.logical_and.reduce([np.ones(len(rows), dtype=bool), *seen])
    return np.flatnonzero(inside) if inside.any() else np.arange(len(rows))


def predict(model: Model, records: Any) -> Array:
    """Probabilities (m, classes) for raw records, as the dataset holds them."""
    return probabilities(model, records)
