"""Every sentence that promises something, in one place: tiers, claims, reasons, glossary, pages.

A claim says what was done and what it leaves open; findings of an audit can lower it, never raise it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TierWords:
    """How a tier is shown: a title, the sentence on its badge, and what it leaves open."""

    title: str
    badge: str
    unproved: str


TIERS: dict[str, TierWords] = {
    "deleted": TierWords(
        "Deleted",
        "The listed files no longer exist in the listed places.",
        "Copies that are not on the list.",
    ),
    "rebuilt": TierWords(
        "Rebuilt",
        "This model was produced by a run whose inputs exclude the data.",
        "That the log is true, and what near-duplicates among the kept records carry.",
    ),
    "isolated": TierWords(
        "Isolated",
        "No remaining component was trained on the data.",
        "What the choice of the records reveals, and any base that all components share.",
    ),
    "certified": TierWords(
        "Certified",
        "An observer's odds change by at most a factor e^ε, except with probability δ, "
        "if the listed assumptions hold.",
        "The assumptions themselves.",
    ),
    "empirical": TierWords(
        "Empirical",
        "The weights were changed to undo the data's influence; only tests can say how far.",
        "Any attack that was not tried, and whether more training brings the data back.",
    ),
    "suppressed": TierWords(
        "Suppressed",
        "Outputs matching the rule are blocked. The model is unchanged.",
        "Nearly everything: this is not removal.",
    ),
}

FAMILIES: dict[str, str] = {
    "retraining": "Train a model again without the records.",
    "selective forgetting": "Edit the trained weights so that they behave as if trained without "
    "the records.",
    "compartmentalization": "Train in separate parts, so that only the parts that saw the records "
    "must go.",
    "differential privacy": "Limit in advance what any one record can change.",
    "dataset emulation": "Train on stand-ins for the data instead of the data.",
    "output guard": "Leave the model as it is and withhold its answers about the records.",
}

TIMINGS: dict[str, str] = {
    "reactive": "Works on a finished model, with nothing arranged beforehand.",
    "proactive": "The model must have been trained so that removal is possible later.",
    "preemptive": "Limits beforehand what there will be to remove.",
}

# What weakens a claim; the key says why, the sentence is shown with the claim.
RESERVATIONS: dict[str, str] = {
    "shorter recipe": "It was trained by a shorter recipe than the original: {detail}.",
    "replayed": "The log of batches was followed without the records: that is not bitwise a new training "
    "without them, whose batches would be cut anew.",
    "scale touched": "One number, the scale of its logits, was taken from models that saw the "
    "records; the weights before scaling were not.",
    "preprocessing kept": "How inputs are read (scaling, known words) was fitted with the removed records "
    "and is kept.",
    "buffers kept": "The batch statistics inside the network were estimated with the removed records "
    "and are kept.",
    "history unknown": "Which records the original was trained on is unknown, and so is what its kept "
    "parts carry.",
    "backbone unknown": "The part of the network that was not trained here has an unknown history.",
    "head rebuilt": "The head was trained again without the records; the backbone before it is kept, and its "
    "history is unknown.",
    "start kept": "All of the network was trained again without the records, from the weights that it came "
    "with; the history of those is unknown.",
    "start unknown": "The weights that the training started from have an unknown history.",
    "by looking": "The records were chosen by looking at the model; the bound does not cover this.",
    "near": "{detail} kept records are near-duplicates of removed ones.",
    "not in training": "{detail} of the chosen records were not trained on; only the others can be "
    "removed.",
    "no guard": "There are no validation records, so the loss of quality was not checked.",
    "both halves": "The records lie in both halves, so neither network is free of them and the bound does "
    "not hold for them together.",
    "emulated": "Made-up records can carry traces of those they stand for: this is no privacy guarantee.",
    "guard kept": "The output guard of an earlier request is still in place.",
    "rolled back": "Every step that was tried cost more than {detail} points of validation quality, "
    "so the weights were left as they were.",
    "full retrain": "The short runs lost more than {detail} points of validation accuracy, so the "
    "model was trained by the full recipe.",
    "recipe measured": "Measured on small pictures, some with wrong labels, a short run by a recipe with "
    "{detail} times as far from full retrainings as those are from each other.",
    "few epochs": "With so few epochs the short runs often lose quality; then the model is trained by the "
    "full recipe on top of them, at nearly twice the cost of a full retrain.",
    "start mixed": "Training started from {detail} of the old weights, which saw the records; the rest "
    "was fresh.",
    "sample": "It was worked out from {detail} kept records, as more do not fit into the memory.",
    "nats": "By estimate the weights still tell at most {detail} nats about the records; that holds only if "
    "the loss is quadratic here and the noise the same with and without them.",
    "votes seen": "Training one teacher again would not help: the student has seen that teacher's votes.",
    "no meaningful bound": "There is no meaningful bound for {detail} records together: how the model was "
    "trained limits what one or few records can have done.",
    "substitutes": "The new model was also trained on {detail} records that neither the original nor the "
    "references saw, so it may differ from references for that reason.",
    "picked by likeness": "Which records came in was decided by their likeness to the removed ones, so the "
    "choice depends on those.",
    "uploaded references": "{detail} of the references were uploaded; that they never saw the records "
    "was stated, not seen here.",
    "references left out": "{detail} uploaded references saw records of an earlier request and were left "
    "out.",
    "references broken": "{detail} of the references gave answers that are not numbers, and were left out.",
    "no recipe": "The recipe is unknown, so no reference models can be trained: state it on Model.",
    "no records": "It is unknown which records the model was trained on, so no reference models can be "
    "trained: state them on Model.",
}

# What is known of the recipe of the model that a claim starts from; the key says where it stands.
RECIPES: dict[str, str] = {
    "unknown": "The recipe of the original is unknown.",
    "unchecked": "The recipe of the original was stated by its owner and not checked against twins.",
    "confirmed": "The recipe of the original was stated by its owner, and the original looks like the "
    "{detail} twins that were trained by it.",
    "unconfirmed": "Recipe unconfirmed: the original does not look like the {detail} twins that were "
    "trained by the stated recipe.",
}

# What a model card says is not known; the key says why the sentence stands there.
NOT_KNOWN: dict[str, str] = {
    "history": "Which records it was trained on is not known.",
    "stated": "Which records it was trained on was stated by its owner, not seen here.",
    "preprocessing": "Its preprocessing was fitted to records; they are those named above as far as that is "
    "known.",
    "backbone": "What the fixed backbone before the trained head was trained on is not known.",
    "start": "What the weights that the training started from were trained on is not known.",
    "elsewhere": "What was removed before it came here, if anything, is not recorded.",
    "attacks": "No attack was run on it: membership inference, extraction and relearning were not tested.",
    "copies": "Copies of the data, and of earlier models, in other places were not looked for.",
    "use": "How well it does on data from elsewhere was not measured.",
}
NO_REMOVAL = "No removal is recorded for this model."

# What the privacy bound of a model assumes, by the regime that it was trained in.
_PRIVATE = (
    "The seed stays secret: it is in the model's recipe, and who knows it knows the noise.",
    "How many training records there are, their columns and their classes are known to all.",
    "No other model of the same records is handed out, and settings were not chosen by looking at results "
    "on them: both add to the bound.",
    "The records are not chosen by looking at the model.",
)
PRIVACY_ASSUMES: dict[str, tuple[str, ...]] = {
    "dp_sgd": _PRIVATE,
    "pate": (*_PRIVATE, "The inputs that were voted on are public, their labels left out."),
    "dp_head": (
        *_PRIVATE,
        "What stands before the head, such as a backbone, did not see the records.",
    ),
    "synthesized": (
        *_PRIVATE,
        "Records were drawn from a distribution that was fitted privately, and which columns are numbers, "
        "and which of those are whole, is known to all.",
    ),
}

# What a bound (ε, δ) assumes, by the regime that a model was trained in.
ASSUMPTIONS: dict[str, tuple[str, ...]] = {
    "perturbed": (
        "The tilt, and the seed that it was drawn from, stay secret: both lie in the model's folder, so hand "
        "out its weights only.",
        "The loss is that of a linear model, records are no longer than 1, and how they are read was fixed "
        "before the data were seen.",
        "The records are not chosen by looking at the model.",
        "An observer sees one model after the request, not the one before as well.",
        "What happened in training before the tilt, such as a backbone, is not covered.",
    ),
    "published_noisy": (
        "The weights without noise, and the seed of the noise, stay secret: both lie in the model's folder.",
        "The loss is strongly convex: one linear layer with L2, records no longer than 1, and how they are "
        "read was fixed before the data were seen.",
        "The records that go are not chosen by looking at the model.",
        "An observer sees one published model, not those before and after it together.",
        "What a backbone learnt before is not covered.",
    ),
}


@dataclass(frozen=True)
class VerdictWords:
    """How a verdict is shown: its title, what it means, and what it does not show."""

    title: str
    means: str
    leaves_open: str


UNTRIED = "Attacks that were not tried, and copies of the records elsewhere."
VERDICTS: dict[str, VerdictWords] = {
    "exact": VerdictWords(
        "Exact by construction",
        "The model was made by a run whose inputs exclude the records; the tests did not contradict it.",
        "That the log of the run is true, and what near-duplicates among the kept records carry.",
    ),
    "certified": VerdictWords(
        "Certified {bound}",
        "An observer's odds change at most by the certified factor, if the listed assumptions hold; the "
        "tests did not contradict it.",
        "The assumptions themselves.",
    ),
    "not distinguishable": VerdictWords(
        "Not distinguishable from references at this power",
        "The model behaves as models do that never saw the records: what may be left of the trace is "
        "within the tolerance that was agreed beforehand.",
        UNTRIED,
    ),
    "reduced": VerdictWords(
        "Reduced",
        "Less of the records' trace is left than before, but the model was not shown to behave as if it "
        "had never seen them.",
        f"How much an attacker can still get out. {UNTRIED}",
    ),
    "no trace": VerdictWords(
        "No measurable trace before or after",
        "The same tests could not tell the original from models that never saw the records either. This "
        "is no merit of the method.",
        "Traces that these tests do not see. More references make them sharper.",
    ),
    "no effect": VerdictWords(
        "No effect",
        "The model still behaves as models do that were trained on the records.",
        "Nothing that would speak for a removal.",
    ),
    "worse": VerdictWords(
        "Worse than before",
        "The model is farther from models that never saw the records than the original was.",
        f"Whether the difference itself gives the records away. {UNTRIED}",
    ),
    "suppressed": VerdictWords(
        "Suppressed only",
        "Answers are blocked or changed on the way out. The weights are those that were trained on the "
        "records.",
        "Nearly everything: this is not removal.",
    ),
    "cannot tell": VerdictWords(
        "Cannot tell",
        "The measurements do not allow a conclusion in either direction.",
        "Whether a trace of the records is left.",
    ),
}

VERDICT_REASONS: dict[str, str] = {
    "same weights": "The weights are those of the model before, only its answers differ.",
    "same weights and answers": "Weights and answers are those of the model before.",
    "broken": "{broken}",
    "control refused": "A fresh reference in the method's place was refused as well (p = {p_control}), so "
    "these tests are too strict here. Train more references.",
    "construction contradicted": "The way it was made promises more than the tests find.",
    "untested": "It was not tested against references.",
    "nothing to see": "The same tests do not see a trace before either, so they add nothing to the "
    "construction.",
    "different elsewhere": "It can be told from references (p = {p_all}), but not by the trace that training "
    "on the records leaves.",
    "not measured": "There are no references to compare with.",
    "too few": "There are {references} references; with fewer than {fewest} nothing can be refused at 5 %.",
    "new difference": "The original could not be told from references, this model can (p = {p_all} over all "
    "measures, {p_after} on the removed records).",
    "farther away": "Its mean squared distance to references on the removed records is {far_after}, that "
    "of the original {far_before}.",
    "trace left": "{left} of the trace is left, and the tests tell it from references (p = {p_all} over all "
    "measures, {p_after} on the removed records).",
    "overshot": "The removed records were pushed past where models stand that never saw them (trace {left}), "
    "which may itself give them away.",
    "within but refused": "The trace is within the tolerance, but the tests still tell it from references "
    "(p = {p_all} over all measures, {p_after} on the removed records).",
    "refused, no yardstick": "It can be told from references (p = {p_all}), but how much of the trace is "
    "left cannot be measured here.",
    "no yardstick": "No test tells it from references, but how much of the trace is left cannot be measured "
    "here: twins and references are too much alike.",
    "trace stays": "{left} of the trace is left; a reduction was not shown.",
    "wide": "At this power up to {high} of the trace may be left, more than the tolerance of {tolerance}.",
    "relearned": "Some more training on kept records brings the trace back (p = {p_relearned}).",
    "recipe": "It is not confirmed that the original was trained by the references' recipe, so verdicts "
    "stop here.",
    "quality lost": "It answers test records worse than references do, beyond the agreed tolerance.",
}

# What cannot be tested of a pair of models that was made elsewhere, or not as well.
PAIR_LIMITS: dict[str, str] = {
    "no references": "Without references nothing can be told from chance, and the verdict will be that it "
    "cannot be told. References of your own can be added on Model.",
    "own references": "References of your own stand in for them: {count}. There are no twins, so what is "
    "left of the trace is measured against the model before.",
    "how unknown": "How the model after was made is not looked at: only tests speak for it, and there is no "
    "placebo, because the method cannot be run again.",
    "guard": "The model after withholds answers by an output guard. Where its weights were changed as well, "
    "the tests look at the network behind the guard.",
    "after unknown": "Which records the model after was trained on is not stated.",
    "saw them": "The model after is said to have been trained on {count} of these records; only a later "
    "change of its weights can have undone that.",
    "saw more": "The model after is said to have been trained on {count} records that the model before did "
    "not see, so it may differ from references for that reason.",
}

NOT_AUDITED = "Not audited yet."
UNCHANGED = (
    "Nothing was changed: the data are still in this model's training history, and how it was trained "
    "limits what they can have done."
)
NO_EFFECT = "The method ran and changed neither a weight nor an answer."
NO_EFFECT_CLAIM = "No claim can be made: the model is the same as before."

# Why a method stands first on the Plan page.
REASONS: dict[str, str] = {
    "statistics": "The model is a sum over its records, so they can be taken out of the sum exactly "
    "and in an instant.",
    "prepared": "The model was trained so that this is possible: {title}, at the price that was agreed then.",
    "newton": "The model is small and convex, so one solve lands near the retrained weights; a full "
    "retrain carries the stronger claim where it is affordable.",
    "retrain": "A full retrain takes about {seconds} here and carries the strongest claim.",
    "compressed_retrain": "A full retrain takes about {seconds} here; a shorter one never sees the "
    "records either and comes closest for its cost.",
    "empirical": "The recipe or the training records are not known, so nothing stronger than an "
    "edit of the weights applies.",
    "suppressed": "Nothing that changes the weights applies here; this only blocks answers.",
}

GLOSSARY: dict[str, str] = {
    "model": "A file of numbers set by training; there is no page in it that holds a given record.",
    "record": "One row of the training data: a picture, a text, a line of a table.",
    "forget set": "The records that must go.",
    "retain set": "All other training records.",
    "disgorgement": "Giving up not only data that must go but what was built from it.",
    "reference": "A model trained without the forget set by the same recipe and another seed: the "
    "yardstick.",
    "twin": "A model trained with everything and another seed: shows what chance alone changes.",
    "recipe": "Everything needed to train a model again: loss, optimiser, epochs, batch, seed.",
    "lineage": "What is known of where a model comes from and which records it saw.",
    "influence": "An estimate of how much an output would change if a record had not been trained on.",
    "margin": "How far the model prefers the true class over all others together; positive where it "
    "gives that class more than half.",
    "residual": "Predicted minus true value; stands where the margin stands, for models of numbers.",
    "embedding": "The model's numeric fingerprint of a record; it may identify someone.",
    "tier": "What the result of a method may be called; the weakest part decides.",
    "claim": "What may be said of a new model because of how it was made.",
    "finding": "One measurement of an audit, with its interval and the difference that chance makes.",
    "tolerance": "The difference agreed beforehand to count as none.",
    "suppression": "Stopping an output while leaving the model as it was.",
    "certified removal": "A limit (ε, δ) on what an observer can tell apart, under listed assumptions.",
    "memorisation": "The model can give back part of a record.",
    "membership inference": "Guessing whether a record was trained on; evidence, not proof.",
    "relearning": "A little training that brings removed material back.",
    "near-duplicate": "A record almost the same as another; one left in can carry what the other took "
    "out.",
    "confidence interval": "The range that the true value plausibly lies in.",
    "digest": "A fingerprint of a file: change one letter and it differs.",
    "seed": "The number that makes a random run repeatable.",
    "shard": "One part of the training data with a network of its own.",
    "placebo": "The same method run on random kept records: what it does without a reason.",
}

PAGES: dict[str, str] = {
    "home": "Open a worked example or one of your cases.",
    "guide": "See which ways of removal there are, and which fits.",
    "data": "See the records, their labels and where they come from.",
    "model": "See what the model is, how good it is and what it was trained on.",
    "explore": "Find records on the map or in the table and keep them as a forget set.",
    "influence": "See what the chosen records hold up, before anything is changed.",
    "plan": "Compare the methods that apply, then run one.",
    "runs": "Watch running work and look back at finished runs.",
    "before_after": "Compare the model before and after, beside references that never saw the records.",
    "audit": "Test whether traces of the records are left.",
    "evidence": "Hand over what was done, with digests that can be checked.",
}


def reservation(key: str, detail: object = "") -> str:
    """The sentence of one reservation."""
    return RESERVATIONS[key].format(detail=detail)


def about_recipe(standing: str, detail: object = "") -> str:
    """What may be said of a model's recipe: "unknown", "unchecked", "confirmed" or "unconfirmed"."""
    return RECIPES[standing].format(detail=detail)


def claim(
    tier: str, title: str, removed: int, trained: int, reservations: Sequence[str] = ()
) -> str:
    """What may be said of a new model before any audit: done, promised, left open."""
    words = TIERS[tier]
    what = "blocked" if tier == "suppressed" else "to be removed"
    done = f"{title}: {removed:,} of {trained:,} training records {what}."
    left = f"Left open: {words.unproved[0].lower()}{words.unproved[1:]}"
    return " ".join([done, words.badge, *reservations, left, NOT_AUDITED])


def claim_of_nothing(title: str, removed: int, trained: int) -> str:
    """The sentence for a run without effect."""
    done = f"{title}: {removed:,} of {trained:,} training records to be removed."
    return f"{done} {NO_EFFECT} {NO_EFFECT_CLAIM}"


def bound(epsilon: float, delta: float) -> str:
    """A limit of differential privacy as it is shown."""
    return f"(ε = {epsilon:.3g}, δ = {delta:.2g})"


def claim_of_bound(
    title: str, removed: int, trained: int, limit: str, reservations: Sequence[str] = ()
) -> str:
    """The sentence for a model that is left as it is, because of how it was trained."""
    done = f"{title}: {removed:,} of {trained:,} training records to be removed. {UNCHANGED}"
    words = TIERS["certified"]
    left = f"Left open: {words.unproved[0].lower()}{words.unproved[1:]}"
    return " ".join([done, f"The limit is {limit}.", words.badge, *reservations, left, NOT_AUDITED])


def duration(seconds: float) -> str:
    """A length of time in plain words, to two digits."""
    for unit, length in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{max(1, round(seconds))} seconds" if seconds >= 1.5 else "a second"
