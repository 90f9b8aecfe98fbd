"""The card that goes along with a model: what it is, its recipe, what was removed, what is not known.

Plain Markdown. Names and reasons were written by others, so they are shown as they are and mark nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from disgorge_core import words
from disgorge_core.params import params_of
from disgorge_core.registry import RULES
from disgorge_core.types import Dataset, ForgetSet, Model, Preprocessing, Recipe

MARKS = re.compile(r"([\\`*_\[\]<>#|~$])")
MOST_CLASSES = 30
# What is not known of what came with a Hugging Face model, by the kind of its preprocessing.
START = {"backbone": "backbone", "whole": "start"}


@dataclass(frozen=True, eq=False)
class Removal:
    """One removal that the model descends from: the forget set, and the outcome's plain values."""

    forget: ForgetSet
    outcome: Mapping[str, Any]
    when: str  # date and time in UTC


@dataclass(frozen=True, eq=False)
class Card:
    """What a card is about; `recipe` is what is known of a stated recipe, empty for one known here."""

    case: str
    model: Model
    data: Dataset
    removals: Sequence[Removal]
    recipe: str
    written: str  # date and time in UTC
    software: Mapping[str, str] = field(default_factory=dict)


def markdown(card: Card) -> str:
    """The whole card as Markdown."""
    sections = {
        f"# Model card: {shown(card.model.name)}": [
            f"Case {shown(card.case)}, written {shown(card.written)} by Disgorge, research software: it "
            "supports, and does not replace, counsel, experts and the regulator."
        ],
        "## What it is": _facts(_model(card)),
        "## Data": _facts(_data(card)),
        "## Recipe": _recipe(card),
        "## What was removed": _removals(card),
        "## What is not known": [f"- {line}" for line in not_known(card)],
        "## Digests": _facts(_digests(card), code=True),
        "## Software": _facts(dict(card.software)) or ["- not recorded"],
    }
    return (
        "\n\n".join("\n\n".join([head, "\n".join(lines)]) for head, lines in sections.items())
        + "\n"
    )


def shown(text: object) -> str:
    """Text of others on one line, its signs as they are."""
    return MARKS.sub(r"\\\1", " ".join(str(text).split()))


def _facts(pairs: Mapping[str, object], code: bool = False) -> list[str]:
    return [
        f"- **{name}:** {f'`{value}`' if code else shown(value)}" for name, value in pairs.items()
    ]


def _model(card: Card) -> dict[str, object]:
    m, p = card.model, card.model.preprocessing
    networks = f" in {len(m.members)} networks" if len(m.members) > 1 else ""
    names = m.classes[:MOST_CLASSES]
    more = f" and {len(m.classes) - len(names)} more" if len(m.classes) > len(names) else ""
    return {
        "Task": m.task,
        **({"Classes": ", ".join(names) + more} if names else {}),
        **_start(p),
        "Architecture": m.architecture or "layers of an uploaded network",
        "Parameters": f"{m.parameters:,}{networks}",
        "Regime": m.regime,
        "Answers": RULES[m.rule].says,
        "Preprocessing": "fitted to its training records" if p.fitted else "stated in advance",
        "Origin": m.lineage.origin,
    }  # fmt: skip


def _start(p: Preprocessing) -> dict[str, object]:
    """What came with a Hugging Face model and is fixed, or where its training started."""
    if p.backbone is None:
        return {}
    if p.kind == "backbone":
        return {"Backbone": f"{p.backbone.title}; never trained here"}
    return {"Starts from": f"{p.backbone.title}; all of it trained here, its head drawn afresh"}


def _data(card: Card) -> dict[str, object]:
    m, data = card.model, card.data
    return {
        "Dataset": f"{data.name}, {len(data):,} records",
        "Trained on": "not known" if m.seen is None else f"{len(m.seen):,} of them ({m.lineage.trained_on})",
        "Licence": data.licence or "not recorded",
        "Splits": ", ".join(f"{name} {len(data.rows(name)):,}" for name in ("train", "validation", "test")),
    }  # fmt: skip


def _recipe(card: Card) -> list[str]:
    m = card.model
    lines = [card.recipe] if card.recipe else []
    if m.recipe is not None:
        lines += _facts({p.label: getattr(m.recipe, p.name) for p in params_of(Recipe)})
    if m.lineage.shorter_recipe:
        lines.append(words.reservation("shorter recipe", shown(m.lineage.shorter_recipe)))
    return lines or [words.RECIPES["unknown"]]


def _removals(card: Card) -> list[str]:
    lines: list[str] = []
    for number, removal in enumerate(card.removals, start=1):
        lines += [*_removal(number, removal), ""]
    known = {removal.forget.digest for removal in card.removals}
    others = [digest for digest in card.model.lineage.excluded if digest not in known]
    lines += [
        f"- Removed earlier, by the lineage only: forget set `{digest}`." for digest in others
    ]
    return lines or [words.NO_REMOVAL]


def _removal(number: int, removal: Removal) -> Iterator[str]:
    forget, outcome = removal.forget, removal.outcome
    tier = words.TIERS[str(outcome["tier"])]
    yield f"### {number}. {shown(forget.name)}"
    yield ""
    yield str(outcome["claim"])
    yield ""
    yield from _facts(
        {
            "Method": f"{outcome['title']} ({outcome['family']})",
            "Tier": f"{tier.title}: {tier.badge}",
            "Records": f"{len(forget):,} in the forget set",
            "Chosen by": "; ".join(forget.made) or "not recorded",
            "Chosen by looking at the model": "yes" if forget.by_looking else "no",
            "Reason": forget.reason or "not recorded",
            "When": removal.when,
        }
    )
    yield from (f"- {shown(note)}" for note in outcome["notes"])


def not_known(card: Card) -> list[str]:
    """Sentences on what the card cannot say; never empty."""
    m = card.model
    keys = [{"unknown": "history", "stated": "stated"}.get(m.lineage.trained_on, "")]
    keys += ["preprocessing"] if m.preprocessing.fitted and m.lineage.trained_on != "known" else []
    keys += [START.get(m.preprocessing.kind, "")]
    keys += ["elsewhere"] if m.lineage.origin in ("uploaded", "wrapped") else []
    found = [words.NOT_KNOWN[key] for key in (*keys, "attacks", "copies", "use") if key]
    return [*found, words.NOT_AUDITED]


def _digests(card: Card) -> dict[str, object]:
    m = card.model
    return {
        "Model": m.digest,
        "Dataset": card.data.digest,
        **({"Recipe": m.recipe.digest} if m.recipe else {}),
        **{f"Forget set {n}": r.forget.digest for n, r in enumerate(card.removals, start=1)},
        **{f"Made from ({n})": parent for n, parent in enumerate(m.lineage.parents, start=1)},
    }  # fmt: skip
