"""Train a given model a little further: the few epochs with which selective forgetting repairs or unlearns.

The model that is given is not changed. Preprocessing stays as it is. BatchNorm runs frozen, whatever the
records, so that an objective over records to forget puts nothing into its buffers; `refresh_buffers`
estimates them again on records that may be seen.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core import compute
from disgorge_core.models.prediction import dtype_of
from disgorge_core.training.dropout import KeyedDropout
from disgorge_core.training.inputs import Inputs, network_input, of_dataset, targets
from disgorge_core.training.loop import BATCH_NORMS, check_weights
from disgorge_core.training.optimiser import Optimiser
from disgorge_core.training.order import by_key, cuts, epoch_order
from disgorge_core.training.ticker import Ticker, check_finite
from disgorge_core.types import Array, Dataset, Member, Model, Recipe, Report, silent


@dataclass(frozen=True, eq=False)
class Batch:
    """Some records: network inputs, targets, and their rows in the dataset."""

    x: Tensor
    y: Tensor
    rows: Array


Objective = Callable[[nn.Module, Batch], Tensor]


def continue_training(
    model: Model,
    data: Dataset,
    rows: Array,
    *,
    objective: Objective,
    epochs: int,
    lr: float,
    batch: int = 64,
    momentum: float = 0.9,
    seed: int = 0,
    movable: Mapping[str, Tensor] | None = None,
    report: Report = silent,
) -> Model:
    """A copy of the model after a few epochs of SGD on `objective(network, Batch)` over these rows.

    Batches are ordered by seed and id, as in training; the rate is constant. `movable` names, as
    `named_parameters` does, factors for gradients: weights with factor 0 stay bitwise as they are.
    Lineage is the caller's to write. Raises Diverged, and what `report` raises (Cancelled).
    """
    dtypes = {next(m.network.parameters()).dtype for m in model.members}
    recipe = Recipe(
        epochs=epochs, lr=lr, batch=batch, momentum=momentum, schedule="constant", seed=seed,
        dtype="float64" if torch.float64 in dtypes else "float32",
        threads=model.recipe.threads if model.recipe else 1,
    )  # fmt: skip
    ticker = Ticker(report, len(model.members) * len(rows) * epochs)
    run = _Run(data, by_key(data.keys, np.asarray(rows)), objective, recipe, movable or {}, ticker)
    with compute.threads(recipe.threads):
        return replace(model, members=tuple(run.member(member) for member in model.members))


@dataclass(frozen=True, eq=False)
class _Run:
    data: Dataset
    rows: Array
    objective: Objective
    recipe: Recipe
    movable: Mapping[str, Tensor]
    ticker: Ticker

    def member(self, member: Member) -> Member:
        network, dropout = copy.deepcopy(member.network), KeyedDropout()
        network.train()
        for module in network.modules():
            if isinstance(module, BATCH_NORMS):
                module.eval()
        inputs = of_dataset(self.data, self.rows, member.preprocessing)
        with torch.random.fork_rng(devices=[]), dropout.inside(network):
            torch.manual_seed(self.recipe.seed)
            self._epochs(replace(member, network=network), inputs, dropout)
        network.eval()
        check_weights(list(network.state_dict().values()), self.recipe, "")
        return replace(member, network=network)

    def _epochs(self, member: Member, inputs: Inputs, dropout: KeyedDropout) -> None:
        recipe, keys = self.recipe, inputs.keys[self.rows]
        names, parameters = zip(*member.network.named_parameters(), strict=True)
        optimiser = Optimiser(recipe, parameters)
        for epoch in range(recipe.epochs):
            order = self.rows[epoch_order(keys, recipe.seed, epoch)]
            for cut in cuts(len(order), recipe.batch):
                dropout.at(inputs.keys[order[cut]], recipe.seed, epoch)
                records = _batch(member, inputs, order[cut], recipe.dtype)
                loss = self.objective(member.network, records)
                check_finite(float(loss.detach()), recipe, epoch, "")
                grads = torch.autograd.grad(loss, parameters, materialize_grads=True)
                optimiser.step(parameters, self._masked(names, grads), recipe.lr)
                message = f"epoch {epoch + 1} of {recipe.epochs}"
                self.ticker.step(len(records.rows), float(loss.detach()), message)

    def _masked(self, names: tuple[str, ...], grads: tuple[Tensor, ...]) -> list[Tensor]:
        pairs = zip(names, grads, strict=True)
        return [g * self.movable[n].to(g.dtype) if n in self.movable else g for n, g in pairs]


def _batch(member: Member, inputs: Inputs, rows: Array, dtype: str) -> Batch:
    x = network_input(member.preprocessing, inputs, inputs.raw[rows], dtype)
    return Batch(x, targets(inputs, rows, dtype), rows)


def refresh_buffers(model: Model, data: Dataset, rows: Array, *, batch: int = 256) -> Model:
    """A copy of the model whose BatchNorm buffers are the mean over batches of these rows."""
    return replace(
        model,
        members=tuple(
            _refreshed(member, data, np.asarray(rows), batch) for member in model.members
        ),
    )


def _refreshed(member: Member, data: Dataset, rows: Array, batch: int) -> Member:
    network = copy.deepcopy(member.network).eval()
    norms = [m for m in network.modules() if isinstance(m, BATCH_NORMS) and m.track_running_stats]
    rows = by_key(data.keys, rows)
    inputs = of_dataset(data, rows, member.preprocessing)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for a plain mean over batches
        norm.train()
    with torch.no_grad():
        for cut in cuts(len(rows), batch, join_single=True) if norms else ():
            network(_batch(member, inputs, rows[cut], dtype_of(network)).x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return replace(member, network=network.eval())
