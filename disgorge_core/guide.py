"""The decision guide: yes/no questions, and rules of which the first that fits gives the advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FAMILY_PRICES: dict[str, str] = {
    "retraining": "The strongest claim, paid with a training; it needs the recipe and the kept "
    "records.",
    "selective forgetting": "Cheap and quick; unless the model is convex, only tests can say how far "
    "it went.",
    "compartmentalization": "A removal then costs a part of a training, and the parts together may "
    "know a little less.",
    "differential privacy": "Nothing has to be done at a request, but accuracy is paid from the "
    "first day and only a few records are covered.",
    "dataset emulation": "Quick to redo without one source; the stand-ins lose some of what the data "
    "held.",
    "output guard": "At work in seconds; the weights still hold what they learned.",
}


@dataclass(frozen=True)
class Question:
    """One yes/no question with what it means in practice."""

    key: str
    text: str
    help: str


@dataclass(frozen=True)
class Advice:
    """What to do, by which registered methods (best first), with which tier, and why."""

    title: str
    methods: tuple[str, ...]
    tier: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """The advice for everyone who gave these answers."""

    when: Mapping[str, bool]
    advice: Advice


QUESTIONS: tuple[Question, ...] = (
    Question("keep", "Must a working model remain?", "If not, deleting it is the plainest remedy."),
    Question(
        "weights",
        "Must the model itself change?",
        "If it is enough that answers about the records are withheld, the weights may stay.",
    ),
    Question(
        "recipe",
        "Are the recipe and the kept training records at hand?",
        "Data, architecture, optimiser, epochs, seed: what a training needs to be run again.",
    ),
    Question("retrain", "Can you afford one full training?", "Time and money for each request."),
    Question(
        "shards",
        "Was the model trained in shards?",
        "Or may it be trained so now, because more requests will come?",
    ),
    Question(
        "ahead",
        "May the model be trained anew in a way that prepares for requests?",
        "Worth it where more requests are expected: each of them then costs little or nothing.",
    ),
    Question(
        "sources",
        "Do requests come by source: an owner, a site, a licence?",
        "Then each source can have a part of the model of its own, which goes with it.",
    ),
    Question(
        "bound",
        "Must a bound (ε, δ) be stated, and not only test results?",
        "A bound limits what anyone can tell apart, under assumptions that are listed with it.",
    ),
    Question(
        "convex",
        "Is it a linear model, or a fixed network with a linear head?",
        "Ridge and logistic regression have one best answer, which a solve can reach.",
    ),
)

RULES: tuple[Rule, ...] = (
    Rule(
        {"keep": False},
        Advice(
            "Delete the model and its copies",
            (),
            "deleted",
            "What no longer exists holds nothing. Delete the case on Home; the list of deleted files "
            "names every copy in this workspace, not copies elsewhere.",
        ),
    ),
    Rule(
        {"weights": False},
        Advice(
            "Withhold the answers",
            ("guard", "naf"),
            "suppressed",
            "A guard acts in seconds, but the model is unchanged: this is not removal, and must not "
            "be called so.",
        ),
    ),
    Rule(
        {"shards": True, "recipe": True},
        Advice(
            "Retrain only the shards that saw the records",
            ("sisa",),
            "isolated",
            "All other parts never saw the records, so they can stay as they are.",
        ),
    ),
    Rule(
        {"ahead": True, "bound": True, "convex": True, "recipe": True},
        Advice(
            "Train with a budget for certified removals",
            ("certified_newton", "descent_to_delete"),
            "certified",
            "A convex model with a secret tilt or published with noise can be moved to where it would be "
            "without the records, and the rest is covered by the noise, until the budget is spent.",
        ),
    ),
    Rule(
        {"ahead": True, "bound": True, "recipe": True},
        Advice(
            "Train privately",
            ("dp_sgd", "pate", "dp_head", "synthesize"),
            "certified",
            "No single record can have moved the model by more than the bound, so a request for a few "
            "records needs no action. A whole owner's records are rarely covered.",
        ),
    ),
    Rule(
        {"ahead": True, "sources": True, "recipe": True},
        Advice(
            "Give each source a part of its own",
            ("adapters", "safe", "datastore", "condense", "sisa"),
            "isolated",
            "A source then goes by dropping its part, and nothing else ever saw its records.",
        ),
    ),
    Rule(
        {"retrain": True, "recipe": True},
        Advice(
            "Retrain without the records",
            ("retrain",),
            "rebuilt",
            "The new model comes from a run whose inputs exclude the records; no other way carries a "
            "stronger claim for a model that stays in use.",
        ),
    ),
    Rule(
        {"convex": True, "recipe": True},
        Advice(
            "Solve for the model without the records",
            ("statistics", "newton"),
            "empirical",
            "For sums over records (ridge) the result is exact and counts as rebuilt; for logistic "
            "heads one Newton step lands close to it.",
        ),
    ),
    Rule(
        {"recipe": True},
        Advice(
            "Retrain shortly from a fresh start",
            ("compressed_retrain",),
            "rebuilt",
            "A tenth of the epochs, with weights that never saw the records: far closer to a full "
            "retrain than repairs of the old weights at the same cost.",
        ),
    ),
    Rule(
        {},
        Advice(
            "Edit the weights, then test",
            ("influence_step", "finetune"),
            "empirical",
            "Without the recipe nobody can rebuild the model. An edit may help, and only tests can "
            "say how far: plan an audit.",
        ),
    ),
)  # fmt: skip


def advise(answers: Mapping[str, bool]) -> Advice:
    """The advice of the first rule whose answers are all given so."""
    fits = (rule for rule in RULES if all(answers[k] == v for k, v in rule.when.items()))
    return next(fits).advice
