"""The recipe that a scikit-learn estimator was fitted by, in our words, where there is one.

Their sums are our means: C Σ ℓ + ½ ‖w‖² is n C (mean ℓ + ½ ‖w‖² / (C n)), so L2 = 1 / (C n); with one score
for two classes as two logits ±s/2 the same term is spread over both rows and L2 = 2 / (C n). Ridge: Σ r² +
α ‖w‖² is 2 n (mean ½ r² + ½ ‖w‖² α / n). An MLP's α is divided by the records of each batch. When records
leave, L2 of the mean loss stays; in scikit-learn's words C grows, and α falls, with the records that stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from disgorge_core.types import Recipe

EPOCHS, STEPS = 100, 1500  # of a logistic model: the larger of both is taken
MOST_EPOCHS = 400
INTERCEPT = "scikit-learn leaves the intercept free; here L2 holds it back a little, too."
DRAWN = "scikit-learn draws start weights in another way, so a retrained network differs by chance."
SCALINGS = {
    (("standard",), ("standard",)): "standard",
    (("standard",), ()): "standard",
    ((), ("standard",)): "standard",
    (("standard",), ("none",)): "numbers",
    (("range",), ("none",)): "range",
    (("range",), ()): "range",
    (("none",), ("none",)): "none",
    (("none",), ()): "none",
    ((), ("none",)): "none",
}


class Read(Protocol):
    """What is asked of a column that the pipeline reads."""

    @property
    def name(self) -> str:
        """The column's name."""
        ...

    @property
    def features(self) -> tuple[Mapping[str, Any], ...]:
        """The estimator's inputs that come from it."""
        ...

    @property
    def values(self) -> tuple[str, ...] | None:
        """Its known categories; None for a number."""
        ...

    @property
    def gaps(self) -> bool:
        """Whether the dataset lacks values here."""
        ...

    @property
    def fill(self) -> str | None:
        """The category that stands for a missing one."""
        ...


@dataclass(frozen=True)
class Found:
    """A recipe for n training records, None where there is none, and why in `notes`."""

    scaling: str
    make: Callable[[int], Recipe] | None = None
    architecture: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    regime: str = "plain"
    notes: tuple[str, ...] = ()


def recipe_of(about: Mapping[str, Any], sources: Sequence[Read]) -> Found:
    """The recipe of the estimator on columns that are scaled and filled as here, or why there is none."""
    scaling = scaling_of(sources)
    kind, settings = about["estimator"], about["settings"]
    exact = kind == "LinearRegression"  # whatever the scaling, least squares gives the same answers
    reason = "" if scaling or exact else "its columns are scaled in ways that are not used here."
    reason = reason or _why_not(kind, settings, scaling)
    used = scaling or "standard"
    if reason:
        return Found(used, notes=(f"Its recipe cannot be stated: {reason}",))
    if kind in ("Ridge", "RidgeClassifier", "LinearRegression"):
        found = _ridge(settings, "standard" if exact and used == "range" else used)
    else:
        found = _logistic(about, used) if kind == "LogisticRegression" else _mlp(about, used)
    return replace(found, notes=(*found.notes, *_differences(used, sources)))


def scaling_of(sources: Sequence[Read]) -> str:
    """How all columns were scaled, as `Preprocessing.scaling`; empty where in several ways."""
    numbers = {f["scaled"] for s in sources if s.values is None for f in s.features}
    categories = {f["scaled"] for s in sources if s.values is not None for f in s.features}
    return SCALINGS.get((tuple(sorted(numbers)), tuple(sorted(categories))), "")


def _differences(scaling: str, sources: Sequence[Read]) -> list[str]:
    """Where training again here is close to the file's recipe, not equal."""
    found = []
    if not all(f["whole"] for s in sources for f in s.features):
        found.append("The encoder leaves a category out; trained again here, each has an input.")
    for source in sources:
        means = scaling in ("standard", "numbers") and _fills_with_mean(source)
        if source.gaps and not (source.values is None and means) and _fills(source):
            usual = "by the mean" if source.values is None else "as none of the categories"
            found.append(f"Trained again here, missing values of {source.name!r} are read {usual}.")
    return found


def _fills(source: Read) -> bool:
    return source.fill is not None or any(f["missing"] is not None for f in source.features)


def _fills_with_mean(source: Read) -> bool:
    """After scaling to mean 0 the mean stands at 0."""
    return all(f["missing"] is not None and abs(f["missing"]) < 1e-6 for f in source.features)


def _why_not(kind: str, settings: Mapping[str, Any], scaling: str) -> str:
    if settings.get("class_weight") is not None:
        return "it weighs its classes."
    if settings.get("fit_intercept") is False or settings.get("positive"):
        return "its weights are restricted."
    if kind == "LogisticRegression":
        if settings.get("penalty") in ("l1", "elasticnet") or settings.get("l1_ratio"):
            return "it has an L1 term."
        if scaling == "none":
            return "its columns are not scaled, so steps along the gradient would not get there."
    if kind in ("Ridge", "RidgeClassifier") and scaling == "range":
        return "sums do not hold the range of a column."
    if kind.startswith("MLP") and settings.get("solver") != "adam":
        return "only its solver adam is used here, too."
    return ""


def _ridge(settings: Mapping[str, Any], scaling: str) -> Found:
    alpha = float(settings.get("alpha") or 0.0)
    return Found(
        scaling, lambda n: Recipe(l2=alpha / n, dtype="float64"), "ridge",
        {"blocks": 64, "intercept": "free"}, "closed form",
    )  # fmt: skip


def _logistic(about: Mapping[str, Any], scaling: str) -> Found:
    c = about["settings"].get("C", 1.0)
    strength = 0.0 if about["settings"].get("penalty") is None or c == "inf" else 1 / float(c)
    share = 2.0 if len(about["classes"]) == 2 else 1.0
    steepest = _steepest(len(about["features"]))

    def make(n: int) -> Recipe:
        batch = int(np.clip(n // 20, 8, 512))
        epochs = int(np.clip(STEPS * batch // n, EPOCHS, MOST_EPOCHS))
        return Recipe(
            epochs=epochs, lr=steepest, batch=batch, l2=share * strength / n, dtype="float64"
        )

    free = about["settings"].get("solver") != "liblinear"
    return Found(scaling, make, "linear", notes=(INTERCEPT,) if free else ())


def _steepest(inputs: int) -> float:
    """A rate at which momentum 0.9 is stable for scaled inputs: their curvature is below inputs / 4."""
    return float(min(0.1, 4 / inputs))


def _mlp(about: Mapping[str, Any], scaling: str) -> Found:
    own = about["settings"]

    def make(n: int) -> Recipe:
        batch = min(200, n) if own["batch_size"] == "auto" else min(int(own["batch_size"]), n)
        return Recipe(
            epochs=int(own["n_iter_"]), lr=float(own["learning_rate_init"]), batch=batch,
            optimiser="adam", momentum=float(own["beta_1"]), l2=float(own["alpha"]) / batch,
            schedule="constant", dtype="float64",
        )  # fmt: skip

    return Found(scaling, make, notes=(DRAWN,))
