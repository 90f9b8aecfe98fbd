"""The best estimate that is to be had: influence functions averaged over several models.

The model is trained again from other seeds on the same records, each of them is scored, and the scores are
averaged. What a record does to one network is half chance of its seed; the mean over independent networks is
nearer to what leaving it out does, and more independent models help more than anything that is done with one
(Park et al. 2023, arXiv 2303.14186, section 3.2; here LDS on digits and on other data in
benchmarks/influence.md). It stays first order, and it speaks of the recipe: the given model is one in five.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.influence.contract import asked, one_network, scores_of
from disgorge_core.influence.several import Several
from disgorge_core.params import make, param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.training import recipe_of, refit_many
from disgorge_core.types import Array, Dataset, Model, Progress, Report, Scores, silent

TRAINED = 0.7  # share of the bar that the trainings take


@ESTIMATORS.register
@dataclass(frozen=True)
class Best:
    """Influence functions averaged over the model and others of its recipe."""

    name = "best"
    title = "Influence functions over several models"
    unit = "Estimated change of the output if the record had not been trained on, in the mean over seeds."
    limits = "Dear: it trains the other models first. First order, and of the recipe more than of this model."
    order = 40

    models: int = param(
        5, help="Models that are averaged, the given one among them", min=2, max=100
    )
    of: str = param(
        "ekfac",
        label="Scored by",
        help="What scores each of them",
        choices=("ekfac", "kfac", "last_layer", "trak"),
    )

    @property
    def trainings(self) -> float:
        """Full trainings that it costs."""
        return float(self.models - 1)

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
        """Mean scores of all pairs and their standard errors; raises NotApplicable without a recipe."""
        output = asked(model, train_rows, query_rows, target)
        one_network(model)
        recipe, others = recipe_of(model, None), self.models - 1
        keep = np.isin(np.arange(len(data)), train_rows)
        stack = refit_many(
            model,
            data,
            np.repeat(keep[None], others, 0),
            [recipe.seed + 1 + k for k in range(others)],
            report=_between(report, 0.0, TRAINED),
        )
        inner, several, passes = make(ESTIMATORS[self.of], {}), Several(), stack.passes
        for k, one in enumerate((model, *stack.models)):
            low, high = (TRAINED + (1 - TRAINED) * part / self.models for part in (k, k + 1))
            found = inner.score(
                one, data, train_rows, query_rows, target=target, report=_between(report, low, high)
            )
            several.add(found.matrix)
            passes += found.passes
        return scores_of(
            several.mean,
            data,
            train_rows,
            query_rows,
            unit=output if self.of != "trak" else found.unit,
            estimator=self.name,
            passes=passes,
            notes=(f"The mean over {self.models} models of one recipe.", *found.notes),
            spread=several.error,
        )


def _between(report: Report, low: float, high: float) -> Report:
    return lambda p: report(Progress(low + (high - low) * p.share, p.message, p.figures))
