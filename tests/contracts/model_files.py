"""Small files of every model format, by those who write such files, with what their own network answers.

A format that is registered without a maker here fails the contract test.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from disgorge_core import training
from disgorge_core.data import preprocessing as pre
from disgorge_core.models.backbones.leaving import pretrained_bytes
from disgorge_core.models.bundle import folder_bytes, weight_bytes
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import save_model
from disgorge_core.models.scikit.leaving import pipeline_bytes
from disgorge_core.types import Array, Dataset, Model, Recipe
from tests import tiny_models

RECIPE = Recipe(epochs=12, lr=0.05, batch=16, optimiser="adam", l2=0.02, seed=1)
ARCHITECTURE = {"text": "text_mean", "image": "cnn", "table": "mlp"}


@dataclass(frozen=True, eq=False)
class Source:
    """A file, the answers (n, c) of what wrote it, and what a user has to say when it is opened."""

    path: Path
    answers: Array
    stated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """How a model comes in a format, how it leaves in it, and who reads the file that left."""

    make: Callable[[Dataset, Path], Source]
    leave: Callable[[Model, Dataset], bytes]
    ending: str
    read: Callable[[Path, Dataset], Array] | None = None


# --- our folder ---------------------------------------------------------------------------------


def folder(data: Dataset, place: Path) -> Source:
    kind = "mlp" if data.task == "regression" and data.kind == "image" else ARCHITECTURE[data.kind]
    model = training.fit(data, kind, RECIPE)
    return Source(save_model(model, place / "model"), logits(model, data.x))


# --- weights of any network -----------------------------------------------------------------------


def network(data: Dataset, inputs: torch.Tensor) -> nn.Module:
    """Somebody's own network, which has seen the records a little; the names are none of ours."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 6), nn.Tanh())
    net.add_module("last", nn.Linear(6, len(data.classes) or 1))
    rows = data.rows("train")
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(15):
        optimiser.zero_grad()
        said, y = net(inputs[rows]), torch.from_numpy(np.array(data.y[rows]))
        loss = (
            nn.functional.cross_entropy(said, y) if data.classes else ((said[:, 0] - y) ** 2).mean()
        )
        loss.backward()
        optimiser.step()
    return net.eval()


def weights(data: Dataset, place: Path, save: Callable[[Mapping[str, Any], Path], None]) -> Source:
    rows = data.rows("train")
    said: dict[str, Any] = {"trained_on": "train", "recipe": RECIPE}
    if data.kind == "text":
        model = training.fit(data, "text_mean", RECIPE)
        save(model.network.state_dict(), place)
        return Source(place, logits(model, data.x), {**said, "architecture": "text_mean"})
    if data.kind == "image":
        x = torch.from_numpy(np.array(data.x)).permute(0, 3, 1, 2).float() / 255
    else:
        said["preprocessing"] = pre.fit(data, rows)
        x = torch.from_numpy(pre.transform(said["preprocessing"], data.x, "float32"))
    net = network(data, x)
    save(net.state_dict(), place)
    with torch.inference_mode():
        answers = net(x).numpy()
    flat = [{"kind": "flatten"}] if data.kind == "image" else []
    return Source(place, answers, {**said, "architecture": _layers(net, flat)})


def _layers(net: nn.Module, flat: list[dict[str, Any]]) -> Any:
    from disgorge_core.models.blueprint import layers_from_plain

    found = list(flat)
    for name, module in net.named_children():
        if isinstance(module, nn.Linear):
            size = {"inputs": module.in_features, "outputs": module.out_features}
            found.append({"kind": "linear", "name": name, "options": size})
        elif isinstance(module, nn.Tanh):
            found.append({"kind": "tanh"})
    return layers_from_plain(found)


def tensors(data: Dataset, place: Path) -> Source:
    return weights(data, place / "w.safetensors", safetensors.torch.save_file)


def state_dict(data: Dataset, place: Path) -> Source:
    return weights(data, place / "w.pt", torch.save)


# --- scikit-learn ---------------------------------------------------------------------------------


def pipeline(data: Dataset, place: Path) -> Source:
    """Gaps filled, numbers scaled, words one-hot; then an MLP."""
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    before = ColumnTransformer(
        [("n", numbers, ["depth", "crew"]), ("c", OneHotEncoder(), ["town", "wet"])]
    )
    kind = MLPClassifier if data.classes else MLPRegressor
    x, rows = data.x.astype({"town": object, "wet": object}), data.rows("train")
    y = np.array(data.classes)[data.y] if data.classes else data.y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few steps do not converge
        whole = make_pipeline(
            before, kind(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
        ).fit(x.iloc[rows], y[rows])
    skops.io.dump(whole, place / "p.skops")
    return Source(place / "p.skops", _of_pipeline(whole, data), {"trained_on": "train"})


def read_pipeline(path: Path, data: Dataset) -> Array:
    import skops.io

    trusted = skops.io.get_untrusted_types(file=path)
    assert set(trusted) <= {"numpy.dtype"}
    return _of_pipeline(skops.io.load(path, trusted=trusted), data)


def _of_pipeline(whole: Any, data: Dataset) -> Array:
    """Log-probabilities (n, classes), or values (n, 1)."""
    x = data.x.astype({"town": object, "wet": object})
    if not data.classes:
        return np.asarray(whole.predict(x)).reshape(-1, 1)
    return np.log(whole.predict_proba(x))


# --- Hugging Face ---------------------------------------------------------------------------------


def pretrained(data: Dataset, place: Path) -> Source:
    if data.kind == "text":
        texts = [str(text) for text in data.x.iloc[:, 0]]
        path = tiny_models.bert(place / "hf", texts, data.y, data.classes, steps=4)
    else:
        path = tiny_models.vit(place / "hf", data, data.classes, steps=4)
    return Source(path, by_transformers(path, data), {"trained_on": "train", "recipe": RECIPE})


def read_pretrained(path: Path, data: Dataset) -> Array:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        archive.extractall(path.with_suffix(""))
    return by_transformers(path.with_suffix("") / "model", data)


def by_transformers(folder: Path, data: Dataset) -> Array:
    """What the library itself answers, without us."""
    from disgorge_core.models.backbones.network import transformers

    library = transformers()
    if data.kind == "text":
        cut = library.AutoTokenizer.from_pretrained(folder)
        net = library.AutoModelForSequenceClassification.from_pretrained(folder)
        given = [
            cut(str(text), truncation=True, max_length=64, return_tensors="pt")
            for text in data.x.iloc[:, 0]
        ]
    else:
        net = library.AutoModelForImageClassification.from_pretrained(folder)
        x = (np.asarray(data.x).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.5
        given = [{"pixel_values": torch.tensor(x, dtype=torch.float32)}]
    with torch.inference_mode():
        return np.concatenate([net.eval()(**one).logits.numpy() for one in given])


WAYS = {
    "folder": Way(folder, lambda m, d: folder_bytes(m), ".zip"),
    "safetensors": Way(tensors, lambda m, d: weight_bytes(m, ".safetensors"), ".safetensors"),
    "state_dict": Way(state_dict, lambda m, d: weight_bytes(m, ".pt"), ".pt"),
    "skops": Way(pipeline, pipeline_bytes, ".skops", read_pipeline),
    "huggingface": Way(pretrained, lambda m, d: pretrained_bytes(m), ".zip", read_pretrained),
}
READS = {"skops": ("table",), "huggingface": ("text", "image")}  # the others read everything
