"""Before S and R are chosen: what removals would cost, and what shards cost in accuracy on these records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core import sharding_plan
from disgorge_core.figures.shard_plan import shard_plan
from disgorge_core.jobs.shard_plans import TRIED, regimes_of, seconds_to_measure, why_none
from disgorge_core.jobs.task import QUEUE, canonical
from disgorge_core.params import make
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Dataset, Estimate, Recipe
from disgorge_core.words import duration
from pages.common import charts, forms, progress, state, tables
from pages.common.messages import reading
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases, lanes
from pages.panels.model.cards import card

RUN = "plan_shards_run"  # draft: the run that was started here
MOST = 1000  # requests that are drawn
ONE = "one record"
HOW = (
    "Each line is the expected cost of that many requests at once, by formula, for requests that fall "
    "anywhere. One that reaches 100 % gains nothing any more: every part is trained again on what stays."
)
WHAT = (
    "Cost is expected, by formula; accuracy is measured: a model is trained for each row, with one seed, "
    "and asked about the validation records. Shards are cut by chance, so where few values hold most "
    "records they are uneven. Requests chosen by looking at the published model are not covered."
)


@PANELS.register
class PlanShards:
    """Cost against requests, accuracy measured, storage and inference, for some numbers of shards."""

    name, page, tab, title, order = "model_plan_shards", "model", "Plan shards", "", 85

    def needs(self, view: View) -> Need | None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """The request's form, the chart, the table, and the button that measures."""
        st.markdown(
            "Trained in parts, a model forgets by training few of its parts again. "
            "See here what that would save and cost, then choose the regime *Shards* under Train."
        )
        network, recipe = _network(view)
        plan = _plan(view.data, recipe)
        _chart(plan)
        request = {"task": "plan_shards", **network, "slices": plan.slices, "by": plan.by}
        _measure(view, plan, request, _table(view, plan, request))


@dataclass(frozen=True)
class Plan:
    """What is asked: the slices, what a request takes out, whether that lies together, how many come."""

    data: Dataset
    epochs: int
    slices: int
    size: float  # records of one request
    by: str
    requests: int

    @property
    def records(self) -> int:
        """Training records."""
        return len(self.data.rows("train"))

    @property
    def most(self) -> int:
        """Requests after which nothing is left, or as many as are drawn."""
        return int(max(2, min(MOST, self.records // max(1.0, self.size))))

    def share(self, shards: int, requests: int) -> float:
        """Expected cost of requests in one batch, as a share of training again on all that stays."""
        hits = requests if self.by else round(requests * self.size)
        return sharding_plan.retrain_share(self.epochs, shards, self.slices, hits)


def _network(view: View) -> tuple[dict[str, Any], dict[str, Any]]:
    """The network and recipe that are measured: those of the chosen model where they are known."""
    about = card(view.model) if view.model else {"architecture": "", "recipe": None}
    names = [n for n in ARCHITECTURES if _fits(ARCHITECTURES[n], view.data)]
    like = about["architecture"] if about["architecture"] in names else names[0]
    key = f"shards_{view.model[:8]}"
    with st.expander("Network and recipe that are measured", key=f"{key}_network"):
        name = st.selectbox(
            "Architecture", names, index=names.index(like), key=f"{key}_architecture",
            format_func=lambda n: ARCHITECTURES[n].title,
        )  # fmt: skip
        start = about["architecture_settings"] if name == about["architecture"] else {}
        settings = forms.fields(ARCHITECTURES[name], f"{key}_{name}", start=start)
        hide = set() if view.data.kind == "image" else {"augment"}
        recipe = forms.fields(Recipe, f"{key}_recipe", start=about["recipe"] or {}, hide=hide)
    return {"architecture": name, "settings": settings, "recipe": recipe}, recipe


def _fits(kind: Any, data: Dataset) -> bool:
    """Networks that are trained in steps: sums over records need no shards."""
    return data.kind in kind.kinds and data.task in kind.tasks and not hasattr(kind, "solve")


def _plan(data: Dataset, recipe: dict[str, Any]) -> Plan:
    epochs = make(Recipe, recipe).epochs
    a, b, c, d = st.columns(4, vertical_alignment="bottom")
    slices = a.number_input(
        "Slices of a shard", 1, min(100, 2 * epochs - 1), 1, key="shards_slices",
        help="Its training's stages, the weights kept after each: a late slice is cheap to remove",
    )  # fmt: skip
    columns = dict.fromkeys(filter(None, (data.roles.owner, data.roles.source)))
    what = b.selectbox(
        "A request removes", [ONE, *columns], key="shards_what",
        format_func=lambda name: name if name == ONE else f"all records of one {name}",
    )  # fmt: skip
    together = c.toggle(
        "Keep those together", value=True, key="shards_together", disabled=what == ONE,
        help="Records with the same value share a shard, so a request touches one of them",
    )  # fmt: skip
    values = data.meta[what].iloc[data.rows("train")].nunique() if what != ONE else 0
    size = len(data.rows("train")) / max(1, values) if what != ONE else 1.0
    by = what if what != ONE and together else ""
    plan = Plan(data, epochs, int(slices), size, by, 1)
    number = d.number_input(
        "Requests in one batch",
        1,
        plan.most,
        min(10, plan.most),
        key=f"shards_requests_{plan.most}",
    )
    return replace(plan, requests=int(number))


def _chart(plan: Plan) -> None:
    steps = np.unique(np.geomspace(1, plan.most, 60).round().astype(int)).tolist()
    shares = {shards: [plan.share(shards, k) for k in steps] for shards in TRIED}
    figure = shard_plan(steps, shares, chosen=plan.requests, template=charts.template())
    charts.chart(figure, "shards_chart", HOW)


def _table(view: View, plan: Plan, request: dict[str, Any]) -> list[int]:
    """The table; gives the numbers of shards that these records allow."""
    allowed = list(regimes_of(view.data, request["architecture"], TRIED, plan.slices, plan.by))
    found = measured(view, request | {"shards": allowed})
    quality = "error" if view.data.task == "regression" else "accuracy"
    rows = [
        {
            "shards": shards,
            f"{quality}, measured": found.get(shards, "not measured yet"),
            "networks kept": sharding_plan.storage(shards, plan.slices),
            "passes for an answer": sharding_plan.inference(shards),
            "one request": _percent(plan.share(shards, 1)),
            _batch(plan): _percent(plan.share(shards, plan.requests)),
        }
        for shards in allowed
    ]
    st.dataframe(pd.DataFrame(rows), key="shards_table", hide_index=True, height="content")
    reading(WHAT)
    return allowed


def _batch(plan: Plan) -> str:
    return f"{plan.requests:,} request{'s' if plan.requests > 1 else ''} at once"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} % of a retrain"


def measured(view: View, request: dict[str, Any]) -> dict[int, str]:
    """What the latest finished run of this request measured, by number of shards."""
    wanted = canonical(request, QUEUE)
    for run in cases().runs(view.case.id):
        if run.request == wanted and run.state == "done":
            return {row.pop("shards"): _quality(view, row) for row in run.result().values["rows"]}
    return {}


def _quality(view: View, row: dict[str, Any]) -> str:
    if view.data.task == "classification":
        return tables.interval(Estimate(**row))
    return f"{row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g})"


def _measure(view: View, plan: Plan, request: dict[str, Any], allowed: list[int]) -> None:
    """The price, the button and the running measurement."""
    reason = why_none(view.data, request["architecture"], plan.slices, plan.by)
    if not len(view.data.rows("validation")):
        reason = "There are no validation records to measure accuracy on."
    if reason:
        st.warning(reason, icon=":material/block:")
        return
    seconds = _seconds(view.data.digest, view.data, **request, shards=allowed)
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(
        f"{len(allowed)} trainings, about **{duration(seconds)}**; the models are not kept. It can be "
        "stopped at any time."
    )
    if right.button(
        "Measure accuracy",
        key="shards_measure",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
    ):
        state.ui().draft[RUN] = lanes().submit(view.case.id, request | {"shards": allowed})
        st.rerun()
    run_id = state.ui().draft.get(RUN, "")
    run = progress.watch(view.case.id, run_id, key="shards_run", curve=False) if run_id else None
    if run is not None and run.state == "done":
        del state.ui().draft[RUN]


@st.cache_data(show_spinner="Pricing the trainings", max_entries=20)
def _seconds(digest: str, _data: Dataset, task: str, **request: Any) -> float:
    return seconds_to_measure(_data, **request)
