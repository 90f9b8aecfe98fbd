"""References that the user brings: models of his own that never saw the records of a forget set.

They lie in the case, `cases/<id>/references/<forget set>/<digest>/`, so that a purge takes them along.
That they never saw the records is the user's word; it is said wherever they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from disgorge_core.cases import Cases
from disgorge_core.errors import BadModel
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.store import checked_name
from disgorge_core.types import ForgetSet, Model


def keep_reference(cases: Cases, case_id: str, fid: str, model: Model) -> str:
    """Keep a model as a reference for a forget set of the case; gives its digest.

    Raises BadModel for a model that is said to have seen records of the set.
    """
    seen = set(model.seen or ()) & set(cases.forget(case_id, fid).ids)
    if seen:
        raise BadModel(
            f"The model is said to have seen {len(seen):,} of the records that it must not know.",
            "State the records that it was trained on, or bring it as a model to work on.",
        )
    place = _folder(cases, case_id, fid) / model.digest
    with cases.locked():
        cases.get(case_id)
        if not place.is_dir():
            save_model(model, place)
    return model.digest


def uploaded_references(cases: Cases, case_id: str, fid: str) -> list[Model]:
    """The references that were brought for a forget set, by digest."""
    return [load_model_folder(path) for path in _paths(cases, case_id, fid)]


def count_uploaded(cases: Cases, case_id: str, fid: str) -> int:
    """How many there are."""
    return len(_paths(cases, case_id, fid))


def drop_reference(cases: Cases, case_id: str, fid: str, digest: str) -> None:
    """Delete one; raises StoreError."""
    with cases.locked():
        cases.workspace.purge([_folder(cases, case_id, fid) / checked_name(digest)])


def usable(models: Sequence[Model], earlier: Iterable[ForgetSet]) -> list[Model]:
    """Those that are not said to have seen records of earlier requests either."""
    gone = {name for forget in earlier for name in forget.ids}
    return [model for model in models if not gone & set(model.seen or ())]


def _folder(cases: Cases, case_id: str, fid: str) -> Path:
    return cases.workspace.case(case_id) / "references" / checked_name(fid)


def _paths(cases: Cases, case_id: str, fid: str) -> list[Path]:
    found = _folder(cases, case_id, fid).glob("*")
    return sorted(path for path in found if (path / "model.json").is_file())
