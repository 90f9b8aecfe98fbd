"""Models in folders and files: the same answers come back, whatever was damaged is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from disgorge_core.data.preprocessing import fixed_numbers, fixed_pixels
from disgorge_core.errors import BadModel, NotApplicable, StoreError
from disgorge_core.models.layers import build
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import export, keep_model, load_model_folder, save_model
from disgorge_core.store import Workspace
from disgorge_core.types import Column, Layer, Lineage, Member, Model, Preprocessing, Recipe

LAYERS = (
    Layer("conv2d", "features.0", {"inputs": 3, "outputs": 4, "bias": False}),
    Layer("batchnorm2d", "features.1", {"channels": 4}),
    Layer("relu"),
    Layer("globalpool"),
    Layer("flatten"),
    Layer("linear", "fc", {"inputs": 4, "outputs": 2}),
)


def pictures_model() -> Model:
    torch.manual_seed(0)
    network = build(LAYERS)
    network(torch.rand(8, 3, 6, 6))  # moves the running statistics
    return Model(
        name="é", members=(Member(network, fixed_pixels(3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))),),
        classes=("cat", "dog"), task="classification", layers=LAYERS,
        lineage=Lineage("trained here", "known", ("f" * 64,), ("p" * 64,), cost=3.5),
        recipe=Recipe(epochs=3, l2=0.1), seen=("r1", "r2"),
        artefacts={"shard": np.arange(5), "names": np.array(["a", "bc"])},
    )  # fmt: skip


def sharded_table_model() -> Model:
    """Two members of different width: one never saw the category "z"."""
    members = []
    for values in (("x", "y"), ("x", "y", "z")):
        columns = (Column("age"), Column("town", values))
        d = 1 + len(values)
        p = Preprocessing("table", np.arange(d) / 3, np.ones(d), columns)
        members.append(Member(nn.Sequential(), p))
        layers = (Layer("linear", "head", {"inputs": d, "outputs": 2}),)
        members[-1] = Member(build(layers).double(), p)
    return Model(
        name="shards", members=tuple(members), classes=("no", "yes"), task="classification",
        lineage=Lineage("trained here"), layers=(Layer("linear", "head", {"inputs": 3, "outputs": 2}),),
        architecture="linear", architecture_settings={"width": 3}, regime="sharded",
        regime_settings={"shards": 2, "seed": 0},
    )  # fmt: skip


PICTURES = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3)).astype(np.uint8)
TABLE = pd.DataFrame({"age": [1.0, np.nan, 3.0], "town": pd.Categorical(["x", "z", None])})


@pytest.mark.parametrize(
    ("model", "x"), [(pictures_model(), PICTURES), (sharded_table_model(), TABLE)]
)
def test_a_folder_brings_back_the_same_model(tmp_path: Path, model: Model, x: object) -> None:
    again = load_model_folder(save_model(model, tmp_path / "m"))
    assert again.digest == model.digest
    assert np.array_equal(logits(again, x), logits(model, x))
    for name in ("name", "classes", "task", "layers", "recipe", "architecture", "regime", "seen"):
        assert getattr(again, name) == getattr(model, name)
    for name in ("architecture_settings", "regime_settings"):
        assert getattr(again, name) == getattr(model, name)
    assert asdict(again.lineage) == asdict(model.lineage)
    assert {k: v.tolist() for k, v in again.artefacts.items()} == {
        k: v.tolist() for k, v in model.artefacts.items()
    }
    assert all(p.requires_grad for p in again.network.parameters())


def test_reading_draws_no_random_numbers(tmp_path: Path) -> None:
    save_model(pictures_model(), tmp_path / "m")
    before = torch.get_rng_state()
    load_model_folder(tmp_path / "m")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_workspace_keeps_one_copy(tmp_path: Path) -> None:
    work, model = Workspace(tmp_path), pictures_model()
    assert keep_model(model, work) == keep_model(model, work) == work.model(model.digest)
    assert [p.name for p in tmp_path.iterdir()] == ["models"]


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    save_model(pictures_model(), tmp_path / "m")
    with pytest.raises(StoreError, match="already there"):
        save_model(sharded_table_model(), tmp_path / "m")
    assert load_model_folder(tmp_path / "m").name == "é"


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    model = replace(pictures_model(), layers=LAYERS[:-1])
    with pytest.raises(BadModel, match=r"'fc.weight', which the layer list does not know"):
        save_model(model, tmp_path / "m")
    objects = replace(pictures_model(), artefacts={"a": np.array([{}], object)})
    with pytest.raises(BadModel, match="holds objects"):
        save_model(objects, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_wrapped_module_needs_its_code(tmp_path: Path) -> None:
    wrapped = replace(pictures_model(), layers=None)
    save_model(wrapped, tmp_path / "m")
    with pytest.raises(BadModel, match=r"load_model_folder\(folder, module=...\)"):
        load_model_folder(tmp_path / "m")
    module = build(LAYERS)
    untouched = {k: v.clone() for k, v in module.state_dict().items()}
    again = load_model_folder(tmp_path / "m", module)
    assert again.digest == wrapped.digest
    assert all(torch.equal(v, untouched[k]) for k, v in module.state_dict().items())
    with pytest.raises(BadModel, match="do not fit"):
        load_model_folder(tmp_path / "m", nn.Linear(1, 1))


@pytest.mark.parametrize("name", ["arrays.npz", "weights.safetensors"])
@pytest.mark.parametrize("how", ["gone", "short", "empty", "noise"])
def test_damage_is_refused(tmp_path: Path, name: str, how: str) -> None:
    path = save_model(pictures_model(), tmp_path / "m") / name
    content = path.read_bytes()
    damaged = {"short": content[: len(content) // 2], "empty": b"", "noise": b"noise" * 99}
    path.unlink() if how == "gone" else path.write_bytes(damaged[how])
    with pytest.raises(BadModel) as error:
        load_model_folder(tmp_path / "m")
    assert str(error.value) == "The saved model m is damaged. Make or open it again."


def test_one_changed_weight_is_refused(tmp_path: Path) -> None:
    path = save_model(pictures_model(), tmp_path / "m") / "weights.safetensors"
    weights = load_file(path)
    weights["0/fc.bias"][0] += 1e-6
    save_file(weights, path)
    with pytest.raises(BadModel, match="damaged"):
        load_model_folder(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 9}, "newer version"),
        ({"rule": "os.system"}, "damaged"),
        ({"members": []}, "damaged"),
        ({"classes": ["a", "b", "c"]}, "damaged"),
        ({"recipe": {"epochs": -1}}, "Epochs is -1"),
        ({"layers": []}, "not a list of layers"),
        ({"layers": [{"kind": "pickle"}]}, "no known kind"),
        ({"layers": [{"kind": "linear", "name": 3}]}, "malformed"),
        ({"layers": [{"kind": "maxpool", "options": {"kernel": 10**9}}]}, "kernel = '1000000000'"),
        ({"layers": [{"kind": "linear", "options": {"inputs": "a"}}]}, "inputs = 'a'"),
        ({"layers": [{"kind": "linear", "options": {"x": 1}}]}, "cannot be built"),
        ({"layers": [{"kind": "relu", "name": "forward"}]}, "cannot be named 'forward'"),
        (
            {"layers": [{"kind": "linear", "options": {"inputs": 2**30, "outputs": 2**30}}]},
            "has no weights 'linear_0.weight'",
        ),
    ],
)
def test_a_changed_description_is_refused(tmp_path: Path, change: dict, says: str) -> None:
    path = save_model(pictures_model(), tmp_path / "m") / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(Exception) as error:
        load_model_folder(tmp_path / "m")
    assert type(error.value).__module__ == "disgorge_core.errors"
    assert len(str(error.value).splitlines()) == 1
    assert says in str(error.value)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_weights_leave_under_the_names_that_they_came_with(tmp_path: Path, suffix: str) -> None:
    model = pictures_model()
    path = export(model, tmp_path / f"w{suffix}")
    state = load_file(path) if suffix == ".safetensors" else torch.load(path, weights_only=True)

    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4))
            self.fc = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.relu(self.features(x)).mean((2, 3)))

    theirs = Theirs()
    theirs.load_state_dict(state)
    z = torch.from_numpy((PICTURES - model.preprocessing.shift) * model.preprocessing.scale)
    with torch.no_grad():
        expected = theirs.eval()(z.permute(0, 3, 1, 2).float()).numpy()
    assert np.allclose(logits(model, PICTURES), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "name", "says"),
    [
        (sharded_table_model(), "a.pt", "is 2 networks"),
        (replace(pictures_model(), rule="guard"), "a.pt", "its rule 'guard'"),
        (pictures_model(), "a.onnx", "cannot be written as .onnx"),
        (pictures_model(), "a", "a file without ending"),
    ],
)
def test_the_reason_why_not_is_given(tmp_path: Path, model: Model, name: str, says: str) -> None:
    with pytest.raises(NotApplicable) as error:
        export(model, tmp_path / name)
    assert says in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_a_table_come_back(tmp_path: Path) -> None:
    network = build((Layer("linear", "head", {"inputs": 2, "outputs": 1}),))
    layers = (Layer("linear", "head", {"inputs": 2, "outputs": 1}),)
    model = Model(
        "r", (Member(network, fixed_numbers(["a", "b"])),), (), "regression", Lineage("x"), layers
    )
    again = load_model_folder(save_model(model, tmp_path / "m"))
    x = pd.DataFrame({"b": [1.0], "a": [2.0]})
    assert np.array_equal(logits(again, x), logits(model, x))
    assert not again.preprocessing.fitted
