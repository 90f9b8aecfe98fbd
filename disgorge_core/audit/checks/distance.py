"""Distance to the references: are the answers those of a model that never saw the records?

For each record, z is the margin's distance from the references' mean, as far as it is more than `least`,
which counts as none, in their standard deviations: z = sign(d) max(0, |d| - least) / √(var + least²) with
d = m - mean. So models that do not vary with the seed (closed forms) may differ by a rounding. T is the mean
of z² over a set. T of the model is ranked among the T of the references, each against the others, so that
p ≥ 1 / (N + 1).

Large T on the removed records means a trace, or that they were pushed away too far; on kept and test
records that the method changed what it should not. A recipe that differs from the model's is seen here as
well. Few odd records in a large set are diluted: see `worst`. The placebo is judged, and ranked, on what it
kept itself. Margins: Georgiev et al., arXiv 2410.23232.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.audit.contract import (
    BOTH,
    Measured,
    estimates,
    interval_of,
    needs_references,
    odds,
)
from disgorge_core.audit.ranks import Ranked, beyond, moments_without
from disgorge_core.audit.slices import slices
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Finding

FAR = 3.0  # standard deviations of the references from which a record counts as far
SAYS = {
    REMOVED: "How far the answers about the removed records are from those of models that never saw them.",
    KEPT: "The same for records that stay: what the method changed besides.",
    TEST: "The same for records that no model was trained on.",
}


@CHECKS.register
@dataclass(frozen=True)
class Distance:
    """Mean squared standardised distance of the margins, on removed, kept and test records."""

    name, title, order, tasks, about = "distance", "Distance to references", 10, BOTH, About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """At least three references."""
        return needs_references(bench)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding a set."""
        own = squared_of_references(bench)
        return [
            _found(bench, name, inside, own) for name, inside in bench.sets.items() if inside.any()
        ]


def _found(bench: Bench, name: str, inside: Array, own: Array) -> Measured:
    z = {who: standardised(bench, who) for who in bench.judged}
    each = {who: values[bench.stays(name, who)] ** 2 for who, values in z.items()}
    ranked = Ranked({who: float(v.mean()) for who, v in each.items()}, own[:, inside].mean(1))
    finding = Finding(
        check="distance", measure="Distance to references", records=name, unit="mean z²",
        values=estimates(ranked, interval_of(each)), odds=odds(ranked) | _of_placebo(bench, name, each, own),
        says=SAYS[name],
        arrays={
            "rows": bench.rows[inside], "before": z["before"][inside], "after": z["after"][inside],
            **_floors(bench, inside, own),
        },
    )  # fmt: skip
    return Measured(finding, ranked)


def _floors(bench: Bench, inside: Array, own: Array) -> dict[str, Array]:
    """Of each reference beside the others: how many records are far (N,), and mean z² by slice (S, N)."""
    held = slices(bench.data, bench.rows[inside])
    mine = own[:, inside]
    return {
        "far_of_references": (mine > FAR**2).sum(1),
        "slices": np.array(held.names, dtype=str),
        "squared_of_references": np.array(
            [mine[:, s].mean(1) for s in held.inside[: len(held.names)]]
        ),
    }


def _of_placebo(bench: Bench, name: str, each: Mapping[str, Array], own: Array) -> dict[str, float]:
    """The placebo's rank among references on the records that it kept itself."""
    if "placebo" not in each:
        return {}
    references = own[:, bench.stays(name, "placebo")].mean(1)
    return odds(Ranked({"placebo": float(each["placebo"].mean())}, references))


def standardised(bench: Bench, who: str) -> Array:
    """z (m,) of each record of a judged model: above 0 is surer of the label than references are."""
    stack = bench.margins["references"]
    spread = np.sqrt(stack.var(0, ddof=1) + bench.least**2)
    return beyond(bench.margins[who] - stack.mean(0), bench.least) / spread


def squared_of_references(bench: Bench) -> Array:
    """z² (N, m) of each reference among the others."""
    stack = bench.margins["references"]
    mean, variance = moments_without(stack)
    return np.asarray(beyond(stack - mean, bench.least) ** 2 / (variance + bench.least**2))
