"""A model from a file or folder, fitted to a dataset: nothing of the file is ever run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from disgorge_core.data import preprocessing as pre
from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import check_blocks, layers_from_plain, network_of, own_names
from disgorge_core.models.fit_check import apply_class_order, check_fit, outputs_of
from disgorge_core.models.proposal import Proposal, propose
from disgorge_core.models.weights import LARGEST, STATE_DICT, Unmatched, Weights, check_size
from disgorge_core.params import make
from disgorge_core.registry import ARCHITECTURES, MODEL_FORMATS
from disgorge_core.types import (
    Array,
    Column,
    Dataset,
    Layer,
    Lineage,
    Member,
    Model,
    Preprocessing,
    Recipe,
)

Architecture = str | Sequence[Layer] | Proposal | Mapping[str, Any] | None


@dataclass(frozen=True)
class Loaded:
    """A model, the proposal that its layers came from (None if they were given), and what to know."""

    model: Model
    proposal: Proposal | None
    notes: tuple[str, ...]


class Stated(TypedDict, total=False):
    """What the user says about a file of weights.

    architecture: answers to a proposal, a proposal, layers, or a registry name with `settings`; left
        out, the file's own list, else one proposed from the weights.
    classes: the model's classes in the order of its outputs, if not the dataset's.
    preprocessing: "raw" (pixels / 255, numbers as they are), "standard" (mean 0, deviation 1 of the
        records that it was trained on), or one given; left out, the file's own, else raw for pictures
        and standard for tables.
    recipe: how it was trained; left out, the file's own if that and the training records are known.
    trained_on: "unknown", "train" (the training split), or ids.
    limit: the largest file, in bytes.
    """

    architecture: Architecture
    settings: Mapping[str, Any]
    classes: Sequence[str] | None
    preprocessing: Preprocessing | str | None
    recipe: Recipe | None
    trained_on: str | Sequence[str]
    name: str
    limit: int


def load_model(path: Path | str, dataset: Dataset, **stated: Unpack[Stated]) -> Model:
    """A model from a file or our folder, as `Stated` describes; raises BadModel in words."""
    return open_model(path, dataset, **stated).model


def open_model(path: Path | str, dataset: Dataset, **stated: Unpack[Stated]) -> Loaded:
    """A model with the questions that its file leaves open; raises BadModel in words."""
    return fitted_to(read_for(path, dataset, stated.get("limit", LARGEST)), dataset, **stated)


def fitted_to(found: Weights | Model, dataset: Dataset, **stated: Unpack[Stated]) -> Loaded:
    """What was read from a file as a model of the dataset; raises BadModel in words."""
    if isinstance(found, Model):
        model = in_class_order(found, dataset)
        check_fit(model, dataset)
        return Loaded(model, None, ())
    p, about_p = found.preprocessing, tuple[str, ...]()
    if p is None or stated.get("preprocessing") is not None:
        seen = seen_ids(dataset, stated.get("trained_on", "unknown"))
        p, about_p = chosen_preprocessing(dataset, stated.get("preprocessing"), seen)
    layers, proposal = _layers(found, dataset, p, stated)
    check_blocks(layers, dataset.kind)
    network = network_of(layers, own_names(layers, found.state))
    model = _model(found, Member(network, p), layers, dataset, stated)
    check_fit(model, dataset)
    classes = stated.get("classes") or found.classes
    if classes is not None:
        model = apply_class_order(model, _order(classes, dataset))
    notes = (*found.notes, *(proposal.notes if proposal else ()), *about_p)
    return Loaded(model, proposal, notes)


def _model(
    found: Weights, member: Member, layers: tuple[Layer, ...], data: Dataset, stated: Stated
) -> Model:
    """The file's own architecture, regime and recipe count where the user states nothing else."""
    architecture, trained_on = stated.get("architecture"), stated.get("trained_on", "unknown")
    seen = seen_ids(data, trained_on)
    own = None if found.recipe is None or seen is None else found.recipe(len(seen))
    named = architecture if isinstance(architecture, str) else ""
    return Model(
        name=stated.get("name") or "uploaded model",
        members=(member,),
        classes=data.classes,
        task=data.task,
        lineage=stated_lineage("uploaded", trained_on),
        layers=layers,
        recipe=stated.get("recipe", own),
        architecture=named or found.architecture,
        architecture_settings=dict(stated.get("settings", {}) if named else found.settings),
        regime=found.regime,
        seen=seen,
    )


def in_class_order(model: Model, data: Dataset) -> Model:
    """A whole model whose classes are the dataset's in another order, put in the dataset's order."""
    if model.classes == data.classes or sorted(model.classes) != sorted(data.classes):
        return model
    if "gram" in model.artefacts:
        raise BadModel(
            "The model keeps sums in the order of its own classes, the dataset has another.",
            "Choose the dataset that the model was trained for.",
        )
    return replace(apply_class_order(model, _order(model.classes, data)), classes=data.classes)


def read_for(path: Path | str, data: Dataset, limit: int = LARGEST) -> Weights | Model:
    """What a file or folder holds, its columns matched to the dataset's; raises BadModel."""
    return matched(read_model(path, limit), data)


def matched(found: Weights | Model | Unmatched, data: Dataset) -> Weights | Model:
    """What was read from a file, for this dataset; raises BadModel where the two do not belong together."""
    return found if isinstance(found, Weights | Model) else found.matched(data)


def read_model(path: Path | str, limit: int = LARGEST) -> Weights | Model | Unmatched:
    """What a file or folder holds, before it meets a dataset; raises BadModel."""
    path = Path(path)
    if not path.exists():
        raise BadModel("There is no such file.", "Choose a file that exists.")
    if path.is_file():
        check_size(path.stat().st_size, limit)
    for kind in MODEL_FORMATS.values():
        if kind().sniff(path):
            return _beside(path, kind().read(path))
    known = ", ".join(kind.title for kind in MODEL_FORMATS.values())
    raise BadModel(
        f"The {'folder' if path.is_dir() else 'file'} is no model of a known kind: {known}.",
        f"Write it with {STATE_DICT}.",
    )


def _beside(path: Path, found: Weights | Model | Unmatched) -> Weights | Model | Unmatched:
    """Weights with the layer list that lies beside them: model.pt with model.layers.json."""
    beside = path.with_suffix(".layers.json")
    if not isinstance(found, Weights) or not beside.is_file():
        return found
    return replace(found, layers=layers_from_json(beside.read_bytes()))


def layers_from_json(content: bytes | str) -> tuple[Layer, ...]:
    """A layer list from JSON; raises BadModel."""
    try:
        return layers_from_plain(json.loads(content))
    except (ValueError, RecursionError):
        raise BadModel("The layer list is not JSON.", "Correct it.") from None


def _layers(
    found: Weights, data: Dataset, p: Preprocessing, stated: Stated
) -> tuple[tuple[Layer, ...], Proposal | None]:
    shape, outputs = pre.input_shape(p, data.shape), outputs_of(data)
    architecture = stated.get("architecture")
    if isinstance(architecture, Proposal):
        return architecture.layers, architecture
    if isinstance(architecture, str):
        item = make(ARCHITECTURES[architecture], stated.get("settings", {}))
        return item.layers(shape, outputs), None
    if architecture is None and found.layers is not None:
        return found.layers, None
    if architecture is None or isinstance(architecture, Mapping):
        shapes = {key: tuple(value.shape) for key, value in found.state.items()}
        proposal = propose(shapes, shape, outputs, ordered=found.ordered)
        proposal = proposal.with_answers(architecture) if architecture else proposal
        return proposal.layers, proposal
    return tuple(architecture), None


def _order(classes: Sequence[str], data: Dataset) -> list[int]:
    """For each class of the dataset, the model's output that stands for it."""
    names = [str(name) for name in classes]
    if sorted(names) != sorted(data.classes):
        odd = sorted(set(names) ^ set(data.classes))[:3] or ["one class twice"]
        raise BadModel(
            f"The model's classes are not the dataset's: {', '.join(n[:30] for n in odd)!r} differ.",
            f"Name these in the order of the outputs: {', '.join(data.classes)[:120]}.",
        )
    return [names.index(name) for name in data.classes]


# --- what the user states -----------------------------------------------------------------------


def chosen_preprocessing(
    data: Dataset, stated: Preprocessing | str | None, seen: tuple[str, ...] | None = None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The stated preprocessing, or the usual one with a note that it was assumed; raises BadModel.

    What is fitted is fitted to the records that the model has `seen`, else to all training records.
    """
    rows = data.rows("train") if seen is None else np.array([data.row_of[name] for name in seen])
    if isinstance(stated, Preprocessing):
        return stated, ()
    if stated not in (None, "raw", "standard"):
        raise BadModel(f"There is no preprocessing {stated!r}.", "Choose raw or standard.")
    if data.kind == "text":
        note = (
            "The words that it knows were not stated; those of the training records were assumed."
        )
        return pre.fit(data, rows), (note,)
    how = stated or ("raw" if data.kind == "image" else "standard")
    notes = (f"The preprocessing was not stated; {how!r} was assumed.",) if stated is None else ()
    if how == "standard":
        return pre.fit(data, rows), notes
    if data.kind == "image":
        return pre.fixed_pixels(data.shape[-1]), notes
    return _raw_table(data, rows), notes


def _raw_table(data: Dataset, rows: Array) -> Preprocessing:
    """Numbers as they are, categories one-hot; the known categories are those of these records."""
    fitted = pre.fit(data, rows)
    width = sum(column.width for column in fitted.columns)
    named: tuple[Column, ...] = fitted.columns
    numbers_only = all(column.values is None for column in named)
    return Preprocessing(
        "table", np.zeros(width), np.ones(width), named, fitted=not numbers_only, scaling="none"
    )


def stated_lineage(origin: str, trained_on: str | Sequence[str]) -> Lineage:
    """Lineage of a model from elsewhere."""
    return Lineage(origin, "unknown" if trained_on == "unknown" else "stated")


def seen_ids(data: Dataset, trained_on: str | Sequence[str]) -> tuple[str, ...] | None:
    """The ids that the user says the model was trained on, None if unknown; raises BadModel."""
    if isinstance(trained_on, str):
        if trained_on not in ("unknown", "train"):
            raise BadModel(
                f"{trained_on[:40]!r} names no records.", "Say unknown, train, or give ids."
            )
        rows = data.rows("train")
        return None if trained_on == "unknown" else tuple(sorted(map(str, data.ids[rows])))
    ids = tuple(sorted({str(name) for name in trained_on}))
    unknown = [name for name in ids if name not in data.row_of]
    if unknown or not ids:
        raise BadModel(
            f"{len(unknown):,} of the {len(ids):,} ids are not in the dataset"
            f"{f', such as {unknown[0][:40]!r}' if unknown else ''}.",
            "Give ids of this dataset.",
        )
    return ids
