"""ENGINE 3: what a network sees of a record (activations), and which records look alike to it.

Neighbours are exact up to 20,000 records (blocks of a matrix product), approximate above (pynndescent,
whose compilation takes about half a minute once a process). PCA has a fixed sign: the entry of largest
size in each direction is positive.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel, BadParam
from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import BATCH, inputs
from disgorge_core.models.trunk import distinct
from disgorge_core.types import Array, Member, Model

EXACT = 20_000  # records up to which neighbours are exact
BLOCK = 1_024


def layer_names(model: Model) -> tuple[str, ...]:
    """Layers whose output can be read, in the order of the network."""
    return tuple(
        name
        for name, module in model.network.named_modules()
        if name and not list(module.children())
    )


def activations(model: Model, x: Any, layer: str | None = None) -> Array:
    """Features (n, d) float32 of raw records: the input of the head, or the output of a named layer.

    Several networks give their features side by side, those that are the same before the head once.
    Raises BadModel for an unknown layer.
    """
    members = model.members if layer else distinct(model.members)
    return np.concatenate([_of_member(member, x, layer) for member in members], 1)


def _of_member(member: Member, x: Any, layer: str | None) -> Array:
    network = copy.deepcopy(member.network).eval()
    found: list[Tensor] = []
    if layer is None:
        head_of(network).register_forward_pre_hook(lambda _, given: _keep(found, given[0]))
    else:
        _named(network, layer).register_forward_hook(lambda _, given, out: _keep(found, out))
    with torch.inference_mode():
        for start in range(0, max(len(x), 1), BATCH):
            network(inputs(member, x[start : start + BATCH]))
    return torch.cat(found).numpy()


def _keep(found: list[Tensor], output: Tensor) -> None:
    # a copy, as a later layer may write over it
    found.append(output.flatten(1).to(torch.float32, copy=True))


def _named(network: nn.Module, layer: str) -> nn.Module:
    modules = dict(network.named_modules())
    if not layer or layer not in modules:
        known = ", ".join(name for name in modules if name)
        raise BadModel(f"The network has no layer {layer!r}.", f"Known are: {known}.")
    return modules[layer]


def neighbours(features: Array, k: int) -> tuple[Array, Array]:
    """The k nearest other records of each: rows (n, k) and Euclidean distances (n, k), nearest first.

    Raises BadParam where there are not k others.
    """
    if not 0 < k < len(features):
        raise BadParam(
            f"{len(features)} records do not have {k} neighbours.", "Choose a smaller number."
        )
    found: Callable[[Array, int], tuple[Array, Array]] = _exact
    if len(features) > EXACT:
        found = _approximate
    return found(np.array(features, dtype=np.float32, order="C"), k)


def _exact(features: Array, k: int) -> tuple[Array, Array]:
    z = torch.from_numpy(features)
    z = z - z.mean(0)  # near the origin squares lose no digits
    parts = [_block(z, start, k) for start in range(0, len(z), BLOCK)]
    index = torch.cat([part[0] for part in parts]).numpy()
    return index, torch.cat([part[1] for part in parts]).numpy()


def _block(z: Tensor, start: int, k: int) -> tuple[Tensor, Tensor]:
    own = z[start : start + BLOCK]
    near = z.square().sum(1) - 2 * own @ z.T  # squared distance up to a constant of each row
    rows = torch.arange(len(own))
    near[rows, rows + start] = torch.inf
    index = near.topk(k, largest=False).indices
    distance = (own[:, None] - z[index]).norm(dim=2)  # again, without cancellation
    distance, order = distance.sort(dim=1, stable=True)
    return index.gather(1, order), distance


def _approximate(features: Array, k: int) -> tuple[Array, Array]:
    from pynndescent import NNDescent

    index, distance = NNDescent(
        features, n_neighbors=k + 1, random_state=0, n_jobs=1
    ).neighbor_graph
    own = index == np.arange(len(index))[:, None]
    own[~own.any(1), -1] = True  # where a record is not its own neighbour, drop the farthest
    return index[~own].reshape(-1, k), distance[~own].reshape(-1, k)


def pca(features: Array, dimensions: int = 2) -> Array:
    """Positions (n, dimensions) float32 along the directions of largest spread, with a fixed sign."""
    z = torch.tensor(np.asarray(features), dtype=torch.float64)
    z = z - z.mean(0)
    if z.shape[1] < dimensions:
        z = torch.cat([z, z.new_zeros(len(z), dimensions - z.shape[1])], 1)
    _, directions = torch.linalg.eigh(z.T @ z)
    chosen = directions.flip(1)[:, :dimensions]
    largest = chosen.gather(0, chosen.abs().argmax(0)[None])
    return (z @ (chosen * largest.sign())).float().numpy()
