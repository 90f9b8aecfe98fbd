"""Train finished models a little further, side by side: what comes back was never gone.

Each model goes on from its own weights, by its own preprocessing, by the recipe of the original at its mean
learning rate; shards on their own records. Rules over the output (a guard) are left off, as whoever holds
the weights leaves them off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.models.blueprint import plain_layers
from disgorge_core.models.prediction import logits
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Dataset, Member, Model, Progress, Recipe, Report
from disgorge_core.types.plain import digest_of

REFERENCES, TWINS, JUDGED = 20, 10, 4  # models that are trained further, at most
CLOSED_FORM = "closed form"
NO_RECIPE = "It trains models further, and the recipe of this one is unknown: state it on Model."
SOLVED = "It trains models further, and this one is solved in one go: there is no further training."
NO_MODELS = "It trains models further, and only their answers are at hand."
DIVERGED = "Training the models further did not stay finite, so nothing was measured."


def why_not_further(bench: Bench) -> str | None:
    """Why models on the bench cannot be trained further."""
    before = bench.models.get("before")
    if before is None or bench.keep is None or set(bench.judged) - set(bench.models):
        return NO_MODELS
    if len(bench.reference_models) != len(bench.references):
        return NO_MODELS
    pair = before, bench.models["after"]
    if any(m.regime == CLOSED_FORM or not RULES[m.rule].behind for m in pair):
        return SOLVED
    return NO_RECIPE if before.recipe is None else None


def mean_rate(recipe: Recipe) -> float:
    """The learning rate of a recipe, averaged over its steps: half of it where it falls to 0."""
    return recipe.lr if recipe.schedule == "constant" else recipe.lr / 2


def short(recipe: Recipe, epochs: int) -> Recipe:
    """A few epochs by a recipe, at its mean rate."""
    return replace(recipe, epochs=epochs, lr=mean_rate(recipe), schedule="constant")


@dataclass(frozen=True, eq=False)
class Further:
    """The models of a bench after some more training, in its order: at most 20 references and 10 twins."""

    judged: Mapping[str, Model]
    references: Sequence[Model]
    twins: Sequence[Model]


def further(bench: Bench, keep: Array, epochs: int) -> Further:
    """All models, trained on the records of keep (n,); raises Diverged."""
    recipe = bench.models["before"].recipe
    assert recipe is not None
    names = list(bench.judged)
    references = bench.reference_models[:REFERENCES]
    models = [*(bench.models[who] for who in names), *references, *bench.twin_models[:TWINS]]
    found = trained(models, bench.data, keep, short(recipe, epochs), bench.marks.seed, bench.report)
    ends = len(names), len(names) + len(references)
    return Further(
        dict(zip(names, found[: ends[0]], strict=True)), found[slice(*ends)], found[ends[1] :]
    )


def laid(bench: Bench, models: Further, rows: Array) -> Bench:
    """A bench of these models' answers about these rows of the dataset, which all count as removed."""
    records = bench.data.take(rows)

    def stack(some: Sequence[Model]) -> Array:
        answers = [logits(model, records) for model in some]
        return np.stack(answers) if answers else np.zeros((0, len(rows), 1))

    return replace(
        bench, rows=rows, sets={REMOVED: np.ones(len(rows), bool)},
        judged={who: logits(model, records) for who, model in models.judged.items()},
        references=stack(models.references), twins=stack(models.twins), placebo_set=None,
        models=models.judged, reference_models=models.references, twin_models=models.twins,
    )  # fmt: skip


# --- the training -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Piece:
    """One network to train further: member `member` of model `model`, on the records of keep (n,)."""

    model: int
    member: int
    start: Model
    keep: Array


def trained(
    models: Sequence[Model], data: Dataset, keep: Array, recipe: Recipe, seed: int, report: Report
) -> list[Model]:
    """The models after a training by this recipe on keep (n,), each with an order of its own."""
    members = [list(model.members) for model in models]
    groups = _alike([p for k, model in enumerate(models) for p in _pieces(k, model, data, keep)])
    for number, group in enumerate(groups):
        stack = training.refit_many(
            group[0].start, data, np.stack([p.keep for p in group]),
            [seed + 1 + p.model for p in group], recipe=recipe, start=[p.start for p in group],
            report=part_of(report, number, len(groups)),
        )  # fmt: skip
        for piece, model in zip(group, stack.models, strict=True):
            members[piece.model][piece.member] = model.members[0]
    return [
        replace(model, members=tuple(own), rule=RULES[model.rule].behind)
        for model, own in zip(models, members, strict=True)
    ]


def _pieces(number: int, model: Model, data: Dataset, keep: Array) -> list[_Piece]:
    """Its networks, each as a model; one whose shard has no record here stays as it is."""
    keep = keep & (data.split == 0)
    regime = training.regime_of(model)
    assert regime is not None  # what is solved is not trained further
    parts = regime.parts(model, data)
    pairs = [(place, member, keep & parts[place]) for place, member in enumerate(model.members)]
    return [
        _Piece(number, place, _alone(model, member), own)
        for place, member, own in pairs
        if own.any()
    ]


def _alone(model: Model, member: Member) -> Model:
    """One network as a model whose preprocessing is stated, so that it is not fitted again."""
    fixed = replace(member, preprocessing=replace(member.preprocessing, fitted=False))
    return replace(
        model, members=(fixed,), regime="plain", regime_settings={}, artefacts={}, rule="mean"
    )


def _alike(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Those that one call can train: the same layers, and the same columns or words."""
    groups: dict[str, list[_Piece]] = {}
    for piece in pieces:
        groups.setdefault(_shape(piece.start), []).append(piece)
    return list(groups.values())


def _shape(model: Model) -> str:
    p = model.preprocessing
    layers = None if model.layers is None else plain_layers(model.layers)
    columns = [[column.name, column.values] for column in p.columns]
    return digest_of([layers, p.kind, columns, p.length, p.backbone.digest if p.backbone else ""])


def part_of(report: Report, number: int, count: int) -> Callable[[Progress], None]:
    """A report that fills one of several equal parts of the bar."""
    return lambda p: report(replace(p, share=(number + p.share) / count))
