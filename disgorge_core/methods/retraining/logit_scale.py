"""How much surer the full training would have become: one factor for the logits of a short run.

Formula: once the records are fitted, the median margin m over them grows in training time t by
    dm/dt = (b / t_q) exp(-(m - m_q) / b) - L λ m,
and b is solved so that the curve goes from (t_q, m_q) through (t_p, m_p), the ends of two short runs. Its
end at T* gives the scale m(T*) / m_p. Without weight decay λ it is the log-law m = a + b ln t; with it
margins level off, as weights that shrink by a share shrink the margin by L times that share: L is
measured, by stretching all weights a little. With u = exp((m - m_q) / b): du/dt = 1/t_q - L λ m u / b.
Source: log growth, Soudry et al. (arXiv 1710.10345); margins of L-homogeneous networks, Lyu and Li
(arXiv 1906.05890); their sum, and its use here, are this project's own (`benchmarks/compressed_retrain.md`).
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core import metrics
from disgorge_core.errors import BadModel
from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import logits
from disgorge_core.training.loop import BATCH_NORMS
from disgorge_core.types import Array, Member, Model

STRETCH = 0.02  # of all weights, to see how the margin follows
STEPS, HALVINGS = 300, 40
SLOPES = (0.01, 100.0)  # the curve's b is looked for between them


def median_margin(model: Model, x: Any, y: Array) -> float:
    """The median margin of raw records."""
    return float(np.median(metrics.margins(logits(model, x), y)))


def grown(
    margins: tuple[float, float], times: tuple[float, float], end: float, decay: float
) -> float:
    """The scale: the margin at training time `end` over that of the longer of two runs (shorter first)."""
    (m_q, m_p), (t_q, t_p) = margins, times
    low, high = SLOPES
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        if _curve(m_q, middle, t_q, t_p, decay) < m_p:
            low = middle
        else:
            high = middle
    return _curve(m_q, math.sqrt(low * high), t_q, end, decay) / m_p


def _curve(m_q: float, b: float, t_q: float, end: float, decay: float) -> float:
    """The margin at `end`; implicit in the decay, so that no step overshoots."""
    m, u, step = m_q, 1.0, (end - t_q) / STEPS
    for _ in range(STEPS):
        u = (u + step / t_q) / (1 + step * decay * max(m, 0.0) / b)
        m = m_q + b * math.log(u)
    return m


def degree(model: Model, x: Any, y: Array) -> float:
    """L = d ln m / d ln θ: by how many shares the median margin follows a share of all weights.

    Batch norms read the batch here, as in training: frozen statistics do not follow the weights.
    """
    found = []
    for factor in (1.0, 1 + STRETCH):
        network = copy.deepcopy(model.network)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(factor)
        found.append(median_margin(_with(model, _reading_batches(network)), x, y))
    before, after = found
    return math.log(after / before) / math.log(1 + STRETCH) if min(found) > 0 else 0.0


def _reading_batches(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, BATCH_NORMS):
            module.running_mean = module.running_var = None
    return network


def scaled(model: Model, factor: float) -> Model:
    """The model with its last linear layer times a factor: where that is the last step, a temperature."""
    network = copy.deepcopy(model.network)
    head = head_of(network)
    with torch.no_grad():
        head.weight.mul_(factor)
        if head.bias is not None:
            head.bias.mul_(factor)
    return _with(model, network)


def is_temperature(model: Model, x: Any) -> bool:
    """Whether scaling the last linear layer scales the answers: not so before a norm, or with shared weights.

    Doubling is exact in floating point, so hardly any rounding is to be allowed for.
    """
    plain = replace(model, rule="mean")
    try:
        before, after = logits(plain, x), logits(scaled(plain, 2.0), x)
    except BadModel:
        return False
    return bool(np.abs(after - 2 * before).max() <= 1e-4 * np.abs(before).max())


def _with(model: Model, network: nn.Module) -> Model:
    return replace(model, members=(Member(network, model.preprocessing),))
