"""What lies on the bench: the answers of every model that the audit looks at, on the same records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from disgorge_core import metrics
from disgorge_core.types import Array, Dataset, Marks, Model, Report, silent

REMOVED, KEPT, TEST = "Removed records", "Kept records", "Test"
MOST = 5000  # kept records, and test records, that are looked at
LEAST_MARGIN = 0.01  # nats: moves a probability by at most a quarter of a percentage point
LEAST_RESIDUAL = 0.01  # of the targets' standard deviation
JUDGED = ("before", "after", "control", "placebo")


@dataclass(frozen=True, eq=False)
class Bench:
    """Logits (m, c) of the judged models, (N, m, c) of references, (M, m, c) of twins on m records.

    `sets` marks which of the m records were removed, kept, or are test records; `rows` are their rows in
    the dataset. `judged` holds "before", "after" and, where there is one, "control" (a reference that takes
    the method's place) and "placebo" (the method on random kept records, bool `placebo_set` (m,)).
    `models`, `reference_models` and `twin_models` are those that gave the answers, in the same order; `keep`
    (n,) are all training records that stay. Checks that take long tell `report` how far they are.
    `repeated` (K, m, c) are the answers of what the method made of the first K twins, twin by twin, and
    `repeated_placebo` those of what it made of them on the placebo set.
    """

    data: Dataset
    rows: Array
    sets: Mapping[str, Array]
    judged: Mapping[str, Array]
    references: Array
    twins: Array
    marks: Marks
    placebo_set: Array | None = None
    models: Mapping[str, Model] = field(default_factory=dict)
    reference_models: Sequence[Model] = ()
    twin_models: Sequence[Model] = ()
    keep: Array | None = None
    report: Report = silent
    repeated: Array | None = None
    repeated_placebo: Array | None = None

    @property
    def y(self) -> Array:
        """Labels or targets (m,)."""
        return self.data.y[self.rows]

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return self.data.task

    @cached_property
    def least(self) -> float:
        """A difference of margin (nats) or residual (target's unit) that counts as none."""
        if self.task == "classification":
            return LEAST_MARGIN
        return LEAST_RESIDUAL * float(np.std(self.data.y)) or LEAST_RESIDUAL

    @cached_property
    def margins(self) -> Mapping[str, Array]:
        """Margins or residuals: (m,) of each judged model, (N, m) "references", (M, m) "twins"."""
        found = {name: self._standing(z) for name, z in self.judged.items()}
        return found | {"references": self._all(self.references), "twins": self._all(self.twins)}

    @cached_property
    def ensembles(self) -> Mapping[str, Array]:
        """Margins or residuals (K, m) of many models "before" (the twins), "after", and "placebo"."""
        stacks = {"before": self.twins, "after": self.repeated, "placebo": self.repeated_placebo}
        return {who: self._all(z) for who, z in stacks.items() if z is not None and len(z)}

    def stays(self, name: str, who: str) -> Array:
        """Mask (m,) of a set of records for a judged model: what the placebo removed is not kept by it."""
        inside = self.sets[name]
        if who != "placebo" or name != KEPT or self.placebo_set is None:
            return inside
        left = inside & ~self.placebo_set
        return left if left.any() else inside

    def _all(self, stack: Array) -> Array:
        rows = [self._standing(z) for z in stack]
        return np.stack(rows) if rows else np.zeros((0, len(self.rows)))

    def _standing(self, z: Array) -> Array:
        return metrics.standing(z, self.y, self.task)


def looked_at(
    data: Dataset, forget: Array, keep: Array, gone: Array, seed: int
) -> Mapping[str, Array]:
    """Rows of the dataset for each set: all removed records, and of the others at most `MOST`.

    Masks are bool (n,): `forget` was trained on, `keep` stays, `gone` were asked for earlier. Where there is
    no test split, validation stands in for it.
    """
    rng = np.random.default_rng(seed)
    test = data.rows("test") if len(data.rows("test")) else data.rows("validation")
    test = test[~(forget | gone)[test]]
    return {
        REMOVED: np.flatnonzero(forget),
        KEPT: _sample(np.flatnonzero(keep), rng),
        TEST: _sample(test, rng),
    }


def _sample(rows: Array, rng: np.random.Generator) -> Array:
    return np.sort(rng.choice(rows, MOST, replace=False)) if len(rows) > MOST else rows
