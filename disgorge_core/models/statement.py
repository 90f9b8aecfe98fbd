"""What its owner says of an upload belongs to it: the same weights under another statement are another model.

Weights are stored under a digest that leaves out recipe and training records. So an upload whose weights
are there already, with another recipe or other records, gets a mark of its statement among its artefacts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from disgorge_core.store import Workspace, read_json
from disgorge_core.types import Model, digest_of

MARK = "statement"


def as_stated(model: Model, workspace: Workspace) -> Model:
    """The model itself, or one that differs in its mark where the workspace holds another statement."""
    there = workspace.model(model.digest) / "model.json"
    if not there.is_file() or _said(read_json(there)) == _statement(model):
        return model
    mark = bytes.fromhex(digest_of(_statement(model)))
    return replace(model, artefacts={**model.artefacts, MARK: np.frombuffer(mark, np.uint8)})


def _statement(model: Model) -> dict[str, Any]:
    """As model.json would hold it."""
    recipe = None if model.recipe is None else asdict(model.recipe)
    seen = None if model.seen is None else list(model.seen)
    plain = {"recipe": recipe, "seen": seen, "trained_on": model.lineage.trained_on}
    return dict(json.loads(json.dumps(plain)))


def _said(about: dict[str, Any]) -> dict[str, Any]:
    known = about["lineage"]["trained_on"]
    return {"recipe": about["recipe"], "seen": about["seen"], "trained_on": known}
