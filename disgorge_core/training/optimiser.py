"""SGD with momentum and Adam, as torch defines them, for one model or for a stack of models.

SGD: g += l2 θ, v = m v + g, θ -= lr v. Adam (Kingma & Ba 2015, Algorithm 1, β2 = 0.999, ε = 1e-8): the
L2 term is part of the gradient, as in torch.optim.Adam(weight_decay=l2). In a stack the first axis of
each tensor counts models, and each model has its own rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from disgorge_core.types import Recipe

SECOND_MOMENT, EPSILON = 0.999, 1e-8


def rate(recipe: Recipe, step: Any, steps: Any) -> Any:
    """Learning rate of a step (counted from 0) of a training of `steps` steps; arrays go through."""
    done = step / steps
    if recipe.schedule == "linear":
        return recipe.lr * (1 - done)
    if recipe.schedule == "cosine":
        return recipe.lr * (1 + np.cos(math.pi * done)) / 2
    return recipe.lr * np.ones_like(done)


class Optimiser:
    """The state of one optimiser over a list of tensors, which it changes in place."""

    def __init__(self, recipe: Recipe, parameters: Sequence[Tensor]) -> None:
        self.recipe = recipe
        self.first = [torch.zeros_like(p, requires_grad=False) for p in parameters]
        adam = recipe.optimiser == "adam"
        self.second = [torch.zeros_like(p, requires_grad=False) for p in parameters if adam]
        self.count = 0

    @torch.no_grad()
    def step(self, parameters: Sequence[Tensor], grads: Sequence[Tensor], rates: Any) -> None:
        """One step; `rates` is one number, or an array (K,) for a stack."""
        self.count += 1
        advance = self._adam if self.second else self._sgd
        for index, (parameter, grad) in enumerate(zip(parameters, grads, strict=True)):
            if self.recipe.l2:
                grad = grad.add(parameter, alpha=self.recipe.l2)
            parameter.sub_(advance(index, grad) * _shaped(rates, parameter))

    def keep_first(self, models: int) -> None:
        """Go on with the first models of a stack only."""
        if self.first and len(self.first[0]) == models:
            return
        self.first = [state[:models] for state in self.first]
        self.second = [state[:models] for state in self.second]

    def _sgd(self, index: int, grad: Tensor) -> Tensor:
        if self.recipe.momentum == 0:
            return grad
        return self.first[index].mul_(self.recipe.momentum).add_(grad)

    def _adam(self, index: int, grad: Tensor) -> Tensor:
        beta = self.recipe.momentum
        first = self.first[index].lerp_(grad, 1 - beta)
        second = self.second[index].mul_(SECOND_MOMENT)
        second.addcmul_(grad, grad, value=1 - SECOND_MOMENT)
        spread = second.sqrt().div_(math.sqrt(1 - SECOND_MOMENT**self.count)).add_(EPSILON)
        return (first / (1 - beta**self.count)).div_(spread)


def _shaped(rates: Any, parameter: Tensor) -> Any:
    if np.size(rates) == 1:
        return float(np.reshape(rates, ()))
    return torch.from_numpy(rates).to(parameter.dtype).view(-1, *[1] * (parameter.dim() - 1))
