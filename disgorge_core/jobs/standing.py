"""What is known of the recipe behind a model: the upload that it descends from, and its check by twins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from disgorge_core.cases import Cases
from disgorge_core.params import make
from disgorge_core.types import Recipe
from disgorge_core.words import about_recipe

UPLOADS = ("uploaded", "wrapped")


@dataclass(frozen=True)
class Standing:
    """Where a recipe stands: "known" (trained here), or a key of `words.RECIPES`."""

    key: str
    upload: str = ""  # digest of the upload that it is about
    check: Mapping[str, Any] = field(default_factory=dict)  # values of the newest twins run

    @property
    def sentence(self) -> str:
        """What is said beside a claim; empty for a recipe that is known."""
        return "" if self.key == "known" else about_recipe(self.key, self.check.get("twins", ""))


def standing(cases: Cases, case_id: str, digest: str) -> Standing:
    """Where the recipe of a model of the case stands; what was made from an upload stands as it does."""
    card = cases.model_card(digest)
    held = set(cases.get(case_id).models)
    chain = [*(p for p in card["lineage"]["parents"] if p in held), digest]
    cards = {one: cases.model_card(one) for one in chain}
    upload = next((one for one in chain if cards[one]["lineage"]["origin"] in UPLOADS), None)
    if upload is None:
        return Standing("known")
    if cards[upload]["recipe"] is None:
        return Standing("unknown", upload)
    recipe = make(Recipe, cards[upload]["recipe"]).digest
    check = _newest(cases, case_id, upload, recipe)
    if check is None:
        return Standing("unchecked", upload)
    return Standing("confirmed" if check["confirmed"] else "unconfirmed", upload, check)


def _newest(cases: Cases, case_id: str, upload: str, recipe: str) -> Mapping[str, Any] | None:
    """The newest finished check of this model by this recipe."""
    for run in cases.runs(case_id):
        mine = run.request.get("task") == "twins" and run.request.get("model") == upload
        if mine and run.state == "done":
            values = run.result().values
            if values["recipe"] == recipe:
                return values
    return None
