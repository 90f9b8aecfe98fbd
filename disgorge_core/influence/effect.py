"""What a removal is expected to do to answers, before anything runs: accuracy, loss and margins."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import metrics
from disgorge_core.curvature import Curvature
from disgorge_core.influence.contract import outputs_of
from disgorge_core.influence.curved import predicted_change
from disgorge_core.models.prediction import mean_logits
from disgorge_core.types import Array, Dataset, Model


@dataclass(frozen=True, eq=False)
class Effect:
    """Outputs (m, c) of query rows now, and as expected without the forget set."""

    before: Array
    after: Array
    y: Array
    task: str

    @property
    def quality(self) -> tuple[float, float]:
        """Accuracy now and expected; root mean squared error for regression."""
        both = self.before, self.after
        now, then = (metrics.quality(z, self.y, self.task).value for z in both)
        return now, then

    @property
    def standing(self) -> Array:
        """Expected change (m,) of each margin, or residual for regression."""
        now, then = (metrics.standing(z, self.y, self.task) for z in (self.before, self.after))
        return then - now

    @property
    def loss(self) -> tuple[float, float]:
        """Mean loss now and expected: nats, or half the squared error for regression."""
        now, then = (float(self._losses(z).mean()) for z in (self.before, self.after))
        return now, then

    def _losses(self, z: Array) -> Array:
        return outputs_of(z, self.y, self.task, "loss")


def predicted_effect(
    model: Model, data: Dataset, forget: Array, query_rows: Array, curvature: Curvature
) -> Effect:
    """Answers for the query rows now and as expected if the rows of `forget` (n,) had not been trained on."""
    before = mean_logits(model, data.take(query_rows))
    change = predicted_change(model, data, forget, query_rows, curvature)
    return Effect(before, before + change, data.y[query_rows], model.task)
