"""Batch norms hold means and variances of the training records: estimate them again on the kept ones."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from disgorge_core.models.prediction import inputs
from disgorge_core.types import Array, Dataset, Member, Model

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
BATCH = 256


def has_batch_norm(model: Model) -> bool:
    """Whether any network of the model carries batch statistics."""
    return any(isinstance(m, NORMS) for member in model.members for m in member.network.modules())


def on_kept(model: Model, data: Dataset, keep: Array) -> Model:
    """The model with batch statistics of the kept records (n,) bool only; itself if it has none."""
    if not has_batch_norm(model):
        return model
    members = tuple(_estimated(member, data, keep) for member in model.members)
    return replace(model, members=members)


def _estimated(member: Member, data: Dataset, keep: Array) -> Member:
    network = copy.deepcopy(member.network).eval()
    norms = [m for m in network.modules() if isinstance(m, NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None  # the plain average over all batches
    x = data.take(keep.nonzero()[0])
    with torch.no_grad():
        for start in range(0, len(x), BATCH):
            part = x[start : start + BATCH]
            if len(part) > 1:  # one record has no variance
                network(inputs(member, part))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return Member(network.eval(), member.preprocessing)
