"""A model as a folder: model.json, weights.safetensors and arrays.npz; and its weights as one file.

A fixed backbone lies in a folder below it. No file can carry code, and the model's digest is checked when
it is read.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from disgorge_core import store
from disgorge_core.data.preprocessing import input_shape
from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.models import own_code
from disgorge_core.models.backbones import whole
from disgorge_core.models.blueprint import layers_from_plain, network_of, plain_layers
from disgorge_core.models.layers import for_width, state_as_it_came
from disgorge_core.params import make
from disgorge_core.registry import REGIMES, RULES
from disgorge_core.types import Array, Column, Layer, Lineage, Member, Model, Preprocessing, Recipe

FORMAT, BACKBONE = 1, "backbone"
CLOSED_FORM = "closed form"
WORDS = ("name", "task", "architecture", "regime", "rule")
DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError,
    SafetensorError, zipfile.BadZipFile,
)  # fmt: skip


def save_model(model: Model, folder: Path | str, linked: bool = False) -> Path:
    """Write a new folder, as a whole or not at all; raises StoreError where it is already there.

    `linked`: within one workspace, share the files of the backbone instead of copying them.
    """
    final = Path(folder)
    with store.building(final) as place:
        _write(model, place, linked)
    return final


def keep_model(model: Model, workspace: store.Workspace) -> Path:
    """The model's folder in the workspace, written if it is not there yet; raises StoreError."""
    final = workspace.model(model.digest)
    if not final.is_dir():
        place = workspace.new_folder()
        with store.plain_errors():
            _write(model, place, linked=True)
        workspace.commit(place, final)
    return final


def _write(model: Model, place: Path, linked: bool = False) -> None:
    for member in model.members:  # what could not be read back is not written
        _network(member.preprocessing, model.layers, member.network, member.network.state_dict())
    store.write_json(place / "model.json", _description(model))
    safetensors.torch.save_file(_weights(model), place / "weights.safetensors")
    np.savez(place / "arrays.npz", **_arrays(model))  # type: ignore[arg-type]
    if model.preprocessing.backbone:  # all members stand on the same one
        model.preprocessing.backbone.save(place / BACKBONE, linked)


def _description(model: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "digest": model.digest,
        **{name: getattr(model, name) for name in WORDS},
        "classes": list(model.classes),
        "lineage": asdict(model.lineage),
        "layers": None if model.layers is None else plain_layers(model.layers),
        "recipe": None if model.recipe is None else asdict(model.recipe),
        "architecture_settings": dict(model.architecture_settings),
        "regime_settings": dict(model.regime_settings),
        "seen": None if model.seen is None else list(model.seen),
        "members": [_member_words(member.preprocessing) for member in model.members],
    }


def _member_words(p: Preprocessing) -> dict[str, Any]:
    columns = [[c.name, None if c.values is None else list(c.values)] for c in p.columns]
    words = {"kind": p.kind, "fitted": p.fitted, "columns": columns}
    if p.kind == "text":
        return {**words, "length": p.length}
    if isinstance(p.backbone, whole.Reading):
        return {**words, "start": p.backbone.title, "shape": list(p.backbone.shape)}
    if p.backbone:
        return {**words, "backbone": p.backbone.title}
    return {**words, "scaling": p.scaling} if p.kind == "table" else words


def _weights(model: Model) -> dict[str, Tensor]:
    return {
        f"{number}/{name}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for number, member in enumerate(model.members)
        for name, value in member.network.state_dict().items()
    }


def _arrays(model: Model) -> dict[str, Array]:
    artefacts = model.artefacts.items()
    arrays = {f"artefact/{name}": np.asarray(value, order="C") for name, value in artefacts}
    for number, member in enumerate(model.members):
        arrays[f"shift/{number}"] = member.preprocessing.shift
        arrays[f"scale/{number}"] = member.preprocessing.scale
    for name, array in arrays.items():
        if array.dtype == object:
            raise BadModel(
                f"The array {name!r} of the model holds objects.", "Use numbers or text."
            )
    return arrays


def load_model_folder(folder: Path | str, module: nn.Module | None = None) -> Model:
    """Read a folder that `save_model` wrote; raises StoreError, and BadModel where it is damaged.

    `module`: the network of a model that was wrapped; its code is not in the folder.
    """
    place = Path(folder)
    about = store.read_json(place / "model.json")
    try:
        if about["format"] != FORMAT:
            raise BadModel(
                f"The model is of format {about['format']!r}.", "Open it with a newer version."
            )
        model = _read(place, about, module)
        whole = model.digest == about["digest"] and model.rule in RULES
        whole = whole and (model.regime in REGIMES or model.regime == CLOSED_FORM)
    except DAMAGE:
        raise _damaged(place) from None
    if not whole:
        raise _damaged(place)
    return model


def _damaged(place: Path) -> BadModel:
    return BadModel(f"The saved model {place.name[:12]} is damaged.", "Make or open it again.")


def _read(place: Path, about: dict[str, Any], module: nn.Module | None) -> Model:
    with (place / "arrays.npz").open("rb") as file, np.load(file, allow_pickle=False) as found:
        arrays: dict[str, Array] = dict(found)
    layers = None if about["layers"] is None else layers_from_plain(about["layers"])
    if module is None and layers is None:
        module = own_code.network(str(about["architecture"]))
    return Model(
        **{name: about[name] for name in WORDS},
        members=_members(place, about["members"], arrays, layers, module),
        classes=tuple(about["classes"]),
        lineage=_lineage(**about["lineage"]),
        layers=layers,
        recipe=None if about["recipe"] is None else make(Recipe, about["recipe"]),
        architecture_settings=about["architecture_settings"],
        regime_settings=about["regime_settings"],
        artefacts=_artefacts(arrays),
        seen=None if about["seen"] is None else tuple(about["seen"]),
    )


def _lineage(excluded: list[str], parents: list[str], **words: Any) -> Lineage:
    return Lineage(excluded=tuple(excluded), parents=tuple(parents), **words)


def _artefacts(arrays: Mapping[str, Array]) -> dict[str, Array]:
    start = "artefact/"
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _members(
    place: Path,
    words: list[dict[str, Any]],
    arrays: Mapping[str, Array],
    layers: tuple[Layer, ...] | None,
    module: nn.Module | None,
) -> tuple[Member, ...]:
    states: list[dict[str, Tensor]] = [{} for _ in words]
    backbone = whole.read_before(place / BACKBONE, words[0], len(arrays["shift/0"]))
    for key, value in safetensors.torch.load_file(place / "weights.safetensors").items():
        number, _, name = key.partition("/")
        states[int(number)][name] = value
    preprocessings = [
        Preprocessing(
            word["kind"],
            arrays[f"shift/{number}"],
            arrays[f"scale/{number}"],
            tuple(Column(name, None if v is None else tuple(v)) for name, v in word["columns"]),
            word["fitted"],
            word.get("length", 0),
            word.get("scaling", "standard"),
            backbone,
        )
        for number, word in enumerate(words)
    ]
    return tuple(
        Member(_network(p, layers, module, state), p)
        for p, state in zip(preprocessings, states, strict=True)
    )


def _network(
    p: Preprocessing,
    layers: tuple[Layer, ...] | None,
    module: nn.Module | None,
    state: dict[str, Tensor],
) -> nn.Module:
    if layers is not None:
        # shape () leaves the list of a model of pictures as it is
        shape = () if p.kind == "image" else input_shape(p, ())
        return network_of(for_width(layers, shape), state)
    if isinstance(p.backbone, whole.Reading):
        return whole.network_of(p.backbone, state)
    if module is None:
        raise BadModel(
            "This model was wrapped from a network of your own code.",
            "Start the app with `python -m disgorge_core open --model package.module:function`, or "
            "open it from your script: load_model_folder(folder, module=...).",
        )
    network = copy.deepcopy(module)
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise BadModel("The weights do not fit the given module.", "Give the same class.") from None
    return network.eval()


# --- one file -----------------------------------------------------------------------------------


def export(model: Model, path: Path | str) -> Path:
    """Write the weights of a single network under the key names that it came with.

    `.safetensors` carries the layer list too, so that it opens here without questions; `.pt` and `.pth`
    are PyTorch state dicts. Raises NotApplicable where one file cannot be the model.
    """
    path = Path(path)
    reason = why_no_export(model)
    if reason:
        raise NotApplicable(reason, "Save the model's folder instead.")
    network = model.network
    state = state_as_it_came(model.layers, network) if model.layers else network.state_dict()
    state = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in state.items()}
    store.write_bytes(path, _file(model, state, path.suffix.lower()))
    return path


def why_no_export(model: Model) -> str | None:
    """Why one file of weights cannot be this model, None if it can."""
    if len(model.members) > 1:
        return f"This model is {len(model.members)} networks that answer together."
    if model.rule != "mean":
        return f"This model's answers pass its rule {model.rule!r}, which weights do not hold."
    if model.preprocessing.kind == "text":
        return "The words that this model knows are no weights, so a file of weights lacks them."
    if model.preprocessing.kind == whole.WHOLE:
        return "A file of weights lacks the configuration and how the network reads a record."
    if model.preprocessing.backbone:
        return "The network is a head behind a backbone, and a file of weights lacks the backbone."
    return None


def _file(model: Model, state: dict[str, Tensor], suffix: str) -> bytes:
    if suffix == ".safetensors":
        layers = json.dumps(plain_layers(model.layers)) if model.layers else ""
        return safetensors.torch.save(state, {"format": "pt", "layers": layers})
    if suffix not in (".pt", ".pth"):
        raise NotApplicable(
            f"Weights cannot be written as {suffix or 'a file without ending'}.",
            "End the name in .safetensors, .pt or .pth.",
        )
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
