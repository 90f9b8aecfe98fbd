"""Flips by counting, step-down p-values by enumeration, planted slices, and how often chance is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.checks.collateral import Collateral, beyond
from disgorge_core.audit.slices import slices
from disgorge_core.types import Roles
from tests.audit.benches import as_logits, bench, drawn, sets

TOTAL, SLICED = "Changed answers", "Slices changed beyond chance"
OWNERS = np.array([f"Artist {i % 5}" for i in range(150)], dtype=object)


def owned(laid, owners: np.ndarray = OWNERS):
    """The bench with an owner for each record."""
    meta = pd.DataFrame({"label": laid.data.y, "artist": owners})
    return replace(laid, data=replace(laid.data, meta=meta, roles=Roles(owner="artist")))


def measured(laid) -> dict[tuple[str, str], object]:
    return {(m.finding.measure, m.finding.records): m.finding for m in Collateral().run(laid)}


def flipped_for(owner: str, before: np.ndarray) -> np.ndarray:
    """Answers about the kept records of an owner are turned round."""
    return np.where((owner == OWNERS) & sets()[KEPT], -before, before)


def test_flips_by_counting():
    references, before, after = drawn(6, 0, 1, 3), drawn(1, 0, 2, 3)[0], drawn(1, 0, 3, 3)[0]
    twins = drawn(4, 0, 4, 3)
    found = measured(bench({"before": before, "after": after}, references, twins))[TOTAL, TEST]
    inside = sets()[TEST]
    right = [m[inside] >= 0 for m in (before, after, *references)]
    flips = np.array([np.mean(r != right[0]) for r in right])
    assert found.values["before"].value == found.values["before"].high == 0
    assert found.values["after"].value == pytest.approx(flips[1])
    assert found.values["references"].value == pytest.approx(np.median(flips[2:]))
    own = [np.mean((t[inside] >= 0) != right[0]) for t in twins]
    assert found.values["twins"].value == pytest.approx(np.median(own))
    among = np.mean([np.mean(a != b) for i, a in enumerate(right[2:]) for b in right[2 : 2 + i]])
    assert f"{among:.1%} from each other" in found.says
    rows = np.flatnonzero(inside)[right[0] != right[1]]
    assert found.arrays["rows"].tolist() == rows.tolist()
    assert (found.arrays["before"] != found.arrays["after"]).all()
    chance = np.mean([r != right[0] for r in right[2:]], axis=0)[right[0] != right[1]]
    assert found.arrays["references"] == pytest.approx(chance)


def test_step_down_p_values_by_their_definition():
    rng = np.random.default_rng(0)
    references, flips = rng.poisson(6, (24, 4)).astype(float), np.array([30.0, 7.0, 19.0, 0.0])

    def z(one, others):
        return (one - others.mean(0)) / np.sqrt(others.var(0, ddof=1) + 1)

    odd = z(flips, references)
    own = np.array([z(r, np.delete(references, i, axis=0)) for i, r in enumerate(references)])
    alone, together = beyond(flips, references)
    left, reached = [0, 1, 2, 3], 0.0
    for s in np.argsort(-odd):
        p = (1 + np.sum(own[:, left].max(1) >= odd[s])) / 25
        reached = max(reached, p)
        assert together[s] == pytest.approx(reached)
        assert alone[s] == pytest.approx((1 + np.sum(own[:, s] >= odd[s])) / 25)
        left.remove(s)
    assert together[[0, 2]].tolist() == [1 / 25, 1 / 25] and together[3] == 1


def test_chance_names_a_slice_in_at_most_its_share():
    """Each of 20 equal models in turn after the removal, with slices of very different size."""
    named, models = 0, 20
    for seed in range(30):
        rng = np.random.default_rng(seed)
        common = rng.normal(1, 0.3, (models, 1))  # slices flip together
        counts = rng.poisson(np.abs(common) * np.array([0.05, 0.5, 3, 30, 300]))
        for i in range(models):
            _, together = beyond(counts[i] * 1.0, np.delete(counts, i, axis=0) * 1.0)
            named += together.min() <= 0.05
    assert 0 < named / (30 * models) <= 0.05 * 1.3


def test_the_slice_that_a_method_broke_is_named():
    references, before = drawn(20, 0, 1, 0.3), drawn(1, 0, 2, 0.3)[0]
    after = flipped_for("Artist 3", before)
    found = measured(owned(bench({"before": before, "after": after}, references)))
    kept = found[SLICED, KEPT]
    assert kept.says.startswith("2 of 6 slices") and "artist: Artist 3 (12 of 12)" in kept.says
    assert (
        kept.values["after"].value == 2 and kept.odds["after"] == 1 / 21
    )  # the class holds them all
    assert kept.arrays["slices"][0] in ("artist: Artist 3", "class: 0")
    assert kept.arrays["slices"].dtype.kind == "U"
    assert sorted(kept.arrays["flips"])[-2:] == [12, 12]
    assert found[SLICED, TEST].values["after"].value == 0
    assert "at this power" in found[SLICED, TEST].says
    assert found[TOTAL, KEPT].odds["after"] == 1 / 21


def test_a_reference_in_its_place_is_not():
    models = drawn(22, 0, 1, 2)
    found = measured(owned(bench({"before": models[0], "after": models[1]}, models[2:])))
    assert found[SLICED, KEPT].values["after"].value == 0
    assert found[TOTAL, KEPT].odds["after"] > 0.05
    assert found[TOTAL, KEPT].values["after"].value > 0.05  # seeds alone flip answers


def test_the_placebo_is_counted_beside():
    before = drawn(1, 0, 2, 0.3)[0]
    after = flipped_for("Artist 1", before)
    judged = {"before": before, "after": before, "placebo": after}
    kept = measured(owned(bench(judged, drawn(20, 0, 1, 0.3))))[SLICED, KEPT]
    assert kept.values["placebo"].value == 2 and kept.values["after"].value == 0
    where = kept.arrays["slices"].tolist().index("artist: Artist 1")
    assert kept.arrays["placebo"][where] == 12 and kept.arrays["flips"][where] == 0


def test_what_the_placebo_itself_removed_is_not_held_against_it():
    before = drawn(1, 0, 2, 0.3)[0]
    judged = {"before": before, "after": before, "placebo": flipped_for("Artist 1", before)}
    laid = owned(bench(judged, drawn(20, 0, 1, 0.3)))
    found = measured(replace(laid, placebo_set=OWNERS == "Artist 1"))
    assert found[SLICED, KEPT].values["placebo"].value == 0
    total = found[TOTAL, KEPT].values["placebo"]
    assert (total.value, total.n) == (0, 48)


def test_slices_are_classes_and_owners_with_enough_records():
    owners = OWNERS.copy()
    owners[-60:-9], owners[-9:] = None, "A" * 200
    laid = owned(bench({"before": drawn(1, 0, 2)[0]}, drawn(3, 0, 1)), owners)
    found = slices(laid.data, laid.rows[sets()[TEST]])
    assert found.names == ("class: 0", "artist: none given")  # nine records are too few
    assert found.inside.sum(1).tolist() == [60, 51]
    owners[-12:] = "A" * 200
    assert (
        slices(owned(laid, owners).data, laid.rows[sets()[TEST]]).names[1] == f"artist: {'A' * 71}…"
    )


def test_equal_models_flip_nothing():
    same = drawn(1, 0, 2)[0]
    laid = bench({"before": same, "after": same}, np.tile(same, (19, 1)))
    found = measured(laid)
    assert found[TOTAL, KEPT].values["after"].value == 0 and found[TOTAL, KEPT].odds["after"] == 1
    assert found[SLICED, KEPT].odds["after"] == 1 and len(found[TOTAL, KEPT].arrays["rows"]) == 0


def test_sets_without_slices_and_too_few_references():
    laid = bench({"before": drawn(1, 0, 2)[0], "after": drawn(1, 0, 3)[0]}, drawn(2, 0, 1))
    assert "at least 3 references" in Collateral().why_not(laid)
    few = {REMOVED: sets()[REMOVED], KEPT: np.arange(150) > 140, TEST: np.zeros(150, bool)}
    found = measured(replace(laid, references=as_logits(drawn(3, 0, 1)), sets=few))
    assert list(found) == [(TOTAL, KEPT)]
