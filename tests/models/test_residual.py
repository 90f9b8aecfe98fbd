"""Residual networks of plain torch: in with a layer list, the same answers, out under their own names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import layers_from_plain, network_of, own_names, plain_layers
from disgorge_core.models.fit_check import apply_class_order, class_order_check
from disgorge_core.models.layers import flat
from disgorge_core.models.loading import load_model, open_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.proposal import LooksResidual, propose
from disgorge_core.models.saved import export, load_model_folder, save_model
from tests.models.residual_nets import (
    Bottleneck,
    Even,
    ResNet,
    batch_norm,
    group_norm,
    layer_list,
    made,
)
from tests.training.small import digits

DATA = digits(60)
NORMS = {"batchnorm2d": batch_norm, "groupnorm": group_norm}


def said(network: nn.Module) -> np.ndarray:
    x = torch.from_numpy(DATA.x.astype(np.float32) / 255).permute(0, 3, 1, 2)
    with torch.no_grad():
        return network(x).numpy()


def saved(network: nn.Module, path: Path, layers: Any = None) -> Path:
    if path.suffix == ".safetensors":
        save_file(network.state_dict(), path, {"layers": json.dumps(layers)} if layers else None)
    else:
        torch.save(network.state_dict(), path)
    return path


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize("norm", NORMS)
def test_a_layer_list_brings_the_answers_and_takes_the_weights_back(
    tmp_path: Path, norm: str
) -> None:
    network, plain = made(ResNet(NORMS[norm])), layer_list(norm)
    path = saved(network, tmp_path / "m.pt")
    (tmp_path / "m.layers.json").write_text(json.dumps(plain))
    header = saved(network, tmp_path / "h.safetensors", plain)
    given = load_model(path, DATA, architecture=layers_from_plain(plain), preprocessing="raw")
    found = [load_model(path, DATA), load_model(header, DATA), given]
    for model in found:
        assert np.abs(logits(model, DATA.x) - said(network)).max() < 1e-5
    model = found[0]
    again = load_model_folder(save_model(model, tmp_path / "folder"))
    assert again.digest == model.digest
    assert again.layers == model.layers
    back = torch.load(export(model, tmp_path / "out.pt"), weights_only=True)
    theirs = ResNet(NORMS[norm]).eval()
    theirs.load_state_dict(back)
    assert np.array_equal(said(theirs), said(network))
    out = open_model(export(model, tmp_path / "out.safetensors"), DATA)
    assert out.proposal is None
    assert out.model.digest == model.digest


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    ("network", "answers"),
    [
        (ResNet(), {}),
        (ResNet(group_norm), {"groups": 2}),
        (ResNet(block=Bottleneck), {}),
        (ResNet(widths=(4, 8, 16), large=True), {}),
    ],
)
def test_shortcuts_with_weights_are_recognised(
    tmp_path: Path, network: nn.Module, answers: dict[str, Any], suffix: str
) -> None:
    path = saved(made(network), tmp_path / f"m{suffix}")
    found = open_model(path, DATA, architecture=answers)
    assert found.proposal is not None
    assert any("residual blocks were recognised" in note for note in found.notes)
    assert np.abs(logits(found.model, DATA.x) - said(network)).max() < 1e-5


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_classes_in_another_order_are_found_and_put_right(tmp_path: Path, suffix: str) -> None:
    """Outputs of a network that knows the digits are turned by three, whatever the format."""
    data = replace(DATA, classes=tuple("0123456789"))
    network = made(ResNet())
    optimiser = torch.optim.Adam(network.parameters(), 0.03)
    x = torch.from_numpy(DATA.x.astype(np.float32) / 255).permute(0, 3, 1, 2)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), torch.tensor((DATA.y + 3) % 10)).backward()
        optimiser.step()
    path = saved(network, tmp_path / f"m{suffix}", layer_list("batchnorm2d"))
    (tmp_path / "m.layers.json").write_text(json.dumps(layer_list("batchnorm2d")))
    model = load_model(path, data)
    found = class_order_check(model, data)
    assert found.suggested
    turned = apply_class_order(model, found.order)
    assert class_order_check(turned, data).accuracy == found.best > 0.9
    names = [str((k - 3) % 10) for k in range(10)]  # output k stands for this class
    named = load_model(path, data, classes=names)
    assert np.allclose(logits(named, DATA.x), logits(turned, DATA.x), atol=1e-5)


def test_other_answers_give_another_network(tmp_path: Path) -> None:
    network = made(ResNet())
    path = saved(network, tmp_path / "m.pt")
    halved = open_model(path, DATA, architecture={"halved": "in no block"}).model
    assert np.abs(logits(halved, DATA.x) - said(network)).max() > 1e-3
    assert logits(halved, DATA.x).shape == (60, 10)


def test_blocks_without_a_trace_of_a_sum_are_asked_for_not_guessed() -> None:
    network = made(Even())
    with pytest.raises(LooksResidual, match="look like residual blocks") as error:
        propose(shapes(network), (1, 8, 8), 10)
    layers = layers_from_plain(json.loads(error.value.sample))
    rebuilt = network_of(layers, own_names(layers, network.state_dict()))
    assert np.abs(said(rebuilt.eval()) - said(network)).max() < 1e-5
    assert "layer list" in error.value.remedy


def test_lists_of_equal_channels_without_blocks_are_still_proposed() -> None:
    def pair(a: int, b: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.ReLU()
        )

    vgg = nn.Sequential(pair(1, 4), pair(4, 8), nn.Flatten(), nn.Linear(8 * 64, 10))
    assert not any(x.kind == "residual" for x in propose(shapes(vgg), (1, 8, 8), 10).layers)
    mlp = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    assert propose(shapes(mlp), (8,), 3).layers


def nest(depth: int) -> list[dict[str, Any]]:
    if not depth:
        return [{"kind": "relu"}]
    return [{"kind": "residual", "options": {"layers": nest(depth - 1)}}]


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        (nest(5), "nested too deeply"),
        ([{"kind": "residual", "options": {"layers": []}}], "A branch of layer 1 of the list is not"),
        ([{"kind": "residual"}], "whose options are layers and shortcut"),
        ([{"kind": "residual", "options": {"layers": [{"kind": "relu"}], "x": 1}}], "whose options"),
        ([{"kind": "residual", "options": {"layers": 3}}], "is not a list"),
        (
            [{"kind": "residual", "options": {"layers": [{"kind": "pickle"}]}}],
            "Layer 1 of layer 1 of the list has no known kind",
        ),
        ([{"kind": "linear", "options": {"layers": [1, 2, 3]}}], "has layers = '[1, 2, 3]'"),
        ([{"kind": "pad_channels", "options": {"after": 10**6}}], "has after"),
        (
            [{"kind": "residual", "options": {"layers": [{"kind": "relu"}] * 600}}] * 2,
            "more than 1,000 layers",
        ),
    ],
)  # fmt: skip
def test_bad_blocks_are_refused_in_words(plain: Any, says: str) -> None:
    with pytest.raises(BadModel) as error:
        layers_from_plain(plain)
    assert says in str(error.value)
    assert error.value.remedy


def test_lists_within_lists_are_plain_values_and_back() -> None:
    layers = layers_from_plain(nest(4))
    assert layers_from_plain(json.loads(json.dumps(plain_layers(layers)))) == layers
    assert [layer.kind for layer in flat(layers)] == ["residual"] * 4 + ["relu"]


def test_branches_of_different_shape_are_not_stretched(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.Linear(4, 10))
    plain = [
        {"kind": "residual", "options": {"layers": [{"kind": "conv2d", "name": "0",
                                                     "options": {"inputs": 1, "outputs": 4}}]}},
        {"kind": "globalpool"}, {"kind": "flatten"},
        {"kind": "linear", "name": "1", "options": {"inputs": 4, "outputs": 10}},
    ]  # fmt: skip
    path = saved(network, tmp_path / "m.pt")
    with pytest.raises(BadModel, match=r"gives \(4, 8, 8\), its shortcut \(1, 8, 8\)"):
        load_model(path, DATA, architecture=layers_from_plain(plain))


def test_padded_channels_are_the_shortcut_without_weights(tmp_path: Path) -> None:
    conv = nn.Conv2d(1, 3, 3, 2, 1)
    x = torch.rand(2, 1, 8, 8)
    plain = [{"kind": "residual", "options": {
        "layers": [{"kind": "conv2d", "name": "c", "options": {"inputs": 1, "outputs": 3, "stride": 2}}],
        "shortcut": [{"kind": "maxpool", "options": {"kernel": 1, "stride": 2}},
                     {"kind": "pad_channels", "options": {"before": 1, "after": 1}}],
    }}]  # fmt: skip
    layers = layers_from_plain(plain)
    state = {f"c.{k}": v for k, v in conv.state_dict().items()}
    network = network_of(layers, own_names(layers, state))
    expected = conv(x)
    expected[:, 1] += x[:, 0, ::2, ::2]
    assert torch.allclose(network(x), expected)
