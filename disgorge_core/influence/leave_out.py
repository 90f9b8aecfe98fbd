"""Real trainings on random parts of the records: what leaving out does, measured instead of estimated.

The model is trained again, by its own recipe and in its own regime, on random parts of its records, each with
a seed of its own; each query's output is then regressed on which records were there (`datamodels`; Ilyas et
al. 2022, arXiv 2202.00622). It assumes nothing of the loss or the network, works for any number of networks,
and counts what a first-order estimate cannot see. It fails by noise: with fewer models than records a single
score is mostly noise and shrunk towards 0, and at half of the records each of them counts for more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.errors import NotApplicable
from disgorge_core.influence.contract import asked, outputs_of, scores_of
from disgorge_core.influence.datamodels import regress
from disgorge_core.models.prediction import logits
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.training import recipe_of, refit_many
from disgorge_core.types import SPLITS, Array, Dataset, Model, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class LeaveOut:
    """Regression of outputs on the records of many real trainings."""

    name = "leave_out"
    title = "Real retraining without them (datamodels)"
    unit = "Measured change of the output if the record had not been trained on, by regression on trainings."
    limits = "Dear, and noise with few trainings: single scores need more of them than there are records."
    order = 80

    models: int = param(50, help="Trainings on random parts of the records", min=4, max=100_000)
    share: float = param(0.5, help="Share of the records in each", min=0.01, max=0.99)
    seed: int = param(
        0, help="Seed of the parts and the trainings", min=0, max=2**30, advanced=True
    )

    @property
    def trainings(self) -> float:
        """Full trainings that it costs."""
        return self.models * self.share

    def score(
        self,
        model: Model,
        data: Dataset,
        train_rows: Array,
        query_rows: Array,
        *,
        target: str = "margin",
        report: Report = silent,
    ) -> Scores:
        """Scores of all pairs with standard errors; raises NotApplicable for a model without a recipe."""
        output = asked(model, train_rows, query_rows, target)
        recipe_of(model, None)
        masks = self._masks(data, train_rows)
        keep = np.zeros((self.models, len(data)), dtype=bool)
        keep[:, train_rows] = masks
        seeds = range(self.seed + 1, self.seed + 1 + self.models)
        stack = refit_many(model, data, keep, list(seeds), report=report)
        x, y = data.take(query_rows), data.y[query_rows]
        outputs = [outputs_of(logits(one, x), y, model.task, target) for one in stack.models]
        found = regress(masks, np.array(outputs))
        return scores_of(
            found.coefficients,
            data,
            train_rows,
            query_rows,
            unit=output,
            estimator=self.name,
            passes=stack.passes + self.models * len(query_rows),
            notes=(self._said(found.explained),),
            spread=found.error,
        )

    def _masks(self, data: Dataset, train_rows: Array) -> Array:
        """Bool (models, n_train): random parts of equal size."""
        n = len(train_rows)
        if n < 2 or (data.split[train_rows] != SPLITS.index("train")).any():
            raise NotApplicable(
                "The model cannot be trained again on parts of its records: they are not in the train split.",
                "Choose an estimator that trains nothing.",
            )
        size = min(n - 1, max(1, round(self.share * n)))
        order = np.random.default_rng(self.seed).random((self.models, n)).argsort(1)
        masks: Array = order < size
        return masks

    def _said(self, explained: float) -> str:
        part = f"{explained:.0%}" if explained > 0 else "none"
        return (
            f"Measured by {self.models:,} trainings on {self.share:.0%} of the records; of how outputs "
            f"differ between trainings that it has not seen, the regression explains {part}."
        )
