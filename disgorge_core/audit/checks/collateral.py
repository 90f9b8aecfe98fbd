"""Collateral: which answers changed that the removal had no reason to change?

An answer flips where two models give a record different classes. Flips from before to after are counted on
kept and on test records, and within slices: each class, owner and source of 10 records or more. By chance
flips as many who trains anew with another seed: before against each reference; twins against before are
seeds alone, the placebo is the method itself.

For a slice, z = (flips - mean over references) / √(var over references + 1), each reference by the others;
the 1 keeps one flip where references never flip from outweighing all others. Slices are named by Westfall
and Young's step-down (1993): Holm's steps, where the largest z that is left is ranked among the references'
largest over the slices left. The chance of naming any slice wrongly is at most the audit's level, for kept
and for test records each. Holm on single ranks, each at least 1 / (N + 1), could name none: with 20
references and two slices 2/21 > 5 %.

What fools it: answers that are nearly flipped (see `distance`). A method that starts from the model before
flips little by seed, so that less than chance may still be its doing: hold it against its placebo. A flip
may be for the better, and a slice that is named may have changed by one answer where references change none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from disgorge_core.audit.bench import KEPT, TEST, Bench
from disgorge_core.audit.contract import Measured, needs_references, odds
from disgorge_core.audit.ranks import Ranked, moments_without
from disgorge_core.audit.slices import Slices, slices
from disgorge_core.metrics import share, spread
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

NAMED = 5  # slices that the sentence names
SAYS = (
    "Answers that differ from those of the model before. Models trained anew without the removed records "
    "differ from it by what is shown as references, and {among:.1%} from each other."
)
SLICES = "{count} of {tested} slices changed more than by chance: {names}."
NONE = "None of {tested} slices changed beyond chance, at this power."


@CHECKS.register
@dataclass(frozen=True)
class Collateral:
    """Flipped answers on kept and test records, in all and by slice."""

    name, title, order, about = "collateral", "Answers that changed besides", 65, About.MODEL
    tasks = ("classification",)

    def why_not(self, bench: Bench) -> str | None:
        """At least three references."""
        return needs_references(bench)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """For kept and for test records all flips, and the slices that changed beyond chance."""
        asked = [_Flips(bench, name) for name in (KEPT, TEST) if bench.sets[name].any()]
        found = [each.total() for each in asked]
        found += [each.sliced() for each in asked if each.slices.names]
        return [Measured(finding) for finding in found]


# --- which slices changed beyond chance -----------------------------------------------------------


def beyond(flips: Array, references: Array) -> tuple[Array, Array]:
    """Rank p (S,) of flips (S,) among references (N, S) for each slice alone, and for all together."""
    scale = np.sqrt(references.var(0, ddof=1) + 1)
    odd = (flips - references.mean(0)) / scale
    mean, variance = moments_without(references)
    own = (references - mean) / np.sqrt(variance + 1)
    alone = (1 + (own >= odd).sum(0)) / (len(own) + 1)
    order = np.argsort(-odd, kind="stable")
    left = np.maximum.accumulate(own[:, order[::-1]], axis=1)[
        :, ::-1
    ]  # largest of those not yet named
    stepped = np.maximum.accumulate((1 + (left >= odd[order]).sum(0)) / (len(own) + 1))
    together = np.empty_like(stepped)
    together[order] = stepped
    return alone, together


# --- findings -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Flips:
    """The answers of all models on one set of records, beside those of the model before."""

    bench: Bench
    records: str

    @cached_property
    def inside(self) -> Array:
        return self.bench.sets[self.records]

    @cached_property
    def slices(self) -> Slices:
        return slices(self.bench.data, self.bench.rows[self.inside])

    @cached_property
    def judged(self) -> Mapping[str, Array]:
        """Bool (k,) for each judged model: which answers are not those of the model before.

        What the placebo was to remove is not held against it.
        """
        return {who: self._flipped(z) & self._held(who) for who, z in self.bench.judged.items()}

    @cached_property
    def references(self) -> Array:
        return np.array([self._flipped(z) for z in self.bench.references])

    def _held(self, who: str) -> Array:
        return self.bench.stays(self.records, who)[self.inside]

    def _flipped(self, z: Array) -> Array:
        before = self.bench.judged["before"][self.inside].argmax(1)
        return np.asarray(z[self.inside].argmax(1) != before)

    def total(self) -> Finding:
        values = {who: share(flipped[self._held(who)]) for who, flipped in self.judged.items()}
        values["before"] = Estimate(0.0, 0.0, 0.0, values["before"].n)
        own = self.references.mean(1)
        ranked = Ranked({who: e.value for who, e in values.items()}, own)
        values["references"] = spread(own)
        if len(self.bench.twins):
            values["twins"] = spread(np.array([self._flipped(z).mean() for z in self.bench.twins]))
        return Finding(
            check="collateral", measure="Changed answers", records=self.records, unit="share",
            values=values, odds=odds(ranked), says=SAYS.format(among=self._among()),
            arrays=self._by_record(),
        )  # fmt: skip

    def _among(self) -> float:
        """Mean share of answers that differ between two references: 1 - Σ over classes of pairs alike."""
        answers = self.bench.references[:, self.inside].argmax(2)
        count, classes = len(answers), self.bench.references.shape[2]
        votes = np.array([(answers == c).sum(0) for c in range(classes)])
        return float(1 - (votes * (votes - 1)).sum(0).mean() / (count * (count - 1)))

    def _by_record(self) -> dict[str, Array]:
        """Rows of the answers that flipped, both answers, and the share of references that flip them too."""
        flipped = self.judged["after"]
        answers = {
            who: self.bench.judged[who][self.inside].argmax(1)[flipped]
            for who in ("before", "after")
        }
        rows = self.bench.rows[self.inside][flipped]
        return {"rows": rows, **answers, "references": self.references.mean(0)[flipped]}

    def sliced(self) -> Finding:
        """How many slices changed beyond chance; for references, what they do beside the others."""
        own = self._counts(self.references)
        found = {who: beyond(self._counts(flips), own) for who, flips in self.judged.items()}
        tested, level = len(self.slices.names), self.bench.marks.level
        values = {who: _number(p, level) for who, (_, p) in found.items()}
        floor = [beyond(flips, np.delete(own, i, axis=0))[1] for i, flips in enumerate(own)]
        values["references"] = spread(np.array([_number(p, level).value for p in floor]))
        return Finding(
            check="collateral", measure="Slices changed beyond chance", records=self.records,
            unit=f"of {tested} slices", values=values,
            odds={who: float(p.min()) for who, (_, p) in found.items()},
            says=self._said(found["after"][1]), arrays=self._by_slice(own, *found["after"]),
        )  # fmt: skip

    def _counts(self, flips: Array) -> Array:
        return np.asarray(flips.astype(np.float64) @ self.slices.inside.T.astype(np.float64))

    def _by_slice(self, own: Array, alone: Array, together: Array) -> dict[str, Array]:
        """Name, records, flips after, and mean flips of references for each slice, the oddest first."""
        flips = self._counts(self.judged["after"])
        order = np.lexsort((own.mean(0) - flips, alone, together))
        columns = {
            "slices": np.array(self.slices.names), "records": self.slices.inside.sum(1),
            "flips": flips.astype(np.int64), "references": own.mean(0), "p": alone,
            "p_together": together,
        }  # fmt: skip
        if "placebo" in self.judged:
            columns["placebo"] = self._counts(self.judged["placebo"]).astype(np.int64)
        return {name: column[order] for name, column in columns.items()}

    def _said(self, together: Array) -> str:
        odd = np.flatnonzero(together <= self.bench.marks.level)
        if not len(odd):
            return NONE.format(tested=len(together))
        flips, sizes = self._counts(self.judged["after"]), self.slices.inside.sum(1)
        first = odd[np.lexsort((-flips[odd], together[odd]))][:NAMED]
        names = [f"{self.slices.names[s]} ({flips[s]:.0f} of {sizes[s]:,})" for s in first]
        more = [f"and {len(odd) - NAMED:,} more"] if len(odd) > NAMED else []
        return SLICES.format(count=len(odd), tested=len(together), names=", ".join(names + more))


def _number(p: Array, level: float) -> Estimate:
    return Estimate(float((p <= level).sum()), np.nan, np.nan, len(p))
