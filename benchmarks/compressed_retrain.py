"""Closeness to references against cost on digits-mislabelled: python benchmarks/compressed_retrain.py [M]

KLoM (`metrics.klom`): KL between the histograms of two ensembles' margins, M models each, at each record;
the mean over the forget set F, a sample of the retain set R, and the test records T. The floor is a second
ensemble of references. KLoM falls with M, so only figures of one run may be compared. Cost counts
record-passes, in shares of one full training. FA is the accuracy on F's wrong labels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from disgorge_core import metrics, training
from disgorge_core.disgorging import disgorge
from disgorge_core.models.prediction import logits
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe

RETAINED = 300  # kept records that are looked at
ROWS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("fine-tuning", "finetune", {}),
    ("NegGrad+", "neg_grad_plus", {}),
    ("short retrain, 10 %", "compressed_retrain", {"budget": 0.1}),
    ("short retrain, 20 %", "compressed_retrain", {"budget": 0.2}),
    ("short retrain, 30 %", "compressed_retrain", {"budget": 0.3}),
)


def references(
    data: Dataset, keep: Array, architecture: str, settings: Mapping[str, int], recipe: Recipe,
    seeds: Sequence[int],
) -> training.Stack:  # fmt: skip
    masks = np.repeat(keep[None], len(seeds), axis=0)
    return training.fit_many(data, architecture, recipe, masks, seeds, settings=settings, workers=1)


def parts(data: Dataset, keep: Array, forget: Array) -> dict[str, Array]:
    """Rows of F, of a sample of R and of T."""
    kept = np.flatnonzero(keep & (data.split == 0))
    sample = kept[np.linspace(0, len(kept) - 1, RETAINED).astype(int)]
    return {"F": np.flatnonzero(forget), "R": sample, "T": data.rows("test")}


def line(
    data: Dataset, rows: Mapping[str, Array], theirs: Array, name: str, ours: Array, cost: float
) -> str:
    """One row of the table; logits are (M, n, classes)."""
    found = [name.ljust(22), f"{cost:5.2f}"]
    right = np.mean([metrics.accuracy(z[rows["F"]], data.y[rows["F"]]).value for z in ours])
    found.append(f"{100 * right:6.1f}")
    for where in rows.values():
        a, b = (
            np.stack([metrics.margins(z[where], data.y[where]) for z in e]) for e in (ours, theirs)
        )
        found.append(f"{metrics.klom(a, b).mean():6.2f}")
    return "  ".join(found)


def disgorged(
    originals: Sequence[Model],
    data: Dataset,
    forget: ForgetSet,
    method: str,
    settings: Mapping[str, float],
) -> tuple[Array, float, str]:
    """Logits of one result for each original, the mean cost, and how often the scale was paired."""
    outcomes = [
        disgorge(model, data, forget, method, seed=1000 + k, settings=settings)
        for k, model in enumerate(originals)
    ]
    paired = sum(outcome.figures.get("paired", 0) for outcome in outcomes)
    cost = float(np.mean([outcome.cost.of_full for outcome in outcomes]))
    said = f"  (paired scale in {paired:g} of {len(outcomes)})" if paired else ""
    return np.stack([logits(o.model, data.x) for o in outcomes]), cost, said


def main(models: int = 6, say: Callable[[str], None] = print) -> None:
    """Print the table for ensembles of this many models."""
    example, started = EXAMPLES["digits-mislabelled"](), time.perf_counter()
    data = example.dataset()
    forget = example.suggested(data)[0]
    planned = example.models[0]
    mask, blueprint = forget.mask(data), (planned.architecture, planned.settings, planned.recipe)
    rows = parts(data, ~mask, mask)
    everything = np.ones(len(data), dtype=bool)
    originals = references(data, everything, *blueprint, list(range(models))).models
    first, second = (
        references(data, ~mask, *blueprint, list(range(start, start + models))).logits(data.x)
        for start in (100, 200)
    )
    say(f"{models} models a side, |F| = {mask.sum()}, recipe {planned.recipe}")
    say("  ".join(["".ljust(22), " cost", "    FA", *(f"KLoM {part}" for part in rows)]))
    say(
        line(
            data,
            rows,
            first,
            "references (floor)",
            second,
            float((~mask & (data.split == 0)).sum() / 1000),
        )
    )
    untouched = np.stack([logits(model, data.x) for model in originals])
    say(line(data, rows, first, "nothing done", untouched, 0.0))
    for name, method, settings in ROWS:
        ours, cost, said = disgorged(originals, data, forget, method, settings)
        say(line(data, rows, first, name, ours, cost) + said)
    say(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
