"""One training of any network: the plain loop, for convolutions, batch norms and wrapped modules.

BatchNorm learns its buffers from the batches, so from the kept records only; a last batch of a single
record, which has no variance, joins the batch before it. Dropout layers are keyed by record; what else
a wrapped module draws at random comes from torch's generator, seeded for the training.

A task with a log takes its batches from there: a batch without records, or with a single one where there
is a BatchNorm, is passed over, and the schedule goes on as if it had been.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.training.blueprint import learning
from disgorge_core.training.dropout import KeyedDropout
from disgorge_core.training.inputs import Inputs, gathered, network_input, read_by, targets
from disgorge_core.training.losses import losses
from disgorge_core.training.optimiser import Optimiser, rate
from disgorge_core.training.order import cuts, epoch_order
from disgorge_core.training.task import Task
from disgorge_core.training.ticker import Ticker, check_finite
from disgorge_core.types import Array, Recipe

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def train(task: Task, inputs: Inputs, recipe: Recipe, ticker: Ticker) -> None:
    """Train the task's network in place; raises Diverged, and Cancelled from the report."""
    dropout, inputs = KeyedDropout(), read_by(inputs, task.preprocessing)
    task.network.train(recipe.trainable == "all")
    with torch.random.fork_rng(devices=[]), dropout.inside(task.network):
        torch.manual_seed(task.seed)
        _epochs(task, inputs, recipe, ticker, dropout)
    task.network.eval()
    check_weights(list(task.network.state_dict().values()), recipe, task.label)


def _epochs(
    task: Task, inputs: Inputs, recipe: Recipe, ticker: Ticker, dropout: KeyedDropout
) -> None:
    network, keys = task.network, inputs.keys[task.rows]
    join = joins_single(network)
    log = task.log or even_log(len(keys), recipe, join)
    least = 2 if task.log and join else 1
    step, steps = -1, sum(map(len, log))
    names = learning(network, recipe)
    parameters = [network.get_parameter(name) for name in names]
    optimiser = Optimiser(recipe, parameters)
    for epoch in range(recipe.epochs):
        order = task.rows[epoch_order(keys, task.seed, epoch)]
        for rows in np.split(order, np.cumsum(log[epoch])[:-1]):
            step += 1
            if len(rows) < least:
                continue
            dropout.at(inputs.keys[rows], task.seed, epoch)
            loss = _loss(task, inputs, rows, recipe, epoch)
            grads = torch.autograd.grad(loss, parameters, materialize_grads=True)
            check_finite(float(loss.detach()), recipe, epoch, task.label)
            optimiser.step(parameters, grads, float(rate(recipe, step, steps)))
            ticker.step(len(rows), float(loss.detach()), f"epoch {epoch + 1} of {recipe.epochs}")


def joins_single(network: nn.Module) -> bool:
    """Whether a batch of a single record says nothing to it: it has batch norms."""
    return any(isinstance(m, BATCH_NORMS) for m in network.modules())


def even_log(n: int, recipe: Recipe, join: bool) -> tuple[Array, ...]:
    """Records of each batch, the same in each epoch, for n records."""
    sizes = [min(n, cut.stop) - cut.start for cut in cuts(n, recipe.batch, join_single=join)]
    return (np.array(sizes, dtype=np.int32),) * recipe.epochs


def _loss(task: Task, inputs: Inputs, rows: Array, recipe: Recipe, epoch: int) -> Tensor:
    raw = gathered(inputs, rows, recipe, task.seed, epoch)
    x = network_input(task.preprocessing, inputs, raw, recipe.dtype)
    return losses(task.network(x), targets(inputs, rows, recipe.dtype), inputs.task).mean()


def check_weights(tensors: list[Tensor], recipe: Recipe, label: str) -> None:
    """Raise Diverged where the last step left weights that are not finite."""
    total = sum(float(t.detach().double().sum()) for t in tensors if t.is_floating_point())
    check_finite(total, recipe, recipe.epochs - 1, label)
