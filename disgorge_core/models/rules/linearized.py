"""A core network's logits, and to first order what user weights add: f(x; w) + J(x) u.

Artefacts: `linearized_user` u (p,), and `linearized_layers`, how many last layers it moves. With u = 0 the
answers are the core's, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disgorge_core.models.expansion import Expansion
from disgorge_core.models.prediction import mean_logits
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model

USER, LAYERS = "linearized_user", "linearized_layers"


@RULES.register
class Linearized:
    """Core answers plus the linear part of the user weights."""

    name = "linearized"
    says = "its core network's logits plus what linear user weights add"
    behind = "linearized"

    @staticmethod
    def weights(model: Model) -> list[Array]:
        """The user weights, which count where two models are compared."""
        return [np.asarray(model.artefacts[USER])]

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Logits (n, classes)."""
        core, user = mean_logits(model, x), model.artefacts[USER]
        if not len(x) or not user.any():
            return core
        expansion = Expansion(model.members[0], int(model.artefacts[LAYERS][0]))
        added = torch.cat([expansion.along(z, user) for z in expansion.read(x)]).numpy()
        found: Array = (core.astype(np.float64) + added).astype(core.dtype)
        return found
