"""A model before and after a removal, beside references that never saw the removed records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from disgorge_core import metrics
from disgorge_core.data.columns import grouped
from disgorge_core.models.prediction import logits, softmax, withheld
from disgorge_core.types import SPLITS, Array, Dataset, Estimate, Model

REMOVED, KEPT, VALIDATION, TEST = "Removed records", "Kept records", "Validation", "Test"
SETS = (REMOVED, KEPT, VALIDATION, TEST)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Logits (n, classes) of every record before and after, and of M references (M, n, classes).

    `forget` (n,) marks the removed records, `excluded` (n,) those of earlier requests as well;
    `withheld` (n,) marks the answers that an output guard of the later model does not give.
    """

    before: Array
    after: Array
    references: Array
    forget: Array
    excluded: Array
    withheld: Array

    def arrays(self) -> dict[str, Array]:
        """All fields by name, to be stored."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Comparison:
        """The comparison whose fields were stored; other arrays are ignored."""
        return cls(**{name: np.asarray(arrays[name]) for name in cls.__dataclass_fields__})


def compare(
    before: Model,
    after: Model,
    data: Dataset,
    forget: Array,
    references: Iterable[Model] = (),
    excluded: Array | None = None,
) -> Comparison:
    """Every record's logits under the two models and the references; `forget` is bool (n,)."""
    first = logits(before, data.x).astype(np.float32)
    stack = [logits(model, data.x).astype(np.float32) for model in references]
    return Comparison(
        before=first,
        after=logits(after, data.x).astype(np.float32),
        references=np.stack(stack) if stack else np.zeros((0, *first.shape), np.float32),
        forget=forget,
        excluded=forget if excluded is None else forget | excluded,
        withheld=withheld(after, data.x),
    )


def sets(c: Comparison, data: Dataset) -> dict[str, Array]:
    """Masks (n,) of the four sets; removed records in validation or test are taken out there."""
    train, validation, test = (data.split == code for code in range(len(SPLITS)))
    return {
        REMOVED: c.forget & train,
        KEPT: train & ~c.excluded,
        VALIDATION: validation & ~c.excluded,
        TEST: test & ~c.excluded,
    }


def each_reference(c: Comparison, data: Dataset, masks: Iterable[Array]) -> list[list[float]]:
    """The score of every reference on each mask (n,): what the range of `overview` is the range of."""
    return [
        [metrics.quality(z[mask], data.y[mask], data.task).value for z in c.references]
        for mask in masks
    ]


def overview(c: Comparison, data: Dataset) -> pd.DataFrame:
    """One row a set: its size, the score before and after with 95 % intervals, and the references'."""
    masks = {name: mask for name, mask in sets(c, data).items() if mask.any()}
    return pd.DataFrame([_row(c, data, mask, {"set": name}) for name, mask in masks.items()])


def by_class(c: Comparison, data: Dataset, name: str = TEST) -> pd.DataFrame:
    """One row a class of the records of one set, as in `overview`."""
    inside = sets(c, data)[name]
    masks = [(label, inside & (data.y == code)) for code, label in enumerate(data.classes)]
    rows = [_row(c, data, mask, {"class": label}) for label, mask in masks if mask.any()]
    return pd.DataFrame(rows)


def by_group(c: Comparison, data: Dataset, column: str, name: str = KEPT) -> pd.DataFrame:
    """One row for each value of a column (the largest first) or range of its numbers, as in `overview`."""
    inside, values = sets(c, data)[name], grouped(data, column)
    counts = values[inside].value_counts(sort=not values.cat.ordered)
    order = [str(value) for value in counts.index[counts > 0]]
    return pd.DataFrame(
        [_row(c, data, inside & (values == value).to_numpy(), {"group": value}) for value in order]
    )


def _row(c: Comparison, data: Dataset, mask: Array, head: dict[str, str]) -> dict[str, object]:
    before = metrics.quality(c.before[mask], data.y[mask], data.task)
    after = metrics.quality(c.after[mask], data.y[mask], data.task)
    values = [metrics.quality(z[mask], data.y[mask], data.task).value for z in c.references]
    return {**head, "n": int(mask.sum()), **_flat("before", before), **_flat("after", after),
            **_spread(values)}  # fmt: skip


def _flat(name: str, e: Estimate) -> dict[str, float]:
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {
            "references": 0,
            "reference": np.nan,
            "reference_low": np.nan,
            "reference_high": np.nan,
        }
    return {
        "references": len(values),
        "reference": float(np.median(values)),
        "reference_low": float(min(values)),
        "reference_high": float(max(values)),
    }


def records(c: Comparison, data: Dataset, rows: Array) -> pd.DataFrame:
    """One row a record: prediction and probability of its label before, after and by the references."""
    if data.task == "regression":
        return _values(c, data, rows)
    y = data.y[rows]
    pick = np.arange(len(rows))
    p = {"before": softmax(c.before[rows])[pick, y], "after": softmax(c.after[rows])[pick, y]}
    names = np.array(data.classes, dtype=object)
    frame = pd.DataFrame(
        {
            "id": data.ids[rows],
            "set": set_names(c, data)[rows],
            "label": names[y],
            "predicted before": names[c.before[rows].argmax(1)],
            "predicted after": np.where(
                c.withheld[rows], "(withheld)", names[c.after[rows].argmax(1)]
            ),
            "label before": p["before"],
            "label after": p["after"],
            "changed": metrics.flips(c.before[rows], c.after[rows]) | c.withheld[rows],
        }
    )
    if len(c.references):
        by_reference = softmax(c.references[:, rows])[:, pick, y]
        frame["label by references"] = np.median(by_reference, axis=0)
        frame["references low"] = by_reference.min(0)
        frame["references high"] = by_reference.max(0)
    return frame


def _values(c: Comparison, data: Dataset, rows: Array) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"id": data.ids[rows], "set": set_names(c, data)[rows], "target": data.y[rows],
         "before": c.before[rows, 0], "after": c.after[rows, 0]}
    )  # fmt: skip
    if len(c.references):
        frame["references"] = np.median(c.references[:, rows, 0], axis=0)
    return frame


def set_names(c: Comparison, data: Dataset) -> Array:
    """Name (n,) of the set that each record is in."""
    names = np.where(c.forget, "Removed, not used in training", "Removed earlier").astype(object)
    for name, mask in sets(c, data).items():
        names[mask] = name
    return names


def closeness(c: Comparison, data: Dataset) -> pd.DataFrame:
    """One row a set: mean distance of the answers to those of the references, before and after.

    Of classes it is the Jensen-Shannon divergence (nats), of numbers the absolute difference (units of the
    target). The floor is the same between pairs of references: two honest retrainings differ by that much.
    """
    if len(c.references) < 2:
        return pd.DataFrame()
    masks = {name: mask for name, mask in sets(c, data).items() if mask.any()}
    return pd.DataFrame([_closeness(c, mask, name, data.task) for name, mask in masks.items()])


def _closeness(c: Comparison, mask: Array, name: str, task: str) -> dict[str, object]:
    references = _answers(c.references[:, mask], task)
    before, after = _answers(c.before[mask], task), _answers(c.after[mask], task)
    to = {
        "before": [_apart(before, other, task) for other in references],
        "after": [_apart(after, other, task) for other in references],
        "floor": [_apart(one, other, task) for one, other in combinations(references, 2)],
    }
    return {"set": name, "n": int(mask.sum()), **_ranges(to)}


def _answers(outputs: Array, task: str) -> Array:
    return outputs.astype(np.float64) if task == "regression" else softmax(outputs)


def _apart(one: Array, other: Array, task: str) -> float:
    apart = np.abs(one - other) if task == "regression" else metrics.js(one, other)
    return float(apart.mean())


def _ranges(values: Mapping[str, list[float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, numbers in values.items():
        found[name] = float(np.mean(numbers))
        found[f"{name}_low"], found[f"{name}_high"] = float(min(numbers)), float(max(numbers))
    return found


def confusions(c: Comparison, data: Dataset, name: str = TEST) -> dict[str, Array]:
    """Counts (classes, classes), label by prediction, before and after, on one set."""
    mask = sets(c, data)[name]
    return {
        "before": metrics.confusion(c.before[mask], data.y[mask], len(data.classes)),
        "after": metrics.confusion(c.after[mask], data.y[mask], len(data.classes)),
    }
