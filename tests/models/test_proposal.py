"""Layer lists from weights alone: the proposed network gives the original's logits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import network_of, own_names
from disgorge_core.models.layers import state_as_it_came
from disgorge_core.models.proposal import Proposal, propose


class LeNet(nn.Module):
    """LeCun et al. 1998 with ReLU: 5x5 without padding, pooling twice, order of use is of definition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc3(torch.relu(self.fc2(x)))


class NamedNorms(nn.Module):
    """Batch norms under names of their own, global average at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.head(x.mean((2, 3)))


class Vgg(nn.Module):
    """VGG's numbering: conv, norm, ReLU, pooling in one Sequential, dropout in the classifier."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = []
        channels = 3
        for width in (8, 8, "M", 16, 16, "M", 32, "M"):
            if width == "M":
                features.append(nn.MaxPool2d(2))
            else:
                features += [
                    nn.Conv2d(channels, width, 3, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Linear(32 * 16, 24), nn.ReLU(), nn.Dropout(), nn.Linear(24, 24), nn.ReLU(),
            nn.Dropout(), nn.Linear(24, 5),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


def group_norms() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.GroupNorm(3, 12), nn.SiLU(), nn.AvgPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.GroupNorm(6, 24), nn.SiLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(24 * 16, 7),
    )  # fmt: skip


class OddNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"blöck A": nn.Sequential(nn.Linear(13, 9), nn.LayerNorm(9))})
        self.to_hidden, self.Z = nn.Linear(9, 9), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.net["blöck A"](x))
        return self.Z(torch.tanh(self.to_hidden(x)))


def strided() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False), nn.ReLU(),
        nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 4, 2, bias=False),
    )  # fmt: skip


def depthwise() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.ReLU(),
        nn.Conv2d(6, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(10, 2),
    )  # fmt: skip


def nested() -> nn.Module:
    def block(a: int, b: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)
        )

    return nn.Sequential(OrderedDict(
        body=nn.Sequential(block(3, 4), block(4, 8)), out=nn.Sequential(nn.Flatten(), nn.Linear(128, 3)),
    ))  # fmt: skip


def mlp_on_pictures() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 16, bias=False), nn.GELU(), nn.Linear(16, 3))


class Mixed(nn.Module):
    """LeNet as it is often written for 28x28: padding in the first convolution only."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 6, 5)
        self.out = nn.Linear(6 * 25, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.max_pool2d(torch.relu(self.c1(x)), 2)
        return self.out(torch.max_pool2d(torch.relu(self.c2(x)), 2).flatten(1))


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, Mapping[str, Any]]] = {
    "lenet": (LeNet, (1, 32, 32), 10, {}),
    "named norms": (NamedNorms, (3, 16, 16), 4, {}),
    "vgg": (Vgg, (3, 32, 32), 5, {}),
    "group norms": (
        group_norms, (3, 16, 16), 7,
        {"activation": "silu", "pooling": "avgpool", "groups:1": 3, "groups:5": 6},
    ),
    "odd names": (OddNames, (13,), 3, {"activation": "tanh"}),
    "strided": (strided, (1, 8, 8), 2, {}),
    "depthwise": (depthwise, (3, 9, 9), 2, {}),
    "nested": (nested, (3, 16, 16), 3, {}),
    "mlp on pictures": (mlp_on_pictures, (3, 4, 4), 3, {"activation": "gelu"}),
    "mixed padding": (Mixed, (1, 28, 28), 10, {}),
    "wide table": (lambda: nn.Sequential(nn.Linear(5, 2)), (5,), 2, {}),
}  # fmt: skip


def made(name: str) -> tuple[nn.Module, dict[str, Tensor], tuple[int, ...], int, Mapping[str, Any]]:
    """A network whose running statistics have moved, and its state dict."""
    build, shape, outputs, answers = CASES[name]
    torch.manual_seed(0)
    network = build()
    network.train()
    network(torch.rand(16, *shape))
    state = {key: value.clone() for key, value in network.state_dict().items()}
    return network.eval(), state, shape, outputs, answers


def shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}


def same_logits(network: nn.Module, state: dict[str, Tensor], proposal: Proposal) -> bool:
    rebuilt = network_of(proposal.layers, own_names(proposal.layers, state))
    x = torch.randn(5, *proposal.shape)
    with torch.no_grad():
        return torch.equal(rebuilt(x), network(x))


@pytest.mark.parametrize("name", CASES)
def test_the_proposal_gives_the_original_logits(name: str) -> None:
    network, state, shape, outputs, answers = made(name)
    proposal = propose(shapes(state), shape, outputs)
    for unknown in proposal.unknowns:
        assert unknown.default in unknown.choices
        assert 0 <= unknown.position < len(proposal.layers)
        assert unknown.question.endswith("?")
    proposal = proposal.with_answers(answers)
    if name == "named norms":  # a global average fits any pooling: the user has to say
        (ask,) = [u for u in proposal.unknowns if u.key == "arrangement"]
        fits = [
            same_logits(network, state, proposal.with_answers({ask.key: c})) for c in ask.choices
        ]
        assert sum(fits) >= 1
        return
    assert same_logits(network, state, proposal)


@pytest.mark.parametrize("name", CASES)
def test_weights_go_back_under_their_names(name: str) -> None:
    network, state, shape, outputs, _ = made(name)
    proposal = propose(shapes(state), shape, outputs)
    rebuilt = network_of(proposal.layers, own_names(proposal.layers, state))
    back = state_as_it_came(proposal.layers, rebuilt)
    assert set(back) == set(state)
    network.load_state_dict(back)
    assert all(torch.equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize("name", [name for name in CASES if name != "odd names"])
def test_a_file_that_lost_its_order_is_put_in_order(name: str) -> None:
    """Safetensors lie sorted by name: batch norms come before convolutions, 10 before 2."""
    _, state, shape, outputs, _ = made(name)
    by_name = {key: state[key] for key in sorted(state)}
    lost = propose(shapes(by_name), shape, outputs, ordered=False)
    assert lost.layers == propose(shapes(state), shape, outputs).layers


def test_names_without_structure_follow_the_sizes() -> None:
    _, state, shape, outputs, _ = made("odd names")
    lost = propose(shapes({k: state[k] for k in sorted(state)}), shape, outputs, ordered=False)
    order = [layer.name for layer in lost.layers if layer.name]
    assert order == ["net.blöck A.0", "net.blöck A.1", "to_hidden", "Z"]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_prefixes_of_wrappers_are_kept_and_said(prefix: str) -> None:
    network, state, shape, outputs, _ = made("vgg")
    named = {prefix + key: value for key, value in state.items()}
    proposal = propose(shapes(named), shape, outputs)
    assert same_logits(network, named, proposal)
    assert prefix in proposal.notes[0]


def test_one_bare_layer() -> None:
    layer = nn.Linear(4, 3)
    proposal = propose(shapes(layer.state_dict()), (1, 2, 2), 3)
    rebuilt = network_of(proposal.layers, own_names(proposal.layers, layer.state_dict()))
    x = torch.randn(5, 1, 2, 2)
    assert torch.equal(rebuilt(x), layer(x.flatten(1)))


def test_one_answer_serves_all_norms() -> None:
    _, state, shape, outputs, _ = made("group norms")
    proposal = propose(shapes(state), shape, outputs).with_answers({"groups": 4})
    norms = [layer.options["groups"] for layer in proposal.layers if layer.kind == "groupnorm"]
    assert norms == [4, 4]


def refused(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(BadModel) as error:
        call(*arguments)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    return message


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3)
        self.project, self.fc = nn.Conv2d(8, 16, 1), nn.Linear(16, 2)


@pytest.mark.parametrize(
    ("network", "shape", "says"),
    [
        (Residual(), (3, 8, 8), "'project' takes 8 channels, but 16 channels arrive"),
        (nn.MultiheadAttention(4, 2), (4,), "'in_proj_weight' belong to no plain layer"),
        (nn.LSTM(4, 4), (4,), "belong to no plain layer"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Linear(2, 2)), (1, 8, 8), "weights of shape (2, 1, 3)"),
        (nn.Sequential(nn.Linear(4, 2), nn.PReLU()), (4,), "weights of shape (1,)"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 8, 8), "not in a linear layer"),
        (nn.Sequential(nn.Linear(4, 3)), (4,), "gives 3 numbers, the dataset needs 2"),
        (nn.Sequential(nn.Linear(4, 1)), (4,), "1 number for 2 classes"),
        (nn.Sequential(nn.Linear(4, 2)), (5,), "'0' takes 4 numbers, but 5 arrive"),
        (nn.Sequential(nn.Linear(4, 2)), (1, 3, 3), "'0' takes 4 numbers, but 9 arrive"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(7, 2)), (1, 8, 8), "8x8 fit '2'"),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2)), (1, 8, 8), "but 1 channels"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)), (9,), "but 9 numbers"),
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 2)), (4,), "'1' takes 4 numbers, but 3 arrive"),
    ],
)  # fmt: skip
def test_what_is_no_plain_list_is_refused(
    network: nn.Module, shape: tuple[int, ...], says: str
) -> None:
    assert says in refused(propose, shapes(network.state_dict()), shape, 2)


def test_answers_are_checked() -> None:
    _, state, shape, outputs, _ = made("group norms")
    proposal = propose(shapes(state), shape, outputs)
    assert "no answer to 'activation'" in refused(proposal.with_answers, {"activation": "eval"})
    assert "no answer to 'colour'" in refused(proposal.with_answers, {"colour": "red"})
    assert "do not divide the 12 channels" in refused(proposal.with_answers, {"groups": 5})
    assert "do not divide" in refused(proposal.with_answers, {"groups": "x"})


def test_many_layers_are_arranged_quickly() -> None:
    layers = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(40)]
    net = nn.ModuleDict(
        {f"c{i}x": layer for i, layer in enumerate(layers)} | {"fc": nn.Linear(4, 2)}
    )
    proposal = propose(shapes(net.state_dict()), (4, 8, 8), 2)
    assert sum(layer.kind == "conv2d" for layer in proposal.layers) == 40
