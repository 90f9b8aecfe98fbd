"""The verb: which requests are refused, what a result may be called, which method stands first."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from disgorge_core import disgorging
from disgorge_core.accounting import keeps_fitted_scaling, weight_distance
from disgorge_core.disgorging import applicable, disgorge, facts_for, recommended
from disgorge_core.errors import BadForgetSet, BadModel, BadParam, NotApplicable
from disgorge_core.methods.contract import NEEDS, Context, facts_of
from disgorge_core.registry import METHODS
from disgorge_core.training import fit
from disgorge_core.types import Change, Column, Family, Member, Model, Recipe, Tier, Timing
from disgorge_core.words import RESERVATIONS
from tests.methods.small import chosen, data_for, digits, first, model_for, plain
from tests.training.small_texts import texts


@dataclass(frozen=True)
class Pretend:
    """A method whose change is given by a function; not registered anywhere but in a test."""

    change: Callable[[Context], Change]
    tier: Tier = Tier.EMPIRICAL
    needs: tuple[str, ...] = ("model", "keep")

    name = "pretend"
    title = "Pretend"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tasks = ("classification",)
    order = 0
    promise = "Pretends."

    def why_not(self, facts) -> None:
        return None

    def price(self, facts) -> float:
        return 0.0

    def run(self, context: Context) -> Change:
        return self.change(context)


@pytest.fixture
def pretend(monkeypatch):
    """Run a given change as if it were a registered method."""

    def run(change, forget=None, model=None, **about):
        method = Pretend(change, **about)
        monkeypatch.setattr(disgorging, "METHODS", {"pretend": method})
        monkeypatch.setattr(disgorging, "make", lambda kind, settings: kind)
        data = digits(15)
        return disgorge(model or plain(15), data, forget or first(data), "pretend")

    return run


def nudged(model: Model) -> Model:
    members = []
    for member in model.members:
        network = copy.deepcopy(member.network)
        with torch.no_grad():
            next(network.parameters()).add_(0.1)
        members.append(Member(network, member.preprocessing))
    return replace(model, members=tuple(members))


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "empty"), (range(300), "every training record"), ([350, 450], "training split")],
)
def test_requests_that_make_no_sense_are_refused(rows, message):
    with pytest.raises(BadForgetSet, match=message):
        facts_for(plain(15), digits(15), chosen(digits(15), np.array(rows, dtype=int)))


def test_a_set_of_another_dataset_is_refused():
    with pytest.raises(BadForgetSet, match="another dataset"):
        facts_for(plain(15), digits(15), first(digits()))


def test_records_that_the_model_never_saw_are_refused():
    data = digits(15)
    seen = tuple(sorted(map(str, data.ids[20:300])))
    with pytest.raises(BadForgetSet, match="None of these records"):
        facts_for(replace(plain(15), seen=seen), data, first(data))


def test_an_unknown_setting_is_refused():
    with pytest.raises(BadParam):
        disgorge(plain(15), digits(15), first(digits(15)), "guard", settings={"speed": 1})


def test_a_task_that_a_method_does_not_know():
    model = replace(plain(15), task="regression")
    with pytest.raises(NotApplicable, match="works for classification"):
        disgorge(model, digits(15), first(digits(15)), "guard")


def test_earlier_removals_must_be_known_where_the_weights_still_carry_them():
    data = digits(15)
    one, two = first(data, 5), first(data, 15) - first(data, 5)
    guarded = disgorge(plain(15), data, one, "guard").model
    with pytest.raises(BadForgetSet, match="earlier removals"):
        disgorge(guarded, data, two, "retrain")
    found = disgorge(guarded, data, two, "retrain", excluded=[one]).model
    assert not set(first(data).ids) & set(found.seen or ())


# --- facts and context --------------------------------------------------------------------------


def test_facts_split_what_the_model_saw():
    data = digits(15)
    forget, earlier = chosen(data, np.array([0, 1, 310, 420])), chosen(data, np.array([1, 2, 311]))
    facts = facts_of(plain(15), data, forget.mask(data), [earlier.mask(data)])
    assert facts.forget.nonzero()[0].tolist() == [0]
    assert facts.keep.nonzero()[0].tolist() == list(range(3, 300))
    assert set(facts.validation) == set(range(300, 400)) - {310, 311}
    assert (facts.n_train, facts.n_forget) == (298, 1)


def test_a_method_gets_what_it_declared_and_nothing_else(pretend):
    got = {}

    def look(context: Context) -> Change:
        got["keep"] = context.keep
        for name in sorted(set(NEEDS) - {"model", "keep"}):
            with pytest.raises(AttributeError, match="did not declare"):
                getattr(context, name)
        return Change(context.model, 0.0)

    pretend(look)
    assert got["keep"].sum() == 285


# --- what a result may be called ----------------------------------------------------------------


def test_nothing_changed_is_no_effect_and_no_claim(pretend):
    found = pretend(lambda context: Change(context.model, 0.0))
    assert found.effect == "no effect" and found.distance == 0
    assert "No claim" in found.claim


def test_moved_weights_are_measured(pretend):
    found = pretend(lambda context: Change(nudged(context.model), 3.0))
    old = [p.detach().double() for p in plain(15).network.parameters()]
    size = float(torch.cat([p.flatten() for p in old]).norm())
    assert found.effect == "moved"
    assert found.distance == pytest.approx(0.1 * np.sqrt(old[0].numel()) / size, rel=1e-5)
    assert found.cost.of_full == pytest.approx(3.0 / (300 * 12))


def test_a_method_that_changes_its_input_is_caught(pretend):
    def spoil(context: Context) -> Change:
        with torch.no_grad():
            next(context.model.network.parameters()).add_(1.0)
        return Change(context.model, 0.0)

    with pytest.raises(BadModel, match="changed the model"):
        pretend(spoil, model=copy.deepcopy(plain(15)))


def test_kept_scaling_weakens_a_bound_and_is_said(pretend):
    found = pretend(lambda context: Change(nudged(context.model), 0.0), tier=Tier.CERTIFIED)
    assert found.tier is Tier.EMPIRICAL
    assert RESERVATIONS["preprocessing kept"] in found.claim


def test_scaling_stated_in_advance_weakens_nothing(pretend):
    p = replace(plain(15).preprocessing, fitted=False)
    model = replace(plain(15), members=(Member(plain(15).network, p),))
    found = pretend(lambda c: Change(nudged(c.model), 0.0), model=model, tier=Tier.CERTIFIED)
    assert found.tier is Tier.CERTIFIED
    assert not keeps_fitted_scaling(model, found.model)


def test_a_bound_does_not_cover_records_chosen_by_looking(pretend):
    forget = chosen(digits(15), np.arange(5), by_looking=True)
    p = replace(plain(15).preprocessing, fitted=False)
    model = replace(plain(15), members=(Member(plain(15).network, p),))
    found = pretend(
        lambda c: Change(nudged(c.model), 0.0), forget=forget, model=model, tier=Tier.CERTIFIED
    )
    assert found.tier is Tier.EMPIRICAL
    assert RESERVATIONS["by looking"] in found.claim


@pytest.mark.parametrize("tier", [Tier.ISOLATED, Tier.CERTIFIED])
def test_an_unknown_history_is_the_weakest_part(pretend, tier):
    lineage = replace(plain(15).lineage, trained_on="unknown")
    model = replace(plain(15), seen=None, lineage=lineage)
    found = pretend(lambda c: Change(nudged(c.model), 0.0), model=model, tier=tier)
    assert found.tier is Tier.EMPIRICAL
    assert RESERVATIONS["history unknown"] in found.notes
    assert found.model.lineage.trained_on == "unknown" and found.model.seen is None


def test_a_head_on_a_backbone_of_unknown_history_is_not_rebuilt():
    recipe = replace(plain(15).recipe or Recipe(), trainable="head")
    lineage = replace(plain(15).lineage, trained_on="stated", origin="uploaded")
    model = replace(plain(15), recipe=recipe, lineage=lineage)
    found = disgorge(model, digits(15), first(digits(15)), "retrain")
    assert found.tier is Tier.EMPIRICAL
    assert RESERVATIONS["backbone unknown"] in found.claim


def test_a_method_may_call_its_result_weaker_but_not_stronger(pretend):
    weaker = pretend(lambda c: Change(nudged(c.model), 0.0, tier=Tier.SUPPRESSED))
    stronger = pretend(lambda c: Change(nudged(c.model), 0.0, tier=Tier.REBUILT))
    assert (weaker.tier, stronger.tier) == (Tier.SUPPRESSED, Tier.EMPIRICAL)


def test_near_duplicates_that_stay_are_counted():
    data = digits(15)
    near = np.arange(len(data))
    near[[100, 101, 350]] = 0  # two kept training records and one of validation, beside record 0
    data = replace(data, meta=data.meta.assign(near=near))
    found = disgorge(plain(15), data, first(data), "retrain")
    assert "2 kept records are near-duplicates" in found.claim


def test_records_in_other_splits_are_said():
    data = digits(15)
    found = disgorge(plain(15), data, chosen(data, np.array([0, 310, 420])), "guard")
    assert any("validation" in note for note in found.notes)
    assert "1 of 300" in found.claim


def test_distance_of_weights_for_other_words_is_not_a_number():
    data = texts(60)
    recipe = Recipe(epochs=1, batch=16)
    a, b = (fit(data, "text_mean", recipe, settings={"width": 2}, exclude=e) for e in (None, None))
    assert weight_distance(a, b) == 0 and keeps_fitted_scaling(a, b)
    name, words = b.preprocessing.columns[0].name, b.preprocessing.columns[0].values
    other = replace(b.preprocessing, columns=(Column(name, tuple(f"{w}s" for w in words)),))
    b = replace(b, members=(Member(b.network, other),))
    assert np.isnan(weight_distance(a, b)) and not keeps_fitted_scaling(a, b)


def test_distance_of_other_shapes_is_not_a_number():
    other = replace(plain(15), members=plain(15).members * 2)
    assert np.isnan(weight_distance(plain(15), other))


# --- offers -------------------------------------------------------------------------------------


def test_the_recommended_method_stands_first_with_its_reason(monkeypatch):
    monkeypatch.setattr(disgorging, "seconds_to_retrain", lambda _: 1.0)
    offers = applicable(plain(15), digits(15), first(digits(15)))
    assert {offer.method for offer in offers} == set(METHODS)
    assert offers[0].method == "retrain" and "a second" in offers[0].reason
    assert [bool(offer.reason) for offer in offers[1:]] == [False] * (len(offers) - 1)


def test_offers_that_apply_fall_by_tier_and_the_others_say_why_not():
    offers = applicable(plain(15), digits(15), first(digits(15)))
    fits = [offer for offer in offers[1:] if offer.why_not is None]
    order = [list(Tier).index(offer.tier) for offer in fits]
    assert order == sorted(order) and fits[-1].tier is Tier.SUPPRESSED
    assert all(o.why_not.endswith(".") for o in offers if o.why_not)
    assert [o.why_not is None for o in offers] == sorted(
        (o.why_not is None for o in offers), reverse=True
    )


def test_an_unknown_recipe_leaves_edits_or_the_guard():
    bare = replace(plain(15), recipe=None)
    offers = applicable(bare, digits(15), first(digits(15)))
    assert offers[0].tier in (Tier.EMPIRICAL, Tier.SUPPRESSED) and offers[0].reason
    assert {o.method for o in offers if o.why_not} >= {"retrain", "compressed_retrain"}


def test_a_dear_retrain_gives_way_to_the_short_one(monkeypatch):
    facts = facts_for(plain(15), digits(15), first(digits(15)))
    monkeypatch.setattr(disgorging, "seconds_to_retrain", lambda _: 600.0)
    name, reason = recommended(["retrain", "compressed_retrain", "guard"], facts)
    assert name == "compressed_retrain" and "10 minutes" in reason
    assert recommended(["retrain", "guard"], facts)[0] == "retrain"


def test_what_a_model_was_trained_for_stands_first(monkeypatch):
    monkeypatch.setattr(disgorging, "seconds_to_retrain", lambda _: 600.0)
    for name in ("sisa", "adapters", "safe", "condense", "datastore", "certified_newton"):
        data = data_for(name)
        offers = applicable(model_for(name), data, first(data))
        assert offers[0].method == name and "was trained so" in offers[0].reason
    held_back = applicable(model_for("naf"), digits(15), first(digits(15)))
    assert held_back[0].method == "retrain"


def test_an_affordable_retrain_stands_before_an_edit_of_a_convex_model(monkeypatch):
    convex = fit(digits(15), "linear", Recipe(epochs=2))
    facts = facts_for(convex, digits(15), first(digits(15)))
    assert recommended(["newton", "retrain"], facts)[0] == "retrain"
    monkeypatch.setattr(disgorging, "seconds_to_retrain", lambda _: 600.0)
    assert recommended(["newton", "retrain"], facts)[0] == "newton"
