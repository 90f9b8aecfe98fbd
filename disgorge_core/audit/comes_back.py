"""What comes back of the removed records' trace when all models are trained further on some records."""

from __future__ import annotations

import numpy as np

from disgorge_core.audit import more_training as more
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.checks.trace import traces
from disgorge_core.audit.contract import estimates, interval_of, odds
from disgorge_core.audit.ranks import Ranked
from disgorge_core.errors import Diverged
from disgorge_core.metrics import spread
from disgorge_core.types import Array, Estimate, Finding, Marks, Recipe

RANGE = (
    "0 is where models stand after that which never saw the removed records, 1 where models stand that were "
    "trained on everything."
)
MARGINS = (
    "The trace could not be told from chance after that, so the mean margin on the records is compared (for "
    "numbers, minus the mean error)."
)


def price(marks: Marks, recipe: Recipe, epochs: int) -> float:
    """What it costs to train all models further for some epochs, in full trainings."""
    count = more.JUDGED + min(marks.references, more.REFERENCES) + min(marks.twins, more.TWINS)
    return count * epochs / recipe.epochs


def finding(
    bench: Bench, keep: Array, rows: Array, epochs: int, *, check: str, measure: str, says: str
) -> Finding:
    """The trace in the answers about these rows once all models were trained on keep (n,)."""
    try:
        again = more.laid(bench, more.further(bench, keep, epochs), rows)
    except Diverged:
        nothing = {"after": Estimate(np.nan, np.nan, np.nan, 0)}
        return Finding(check, measure, REMOVED, "share", nothing, says=more.DIVERGED)
    found = _trace(again) or _margin(again)
    values, ranked, unit, read = found
    named = measure if unit == "share" else measure.replace("Trace", "Mean margin")
    return Finding(check, named, REMOVED, unit, values, odds(ranked), says=f"{says} {read}")


Found = tuple[dict[str, Estimate], Ranked, str, str]


def _trace(again: Bench) -> Found | None:
    found = traces(again)
    if found is None:
        return None
    reach, count = found.reach(again.marks.level), len(found.references)
    values = {who: Estimate(s, s - reach, s + reach, count) for who, s in found.judged.items()}
    values["references"] = spread(found.references)
    values |= {"twins": spread(found.twins)} if len(found.twins) else {}
    return values, Ranked(found.judged, found.references), "share", RANGE


def _margin(again: Bench) -> Found:
    classes = again.task == "classification"
    each = {who: m if classes else -np.abs(m) for who, m in again.margins.items()}
    judged = {who: each[who] for who in again.judged}
    ranked = Ranked({who: float(m.mean()) for who, m in judged.items()}, each["references"].mean(1))
    values = estimates(ranked, interval_of(judged))
    return values, ranked, "nats" if classes else "unit of the target", MARGINS
