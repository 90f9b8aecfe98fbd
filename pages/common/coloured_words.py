"""A text whose words are coloured by what they did for an answer, readable without colours too."""

from __future__ import annotations

import html
from collections.abc import Container
from dataclasses import dataclass

import streamlit as st

from disgorge_core.data.words import composed, spans, words_of
from disgorge_core.types import Array
from pages.common import charts
from pages.common.services import cases

READING = (
    "Words in teal with a full line speak for the label, words in orange with a broken line against it, "
    "the stronger the deeper, on one scale for both. Dots mark words that the model does not know. Point "
    "at a word for its value."
)
FAINT = 0.12  # share of the strongest word's value below which a word stays plain
DEEPEST = 60  # percent of colour behind the strongest word
NAMED = 5  # strongest words of each sign that are named


@dataclass(frozen=True)
class AnyWord:
    """What a model knows that reads pieces of words: it puts any word together."""

    model: str  # what it is

    def __contains__(self, word: object) -> bool:
        """Always."""
        return True


def known_to(model: str) -> Container[str]:
    """The words that a model knows; of several networks, those that any of them knows."""
    return _known_to(model, str(cases().workspace.root))


@st.cache_data(show_spinner=False, max_entries=50)
def _known_to(model: str, root: str) -> Container[str]:
    members = cases().model_card(model)["members"]
    if members[0]["kind"] in ("backbone", "whole"):
        return AnyWord(members[0].get("backbone") or members[0]["start"])
    return frozenset(word for member in members for word in member["columns"][0][1] or ())


def show(text: str, values: Array, limit: float, known: Container[str]) -> None:
    """The text with its words coloured by `values` (words read,), and the strongest words in a line.

    Colours end at ±`limit`.
    """
    st.html(f'<p class="dg-words">{marked(text, values, limit, known)}</p>')
    for title, found in strongest(text, values).items():
        st.html(f'<p class="dg-strongest"><span>{title}</span> {_listed(found)}</p>')


def marked(text: str, values: Array, limit: float, known: Container[str]) -> str:
    """HTML of the text with a mark around each word that counts."""
    said, read = composed(text), words_of(text, len(values))
    parts, end = [], 0
    for (start, stop), word, value in zip(spans(text, len(values)), read, values, strict=False):
        parts.append(html.escape(said[end:start]))
        parts.append(_word(said[start:stop], float(value), limit, word in known))
        end = stop
    rest = html.escape(said[end:])
    return "".join(parts) + (f"<s>{rest}</s>" if len(read) == len(values) else rest)


def _word(word: str, value: float, limit: float, known: bool) -> str:
    share = min(1.0, abs(value) / limit)
    looks = ["" if known else "unknown"]
    style = ""
    if share >= FAINT:
        looks.append("for" if value > 0 else "against")
        ends = charts.colours().diverging
        colour = ends[-3] if value > 0 else ends[2]
        style = (
            f' style="background:color-mix(in srgb,{colour} {share * DEEPEST:.0f}%,transparent)"'
        )
    note = f"{value:+.3f}" + ("" if known else ", a word that the model does not know")
    shown = f'class="{" ".join(filter(None, looks))}"'
    return f'<span {shown}{style} title="{note}">{html.escape(word)}</span>'


def strongest(text: str, values: Array) -> dict[str, list[tuple[str, float]]]:
    """The words that did most for and against, with the sum over all places where each stands."""
    total: dict[str, float] = {}
    for word, value in zip(words_of(text, len(values)), values, strict=False):
        total[word] = total.get(word, 0.0) + float(value)
    order = sorted(total.items(), key=lambda pair: pair[1])
    return {
        "Most for it": [pair for pair in order[::-1][:NAMED] if pair[1] > 0],
        "Most against it": [pair for pair in order[:NAMED] if pair[1] < 0],
    }


def _listed(found: list[tuple[str, float]]) -> str:
    return ", ".join(f"<b>{html.escape(word)}</b> {value:+.2f}" for word, value in found) or "none"
