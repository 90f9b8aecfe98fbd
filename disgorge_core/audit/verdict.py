"""The verdict: what may be concluded from what a method claims and what was measured. Pure, and in one place.

The ladder, from the top: *suppressed only* and *no effect* are facts about the weights; a model that is left
as it is because a bound covers it is no case of the latter. A void measurement
gives *cannot tell*. A claim by construction stands unless a trace above the tolerance is found: findings
lower a verdict and never raise it. Everything else rests on the tests alone, and a model is cleared only if
all of these hold: the original was refused by the same tests, the model is not, the interval of the trace
that is left ends below the tolerance, relearning brings nothing back, and the recipe of the references is
that of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.types import Estimate, Marks, Tier, Verdict
from disgorge_core.words import VERDICT_REASONS, VERDICTS

FEWEST = 19  # references; with fewer no rank can be refused at 5 %
BY_CONSTRUCTION = {
    Tier.DELETED: "exact",
    Tier.REBUILT: "exact",
    Tier.ISOLATED: "exact",
    Tier.CERTIFIED: "certified",
}
UNSURE = ("unknown", "unchecked", "unconfirmed")  # standings of a recipe


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on; None where something was not measured.

    `p_before` and `p_after` are joint rank p-values on the removed records, `p_all` that of the model
    after over all measures and records, `p_control` that of a fresh reference in the method's place,
    `p_relearned` that after some more training on kept records. `far_before` and `far_after` are mean squared
    distances to references.
    """

    tier: Tier
    marks: Marks
    references: int = 0
    moved: bool = True  # a weight differs
    answers_moved: bool = True
    p_before: float | None = None
    p_after: float | None = None
    p_all: float | None = None
    p_control: float | None = None
    p_relearned: float | None = None
    relearned: Estimate | None = None  # trace after some more training on kept records
    trace_before: Estimate | None = None
    trace_after: Estimate | None = None
    far_before: float = 0.0
    far_after: float = 0.0
    lost: Estimate | None = None  # quality on test records below that of references
    recipe: str = "known"
    broken: str = ""  # why nothing could be measured
    bound: str = ""  # "(ε, δ)" of a certified model
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the model is told from references, on any records."""
        return self._below(self.p_all)

    @property
    def refused_before(self) -> bool:
        """Whether the original is told from references by its answers about the removed records."""
        return self._below(self.p_before)

    @property
    def traced(self) -> bool:
        """Whether more of the trace is left than the tolerance, beyond chance."""
        return self.trace_after is not None and self.trace_after.low > self.marks.tolerance

    @property
    def within(self) -> bool:
        """Whether what may be left of the trace, or be overshot, is at most the tolerance."""
        t, most = self.trace_after, self.marks.tolerance
        return t is not None and t.high <= most and t.low >= -most

    @property
    def overshot(self) -> bool:
        """Whether the records were pushed past where models stand that never saw them."""
        return self.trace_after is not None and self.trace_after.high < -self.marks.tolerance

    @property
    def lowered(self) -> bool:
        """Whether the trace was lowered by more than the tolerance, beyond chance."""
        return self.trace_after is not None and self.trace_after.high < 1 - self.marks.tolerance

    def _below(self, p: float | None) -> bool:
        return p is not None and p <= self.marks.level


def verdict(e: Evidence) -> Verdict:
    """The rung of the ladder, with its reasons, in sentences."""
    key, reasons = _rung(e)
    words = VERDICTS[key]
    return Verdict(
        key=key, title=words.title.format(bound=e.bound).strip(), measured=_measured(e),
        means=words.means, leaves_open=words.leaves_open,
        reasons=tuple(VERDICT_REASONS[r].format(**_figures(e)) for r in reasons) + e.notes,
        why=reasons,
    )  # fmt: skip


Rung = tuple[str, tuple[str, ...]]


def _rung(e: Evidence) -> Rung:
    if e.tier is Tier.SUPPRESSED or (not e.moved and e.answers_moved):
        return "suppressed", () if e.tier is Tier.SUPPRESSED else ("same weights",)
    if not e.moved and not e.bound:
        return "no effect", ("same weights and answers",)
    if e.broken:
        return "cannot tell", ("broken",)
    if e.p_control is not None and e.p_control <= e.marks.level and e.references >= FEWEST:
        return "cannot tell", ("control refused",)
    if e.tier in BY_CONSTRUCTION:
        return _by_construction(e)
    return _by_tests(e)


def _by_construction(e: Evidence) -> Rung:
    if e.traced and e.refused:
        key, reasons = _refused(e)
        return key, ("construction contradicted", *reasons)
    reasons = (
        ("untested",) if e.p_after is None else () if e.refused_before else ("nothing to see",)
    )
    if e.refused:
        reasons = ("different elsewhere",)
    left = () if e.moved else ("same weights and answers",)
    return BY_CONSTRUCTION[e.tier], left + reasons


def _by_tests(e: Evidence) -> Rung:
    if e.p_before is None or e.p_after is None:
        return "cannot tell", ("not measured",)
    if e.references < FEWEST:
        return "cannot tell", ("too few",)
    if not e.refused_before:
        return ("worse", ("new difference",)) if e.refused else ("no trace", ())
    return _refused(e) if e.refused else _not_refused(e)


def _refused(e: Evidence) -> Rung:
    if e.far_after > (1 + e.marks.tolerance) * e.far_before:
        return "worse", ("farther away",)
    if e.trace_after is None:
        return "cannot tell", ("refused, no yardstick",)
    if e.lowered:
        return "reduced", (
            "overshot" if e.overshot else "within but refused" if e.within else "trace left",
        )
    return "no effect", ("trace stays",)


def _not_refused(e: Evidence) -> Rung:
    limits = _limits(e)
    if e.trace_after is None:
        return "cannot tell", ("no yardstick",)
    if e.within and not limits:
        return "not distinguishable", ()
    if e.lowered:
        return "reduced", limits or ("wide",)
    return "cannot tell", ("wide",)


def _limits(e: Evidence) -> tuple[str, ...]:
    """What keeps a model that no test tells from references from being cleared."""
    back = e.relearned is not None and e.relearned.low > e.marks.tolerance
    relearned = back and e.p_relearned is not None and e.p_relearned <= e.marks.level
    lost = e.lost is not None and e.lost.low > e.marks.quality
    found = {"relearned": relearned, "recipe": e.recipe in UNSURE, "quality lost": lost}
    return tuple(name for name, is_so in found.items() if is_so)


# --- in words -----------------------------------------------------------------------------------


def _measured(e: Evidence) -> str:
    if e.p_after is None:
        return "Nothing was measured against models that never saw the records."
    said = [f"Among {e.references} models that never saw the records,"]
    said.append(
        f"the model before has rank p = {_p(e.p_before)}, the model after p = {_p(e.p_after)}."
    )
    if e.trace_after is not None:
        t = e.trace_after
        said.append(
            f"Trace that is left: {_share(t.value)}, interval {_share(t.low)} to {_share(t.high)}."
        )
    return " ".join(said)


def _p(p: float | None) -> str:
    return "not measured" if p is None else f"{p:.2g}"


def _share(value: float) -> str:
    """In whole percent; never as -0 %."""
    return f"{100 * round(value, 2) + 0.0:.0f} %"


def _figures(e: Evidence) -> dict[str, str]:
    t = e.trace_after or Estimate(float("nan"), float("nan"), float("nan"), 0)
    return {
        "references": f"{e.references}", "level": f"{e.marks.level:.0%}", "fewest": f"{FEWEST}",
        "tolerance": _share(e.marks.tolerance), "left": _share(t.value), "high": _share(t.high),
        "p_after": _p(e.p_after), "p_all": _p(e.p_all), "p_control": _p(e.p_control),
        "p_relearned": _p(e.p_relearned), "broken": e.broken,
        "far_before": f"{e.far_before:.3g}", "far_after": f"{e.far_after:.3g}",
    }  # fmt: skip
