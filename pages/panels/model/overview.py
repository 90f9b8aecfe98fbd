"""What the model is: where it comes from, its recipe, its layers."""

from __future__ import annotations

import html
from typing import Any

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.data.words import share_cut
from disgorge_core.params import params_of
from disgorge_core.registry import REGIMES
from disgorge_core.types import Dataset, Recipe
from pages.common import tables
from pages.common.panels import PANELS, Need, View
from pages.panels.model import layers_json
from pages.panels.model.cards import card, names, size

SOLVED = ("l2",)  # settings that a model in closed form reads
FIXED = ("backbone", "whole")  # ways to read a record that came with the model
NO_MODEL = Need(
    "This case has no model yet.", "case/model", "Train one or bring one", {"tab": "Train"}
)


def need_model(view: View) -> Need | None:
    """What is missing while the case has no model."""
    return None if view.model else NO_MODEL


@PANELS.register
class Overview:
    """Origin, size and recipe."""

    name, page, tab, title, order = "model_overview", "model", "Overview", "", 10

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """Facts left, recipe right."""
        about = card(view.model)
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch", key="model_card"):
            st.subheader("This model", anchor=False)
            tables.facts(_facts(view, about), "model")
        with right, st.container(border=True, height="stretch", key="model_recipe"):
            st.subheader("Recipe", anchor=False)
            _recipe(about)


def _facts(view: View, about: dict[str, Any]) -> dict[str, str]:
    lineage, counted = about["lineage"], size(view.model)
    seen = about["seen"]
    return {
        "Origin": html.escape(lineage["origin"]),
        **_network(about),
        "Regime": html.escape(_regime(about["regime"])) + _pairs(about["regime_settings"]),
        "Parameters": f"{counted.parameters:,}"
        + (f" in {counted.networks} networks" if counted.networks > 1 else ""),
        "Trained on": "unknown"
        if seen is None
        else f"{len(seen):,} records ({html.escape(lineage['trained_on'])})",
        "Preprocessing": _preprocessing(view.data, about["members"]),
        "Cost": f"{lineage['cost']:,.0f} record-passes" if lineage["cost"] else "not recorded",
        "Digest": f"<code>{view.model[:12]}</code>",
    }


def _network(about: dict[str, Any]) -> dict[str, str]:
    """What it is built like; of a head its layers, and what stands before it."""
    title = about["members"][0].get("backbone", "")
    if start := about["members"][0].get("start", ""):
        said = "all of it trained here, its head drawn afresh; the history of the start is unknown"
        return {"Starts from": f'{html.escape(start)} <span class="dg-muted">{said}</span>'}
    if not title:
        return {
            "Architecture": html.escape(about["architecture"] or "uploaded layers")
            + _settings(about)
        }
    said = "stays as it is; its history is unknown"
    linear = [x["options"] for x in about["layers"] if x["kind"] == "linear"]
    widths = " → ".join(f"{n:,}" for n in [linear[0]["inputs"], *(x["outputs"] for x in linear)])
    return {
        "Backbone": f'{html.escape(title)} <span class="dg-muted">{said}</span>',
        "Head": f"linear {widths}",
    }


def _preprocessing(data: Dataset, members: list[dict[str, Any]]) -> str:
    first = members[0]
    if first["kind"] == "backbone":
        return "what the backbone gives for a record"
    if first["kind"] == "whole":
        return "as the model's own folder says"
    if not first["fitted"]:
        return "stated in advance"
    if first["kind"] != "text":
        return "fitted to its training records"
    counts = sorted(len(member["columns"][0][1] or ()) for member in members)
    known = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    beyond = _beyond(data.digest, first["length"], data)
    return (
        f"knows {known} words, found in its training records; reads the first {first['length']:,} words "
        f"of a text ({beyond:.1%} of all words stand beyond)"
    )


@st.cache_data(show_spinner=False, max_entries=20)
def _beyond(digest: str, length: int, _data: Dataset) -> float:
    """Share of the words of all texts that a model does not read."""
    return share_cut([str(text) for text in _data.x.iloc[:, 0]], length)


def _regime(name: str) -> str:
    return str(REGIMES[name].title) if name in REGIMES else name


def _settings(about: dict[str, Any]) -> str:
    return _pairs(about["architecture_settings"])


def _pairs(values: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in values.items() if value != "")
    return f' <span class="dg-muted">{html.escape(said)}</span>' if said else ""


def _recipe(about: dict[str, Any]) -> None:
    if about["recipe"] is None:
        st.markdown(
            "Unknown. Retraining, references and certificates need it; state it when you bring a model."
        )
        return
    closed = about["regime"] == "closed form"
    names = [p for p in params_of(Recipe) if not p.advanced and (p.name in SOLVED or not closed)]
    if about["members"][0]["kind"] in FIXED:  # all of it learns, and pictures stay as they are
        names = [p for p in names if p.name not in ("trainable", "augment")]
    told = {p.label: about["recipe"][p.name] for p in names}
    shown = {k: f"{v:.6g}" if isinstance(v, float) else f"{v}" for k, v in told.items()}
    if closed:
        st.caption("Solved from sums over the records, in one pass: there are no steps to tune.")
    tables.facts(shown, "recipe")
    if about["lineage"]["shorter_recipe"]:
        st.caption(f"Shortened: {about['lineage']['shorter_recipe']}")


@PANELS.register
class Family:
    """How the models of the case come from one another."""

    name, page, tab, title, order = "model_family", "model", "Overview", "Lineage", 20

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """A tree in text."""
        st.code("\n".join(tree(view.case, view.model)), language=None)


def tree(case: Case, chosen: str) -> list[str]:
    """Lines of the family tree: children are indented below their parent."""
    labels = names(case)
    parents = {digest: _parent(case, digest) for digest in case.models}

    def below(parent: str, depth: int) -> list[str]:
        lines: list[str] = []
        for digest in (d for d in case.models if parents[d] == parent):
            head = "    " * (depth - 1) + "└── " if depth else ""
            mark = "   ← chosen" if digest == chosen else ""
            origin = card(digest)["lineage"]["origin"]
            lines.append(f"{head}{labels[digest]}  ·  {origin}{mark}")
            lines += below(digest, depth + 1)
        return lines

    return below("", 0)


def _parent(case: Case, digest: str) -> str:
    found = [p for p in card(digest)["lineage"]["parents"] if p in case.models and p != digest]
    return found[0] if found else ""


@PANELS.register
class Layers:
    """The layer list."""

    name, page, tab, title, order = "model_layers", "model", "Overview", "Layers", 30

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """One row a layer."""
        about = card(view.model)
        layers = about["layers"]
        if layers is None:
            start = about["members"][0].get("start", "")
            what = "its folder's config.json lists them" if start else "its layers are not listed"
            st.markdown(f"A network of {'transformers' if start else 'your own code'}; {what}.")
            return
        layers_json.table(layers, "model_layers")
        layers_json.copy(layers, "model_layers")
