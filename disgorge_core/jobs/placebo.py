"""The placebo of a run: the same method, settings and seed on random kept records, as many as were removed.

It is kept like references are, `cache/<key>/0`, so that a second audit of the run does not pay for it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from disgorge_core import disgorging
from disgorge_core.cases import REQUEST
from disgorge_core.data import forget_set
from disgorge_core.errors import StoreError
from disgorge_core.jobs.task import Desk
from disgorge_core.methods.contract import Facts
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.store import write_json
from disgorge_core.types import Array, ForgetSet, Model, Report, digest_of


def placebo_set(facts: Facts, seed: int) -> Array:
    """Bool (n,): as many random kept records as are to go, and at most half of the kept ones."""
    rows = np.flatnonzero(facts.keep)
    size = max(1, min(facts.n_forget, len(rows) // 2))
    mask = np.zeros(len(facts.data), dtype=bool)
    mask[np.random.default_rng(seed).choice(rows, size, replace=False)] = True
    return mask


def placebo(
    desk: Desk,
    facts: Facts,
    request: Mapping[str, Any],
    earlier: list[ForgetSet],
    removed: Array,
    report: Report,
) -> Model:
    """The model that the method of a run's request makes of the placebo set."""
    about = {
        "task": "placebo", "case": desk.case_id, "model": request["model"], "method": request["method"],
        "settings": dict(request["settings"]), "seed": request["seed"],
        "removed": digest_of(sorted(map(str, facts.data.ids[removed]))),
    }  # fmt: skip
    place = desk.cases.workspace.root / "cache" / digest_of(about) / "0"
    if not place.exists():
        forget = forget_set.from_mask(facts.data, removed, "placebo", name="Placebo")
        outcome = disgorging.disgorge(
            facts.model, facts.data, forget, request["method"], seed=request["seed"],
            settings=request["settings"], excluded=earlier, report=report,
        )  # fmt: skip
        write_json(place.parent / REQUEST, about)  # a purge finds it by this
        try:
            save_model(outcome.model, place, linked=True)
        except StoreError:  # another process was first
            if not place.is_dir():
                raise
    return load_model_folder(place)
