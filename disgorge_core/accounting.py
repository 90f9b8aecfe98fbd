"""What may be said of a finished removal: its tier, claim, lineage, cost and effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import words
from disgorge_core.data.forget_set import check
from disgorge_core.methods.contract import Facts, Method
from disgorge_core.models.prediction import logits
from disgorge_core.params import values_of
from disgorge_core.privacy.bound import bound_of
from disgorge_core.registry import RULES
from disgorge_core.training import regime_of
from disgorge_core.types import Array, Change, Cost, ForgetSet, Lineage, Model, Outcome, Tier

FRESH = (Tier.REBUILT, Tier.ISOLATED)  # what carries the records is gone, not edited
MADE, IN_PART = "made by ", "made in part by "  # where a method that trains afresh kept old weights
LOOKED_AT = 500  # kept records whose answers are compared to see an effect


@dataclass(frozen=True, eq=False)
class Account:
    """What was asked and what came back; works out what may be said of it."""

    method: Method
    facts: Facts
    forget: ForgetSet
    excluded: tuple[ForgetSet, ...]
    change: Change
    seconds: float
    seed: int

    def outcome(self) -> Outcome:
        """The finished disgorgement."""
        before, facts = self.facts.model, self.facts
        tier, fresh, reservations = self._tier()
        model = self._named(fresh)
        distance = weight_distance(before, model)
        effect = "no effect" if distance == 0 and self._same_answers(model) else "moved"
        warnings = check(facts.data, self.forget).warnings
        bound = self.change.bound if tier is Tier.CERTIFIED else ""
        return Outcome(
            model=model, before=before, data=facts.data, forget=self.forget, method=self.method.name,
            settings=values_of(self.method), seed=self.seed, tier=tier,
            claim=self._claim(tier, effect, bound, reservations), bound=bound,
            cost=self._cost(), effect=effect, distance=distance,
            notes=(*reservations, *self.change.notes, *warnings), figures=self.change.figures,
            excluded=self.excluded,
        )  # fmt: skip

    def _claim(self, tier: Tier, effect: str, bound: str, reservations: tuple[str, ...]) -> str:
        """What may be said; a model that was left as it is has a claim only where a bound covers it."""
        said = (self.method.title, self.facts.n_forget, self.facts.n_train)
        if effect == "moved":
            return words.claim(tier, *said, reservations)
        if bound:
            return words.claim_of_bound(*said, bound, reservations)
        return words.claim_of_nothing(*said)

    def _tier(self) -> tuple[Tier, bool, tuple[str, ...]]:
        """The tier, whether what was trained here is fresh, and a sentence for each weakness.

        The weakest part decides, a backbone that is never trained here among them.
        """
        tier = _weakest(self.method.tier, self.change.tier or self.method.tier)
        found = [
            *_of_request(self.forget, self.facts, self.change, tier),
            *_of_history(self.facts.model, self.change.model, tier),
        ]
        tier = _weakest(tier, *(to for _, to in found if to is not None))
        fresh, behind = tier in FRESH, of_backbone(self.facts.model, tier)
        tier = _weakest(tier, *(to for _, to in behind if to is not None))
        return tier, fresh, tuple(text for text, _ in [*found, *behind])

    def _named(self, fresh: bool) -> Model:
        """The new model with its lineage; only a fresh one is free of what was trained on before."""
        before, made = self.facts.model, self.change.model
        seen_now = self.facts.data.ids[saw(self.facts, self.change)]
        lineage = Lineage(
            origin=f"{IN_PART if self.method.tier in FRESH and not fresh else MADE}{self.method.name}",
            trained_on="known" if fresh else before.lineage.trained_on,
            excluded=self._excluded(),
            parents=(*before.lineage.parents, before.digest),
            shorter_recipe=made.lineage.shorter_recipe if fresh else before.lineage.shorter_recipe,
            cost=self.change.passes,
        )
        seen = tuple(sorted(map(str, seen_now))) if fresh else before.seen
        return replace(made, name=f"{before.name}, {self.method.name}", lineage=lineage, seen=seen)

    def _excluded(self) -> tuple[str, ...]:
        earlier = self.facts.model.lineage.excluded
        new = [one.digest for one in (*self.excluded, self.forget) if one.digest not in earlier]
        return (*earlier, *new)

    def _cost(self) -> Cost:
        full = full_passes(self.facts)
        return Cost(self.change.passes, self.seconds, self.change.passes / full)

    def _same_answers(self, model: Model) -> bool:
        rows = np.flatnonzero(self.facts.keep)[:LOOKED_AT]
        rows = np.concatenate([np.flatnonzero(self.facts.forget), rows])
        x = self.facts.data.take(rows)
        return np.array_equal(logits(model, x), logits(self.facts.model, x))


def full_passes(facts: Facts) -> float:
    """Record-passes of one full training in the model's regime; closed forms take one."""
    regime = regime_of(facts.model)
    if facts.recipe is None or regime is None:
        return float(facts.n_train)
    return regime.burden(facts.data, facts.n_train, facts.recipe).passes


def _weakest(*tiers: Tier) -> Tier:
    return max(tiers, key=list(Tier).index)


Weakness = tuple[str, Tier | None]  # a sentence, and the tier that it allows at best


def saw(facts: Facts, change: Change) -> Array:
    """Bool (n,): the records that a model made afresh was trained on."""
    kept: Array = facts.keep if change.added is None else facts.keep | change.added
    return kept


def _of_request(forget: ForgetSet, facts: Facts, change: Change, tier: Tier) -> list[Weakness]:
    """What the choice of the records weakens."""
    found: list[Weakness] = []
    outside = check(facts.data, forget).train - facts.n_forget
    if outside:
        found.append((words.reservation("not in training", f"{outside:,}"), None))
    if forget.by_looking and tier in (Tier.CERTIFIED, Tier.ISOLATED):
        at_best = Tier.EMPIRICAL if tier is Tier.CERTIFIED else None
        found.append((words.reservation("by looking"), at_best))
    near = near_duplicates(facts, saw(facts, change))
    if near and tier is not Tier.SUPPRESSED:
        found.append((words.reservation("near", f"{near:,}"), None))
    return found


def near_duplicates(facts: Facts, kept: Array) -> int:
    """Records (n,) that stay or came in and share a near-duplicate cluster with a removed one."""
    column = facts.data.roles.near
    if not column:
        return 0
    cluster = facts.data.meta[column].to_numpy()
    return int(np.isin(cluster[kept], np.unique(cluster[facts.forget])).sum())


def _of_history(before: Model, after: Model, tier: Tier) -> list[Weakness]:
    """What the new model keeps of the old one."""
    found: list[Weakness] = []
    unknown = before.lineage.trained_on == "unknown"
    head_only = before.recipe is not None and before.recipe.trainable == "head"
    if head_only and before.lineage.trained_on != "known":
        found.append((words.reservation("backbone unknown"), Tier.EMPIRICAL))
    elif unknown and tier is not Tier.REBUILT:
        found.append((words.reservation("history unknown"), Tier.EMPIRICAL))
    if tier not in FRESH and keeps_fitted_scaling(before, after) and not reads_privately(before):
        found.append((words.reservation("preprocessing kept"), Tier.EMPIRICAL))
    if after.rule == "guard" and tier is not Tier.SUPPRESSED:
        found.append((words.reservation("guard kept"), None))
    if tier in FRESH and after.lineage.shorter_recipe:
        found.append((words.reservation("shorter recipe", after.lineage.shorter_recipe), None))
    return found


def of_backbone(model: Model, tier: Tier) -> list[Weakness]:
    """What weakens it that came with a Hugging Face model: its fixed network, or its start weights."""
    if model.preprocessing.backbone is None:
        return []
    keys = ("start kept", "start unknown")
    if model.preprocessing.kind == "backbone":
        keys = ("head rebuilt", "backbone unknown")
    key = keys[0] if tier in FRESH else keys[1]
    return [(words.reservation(key), Tier.EMPIRICAL)]


def tier_here(method: Method, model: Model) -> Tier:
    """What a method's result may be called at best for a model."""
    at_best = method.tier
    if at_best is Tier.CERTIFIED and not _made_for(method, model):
        at_best = Tier.EMPIRICAL
    return _weakest(at_best, *(to for _, to in of_backbone(model, at_best) if to))


def _made_for(method: Method, model: Model) -> bool:
    """Whether the model was trained in the regime that the method's bound is about."""
    regime = regime_of(model)
    return regime is not None and regime.method == method.name


def reads_privately(model: Model) -> bool:
    """Whether a privacy bound covers how the model reads its inputs."""
    bound = bound_of(model)
    return bound is not None and bound.reading == 1


def keeps_fitted_scaling(before: Model, after: Model) -> bool:
    """Whether preprocessing that was fitted to data is the same in both models."""
    return any(
        a.preprocessing.fitted
        and a.preprocessing.columns == b.preprocessing.columns
        and np.array_equal(a.preprocessing.shift, b.preprocessing.shift)
        and np.array_equal(a.preprocessing.scale, b.preprocessing.scale)
        for a, b in zip(after.members, before.members, strict=False)
    )


def weight_distance(before: Model, after: Model) -> float:
    """‖θ_after - θ_before‖ / ‖θ_before‖ over all members; NaN where shapes or input columns differ.

    NaN too where no network answers. Weights of other categories or other words are no changed weights.
    """
    if not RULES[after.rule].behind:
        return float("nan")
    old, new = _weights(before), _weights(after)
    read = [[m.preprocessing.columns for m in model.members] for model in (before, after)]
    if [w.shape for w in old] != [w.shape for w in new] or read[0] != read[1]:
        return float("nan")
    moved = sum(float(np.square(a - b).sum()) for a, b in zip(new, old, strict=True))
    size = sum(float(np.square(b).sum()) for b in old)
    return float(np.sqrt(moved / size)) if size else float(np.sqrt(moved))


def _weights(model: Model) -> list[Array]:
    """The networks' weights, and those that the model's rule keeps beside them."""
    beside = getattr(RULES[model.rule], "weights", None)
    own = [
        p.detach().numpy().astype(np.float64)
        for member in model.members
        for p in member.network.parameters()
    ]
    return own + (beside(model) if beside else [])
