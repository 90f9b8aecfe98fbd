"""One run as a card: what came of it, what was asked for, and where to go from here."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from disgorge_core.comparison import REMOVED, TEST
from disgorge_core.jobs import Run
from disgorge_core.jobs.script import script
from disgorge_core.jobs.standing import standing
from disgorge_core.types import Tier
from disgorge_core.words import about_recipe, duration
from pages.common import audited, messages, progress, state, tables
from pages.common.panels import View
from pages.common.services import cases, lanes
from pages.panels.model.cards import names
from pages.panels.runs.scores import scores

AUDITS = ("audit", "audit_pair")


def draw(view: View, run: Run, title: str, key: str) -> None:
    """Head, outcome or cause, request."""
    with st.container(border=True, key=f"card_{key}"):
        st.markdown(f"**{messages.as_written(title)}** &nbsp; {_badges(view, run)}")
        if run.state == "done":
            _came_of_it(view, run, key)
        else:
            _cause(run)
        _actions(view, run, key)
        _request(view, run, key)


def _badges(view: View, run: Run) -> str:
    found = [progress.STATES[run.state]]
    if run.state == "done" and run.request["task"] == "disgorge":
        tier = Tier(run.result().values["outcome"]["tier"])
        verdict = audited.verdicts(view.case.id).get(run.id)
        found += [messages.tier_badge(tier), audited.badge(verdict)]
    if run.state == "done" and run.request["task"] in AUDITS:
        found.append(audited.badge(run.result().values["verdict"]))
    return " ".join(found)


def _came_of_it(view: View, run: Run, key: str) -> None:
    if run.request["task"] == "disgorge":
        _removal(view, run, key)
    elif run.request["task"] == "train":
        st.markdown(f"The model is in the case. Training took {duration(run.seconds)}.")
    elif run.request["task"] in AUDITS:
        st.markdown(messages.as_written(run.result().values["verdict"]["means"]))
    elif run.request["task"] == "twins":
        check = run.result().values
        st.markdown(
            about_recipe("confirmed" if check["confirmed"] else "unconfirmed", check["twins"])
        )


def _removal(view: View, run: Run, key: str) -> None:
    values = run.result().values
    outcome = values["outcome"]
    recipe = standing(cases(), view.case.id, values["before"]).sentence
    verdict = audited.verdicts(view.case.id).get(run.id)
    st.markdown(
        audited.claim(outcome["claim"], verdict)
        + (f"  \n:material/info: {recipe}" if recipe else "")
    )
    table = scores(view, run.id).set_index("set")
    cells = [
        *_score(view, table, REMOVED),
        *_score(view, table, TEST),
        ("Cost", f"{100 * outcome['cost']['of_full']:,.0f} %", "of a full retrain"),
        ("Time", _time(outcome["cost"]["seconds"]), f"{_time(run.seconds)} with references"),
        ("References", f"{values['references']}", _never_saw(values)),
    ]
    for place, (name, value, note) in zip(
        st.columns([5, 5, 4, 4, 4][: len(cells)]), cells, strict=True
    ):
        place.metric(name, value, delta=note, delta_color="off", delta_arrow="off")


def _never_saw(values: Mapping[str, Any]) -> str:
    own = values.get("uploaded", 0)
    return f"{own} of them your own" if own else "trained without the records"


def _score(view: View, table: pd.DataFrame, name: str) -> list[tuple[str, str, str]]:
    """The score after, with the one before; nothing where the set holds no record."""
    if name not in table.index:
        return []
    row = table.loc[name]
    shares = view.data.task == "classification"

    def said(value: float) -> str:
        return f"{100 * value:.1f} %" if shares else f"{value:.3g}"

    measure = "Right on" if shares else "Error on"
    references = f" · references {said(row['reference'])}" if row["references"] else ""
    what = "removed records" if name == REMOVED else "test"
    return [(f"{measure} {what}", said(row["after"]), f"was {said(row['before'])}{references}")]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _cause(run: Run) -> None:
    if run.state == "cancelled":
        when = f"after {duration(run.seconds)}" if run.started else "before it began"
        st.markdown(f":gray[You stopped it {when}. Nothing was changed.]")
        return
    st.error(
        f"**{messages.as_written(run.problem)}**  \n{messages.as_written(run.remedy)}",
        icon=":material/error:",
    )
    if run.detail:
        with st.expander("For engineers", key=f"detail_{run.id}", type="compact"):
            st.code(run.detail, language=None)


def _actions(view: View, run: Run, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"actions_{key}"):
        if run.state == "done" and run.request["task"] == "disgorge":
            _compare(run, key)
        if run.state == "done" and run.request["task"] == "train":
            messages.link(
                "case/model", "Look at the model", ":material/network_node:",
                model=run.result().values["model"], tab="Quality",
            )  # fmt: skip
        if run.state == "done" and run.request["task"] in AUDITS:
            messages.link("prove/audit", "Open the audit", ":material/fact_check:", run=run.id)
        if st.button("Start again", key=f"again_{key}", icon=":material/replay:"):
            state.put(run=lanes().again(view.case.id, run.id))
            st.rerun()


def _compare(run: Run, key: str) -> None:
    if st.button("Before & after", key=f"compare_{key}", type="primary", icon=":material/compare:"):
        state.go("compare/before_after", run=run.id)


def _request(view: View, run: Run, key: str) -> None:
    with st.expander("What was asked for", key=f"request_{key}"):
        tables.facts(_asked(view, run), f"asked_{key}")
    with st.expander("Copy as code", key=f"code_{key}"):
        st.caption("Python that does this run again from the workspace, outside the app.")
        st.code(script(cases(), run), language="python", wrap_lines=True)


def _asked(view: View, run: Run) -> dict[str, str]:
    started = run.started
    when = f"{datetime.fromtimestamp(started):%d %B %Y, %H:%M:%S}" if started else "not started"
    models = names(view.case)
    shown = {"Started": when, "Run": f"<code>{run.id}</code>"}
    for name, value in run.request.items():
        if name == "model":
            value = models.get(value, value)
        if name == "forget":
            continue
        shown[name.capitalize()] = html.escape(_plain(value))
    return shown


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {v}" for name, v in value.items()) or "defaults"
    return value if isinstance(value, str) else json.dumps(value)
