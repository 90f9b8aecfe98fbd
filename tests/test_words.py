"""Words: complete over tiers, families and timings; one wording a key; no word that promises too much."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from disgorge_core import words
from disgorge_core.registry import METHODS
from disgorge_core.types import Family, Tier, Timing

BANNED = ("proven", "guaranteed", "compliant", "forgotten", "100 %", "100%")
TABLES = {
    name: table for name, table in vars(words).items() if name.isupper() and isinstance(table, dict)
}


def sentences() -> list[str]:
    tree = ast.parse(Path(words.__file__).read_text())
    return [
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]


def promises() -> list[str]:
    return [text for method in METHODS.values() for text in (method.title, method.promise)]


@pytest.mark.parametrize("word", BANNED)
def test_no_sentence_promises_too_much(word):
    assert not [text for text in sentences() + promises() if word in text.lower()]


def test_certified_is_said_of_its_own_tier_only():
    said = [key for key, tier in words.TIERS.items() if "certified" in f"{tier}".lower()]
    assert said == ["certified"]


@pytest.mark.parametrize(
    ("table", "kind"), [("TIERS", Tier), ("FAMILIES", Family), ("TIMINGS", Timing)]
)
def test_every_member_has_words(table, kind):
    assert set(TABLES[table]) == {member.value for member in kind}


def test_one_wording_a_key():
    tree = ast.parse(Path(words.__file__).read_text())
    for table in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
        keys = [key.value for key in table.keys if isinstance(key, ast.Constant)]
        assert len(keys) == len(set(keys)), keys
    shown = [str(text) for table in TABLES.values() for text in table.values()]
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("tier", list(Tier))
def test_a_claim_says_what_it_leaves_open(tier):
    text = words.claim(tier, "Some method", 50, 1000, ["One part is kept."])
    for part in (
        words.TIERS[tier].badge,
        "50 of 1,000",
        "One part is kept.",
        "Left open",
        "Not audited",
    ):
        assert part in text


def test_suppression_never_speaks_of_removed_records():
    assert "removed" not in words.claim("suppressed", "Guard", 5, 10)


def test_every_reservation_can_be_said():
    for key in words.RESERVATIONS:
        said = words.reservation(key, "7")
        assert "{" not in said and said.endswith(".")


def test_durations():
    said = [words.duration(s) for s in (0.2, 20, 150, 9000)]
    assert said == ["a second", "20 seconds", "2.5 minutes", "2.5 hours"]
