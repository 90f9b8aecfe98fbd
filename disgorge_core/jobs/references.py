"""Models trained again by a model's own recipe and regime with other seeds: references and twins.

References never saw the removed records, twins saw all that the model saw. They are the expensive half
of a comparison, so they are kept: `cache/<key>/<seed>/`, one folder each, where the key stands for case,
dataset, kept records, blueprint, preprocessing, recipe and regime. Asking for more of them later trains
only those that are missing; of two processes that train the same one, the later takes what the earlier
has kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core import training
from disgorge_core.cases import REQUEST
from disgorge_core.controls import FIRST_SEED as FIRST_SEED
from disgorge_core.controls import FIRST_TWIN as FIRST_TWIN
from disgorge_core.controls import seeds_from
from disgorge_core.errors import Diverged, StoreError
from disgorge_core.jobs.task import Desk
from disgorge_core.methods.contract import Facts
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.blueprint import plain_layers
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.store import write_json
from disgorge_core.types import Array, Model, Preprocessing, Report, digest_of
from disgorge_core.words import reservation

DIVERGED = "Models to compare with cannot be trained by the recipe of this model."
RESTATE = (
    "State the recipe that it was really trained by on Model, or ask for 0 references and twins."
)


def why_no_references(facts: Facts) -> str | None:
    """Why none can be trained, in one sentence; None if they can."""
    if facts.recipe is None:
        return reservation("no recipe")
    return reservation("no records") if facts.model.seen is None else None


def references(
    desk: Desk, model: Model, keep: Array, number: int, taken: Collection[int], report: Report,
    first: int = FIRST_SEED,
) -> list[Model]:  # fmt: skip
    """This many for a kept mask (n,), by seeds from `first` on; none is of `taken`, so none is a copy."""
    about = _about(desk, model, keep)
    folder = desk.cases.workspace.root / "cache" / digest_of(about)
    seeds = seeds_from(first, number, taken)
    missing = [seed for seed in seeds if not (folder / str(seed)).exists()]
    if missing:
        write_json(folder / REQUEST, about)  # a purge finds the cached models of a case by this
        _train(desk, model, keep, missing, folder, report)
    return [load_model_folder(folder / str(seed)) for seed in seeds]


def missing_references(
    desk: Desk, model: Model, keep: Array, number: int, first: int = FIRST_SEED
) -> int:
    """How many of them would have to be trained, to within the seeds that are taken."""
    folder = desk.cases.workspace.root / "cache" / digest_of(_about(desk, model, keep))
    kept = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    return max(0, number - sum(first <= seed < first + FIRST_TWIN - FIRST_SEED for seed in kept))


def _about(desk: Desk, model: Model, keep: Array) -> dict[str, Any]:
    """Everything that the trainings depend on, their seeds apart, and the case that they belong to."""
    layers = None if model.layers is None else plain_layers(model.layers)
    recipe = asdict(replace(model.recipe, seed=0)) if model.recipe else None
    whole = model.preprocessing.kind == WHOLE  # what it starts from is known by what reads for it
    head = model.recipe is not None and model.recipe.trainable == "head"
    return {
        "task": "references",
        "case": desk.case_id,
        "dataset": desk.data.digest,
        "kept": digest_of(sorted(map(str, desk.data.ids[keep]))),
        "layers": layers,
        "architecture": model.architecture,
        "settings": dict(model.architecture_settings),
        "regime": model.regime,
        "regime_settings": dict(model.regime_settings),
        "preprocessing": _preprocessing(model.preprocessing),
        "given": model.digest if head or (layers is None and not whole) else "",
        "recipe": recipe,
    }


def _preprocessing(p: Preprocessing) -> dict[str, Any]:
    """What is read and how it is fitted again; numbers and categories only where they are stated."""
    about: dict[str, Any] = {"kind": p.kind, "scaling": p.scaling, "length": p.length}
    about["backbone"] = p.backbone.digest if p.backbone else ""
    about["columns"] = [[c.name, c.values is None] for c in p.columns]
    if not p.fitted:
        values = [None if c.values is None else list(c.values) for c in p.columns]
        about["stated"] = [p.shift.tolist(), p.scale.tolist(), values]
    return about


def _train(
    desk: Desk, model: Model, keep: Array, seeds: list[int], folder: Path, report: Report
) -> None:
    masks = np.repeat(keep[None], len(seeds), axis=0)
    try:
        stack = training.refit_many(model, desk.data, masks, seeds, report=report)
    except Diverged as error:
        raise Diverged(f"{DIVERGED} {error.problem}", RESTATE) from error
    for seed, reference in zip(seeds, stack.models, strict=True):
        _keep(reference, folder / str(seed))


def _keep(reference: Model, place: Path) -> None:
    """Save it, unless another process has saved its equal meanwhile."""
    try:
        save_model(reference, place, linked=True)
    except StoreError:
        if not place.is_dir():
            raise
