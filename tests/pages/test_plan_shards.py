"""Plan shards: costs by the paper's formulas, accuracy as measured apart, the price before."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.jobs import Lanes
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.store import Workspace
from pages.common.services import lanes

Open = Callable[..., AppTest]


@pytest.fixture
def lanes_of_app(workspace: Workspace) -> Lanes:
    """The app's own lanes, let go when the cache is cleared."""
    return lanes()


def box(app: AppTest, label: str):
    return next(one for one in app.number_input if one.label == label)


def said(share: float) -> str:
    return f"{100 * share:.3g} % of a retrain"


def test_costs_are_those_of_the_formulas(open_page: Open, case: Case) -> None:
    app = open_page("case/model", case=case.id, tab="Plan shards")
    table = app.dataframe[0].value
    assert table["shards"].tolist() == [1, 2, 5, 10, 20]
    assert table["one request"].tolist() == [said(1 / s) for s in (1, 2, 5, 10, 20)]
    assert table["10 requests at once"].tolist()[3] == said(1 - (1 - 1 / 10) ** 10)
    assert set(table["accuracy, measured"]) == {"not measured yet"}
    assert table["networks kept"].tolist() == table["passes for an answer"].tolist()
    box(app, "Slices of a shard").set_value(2).run()
    table = app.dataframe[0].value
    assert table["networks kept"].tolist() == [2, 4, 10, 20, 40]
    assert table["one request"].tolist()[2] == said((2 * 2 + 1) / (3 * 5 * 2))  # 3 epochs: e = 2
    assert box(app, "Slices of a shard").max == 2 * 3 - 1


def test_an_owners_records_cost_less_kept_together(open_page: Open, case: Case) -> None:
    app = open_page("case/model", case=case.id, tab="Plan shards")
    app.selectbox(key="shards_what").select("style").run()
    assert not app.exception
    together = app.dataframe[0].value
    app.toggle(key="shards_together").set_value(False).run()
    apart = app.dataframe[0].value
    assert together["one request"].tolist()[1] == said(1 / 2)
    assert apart["one request"].tolist()[1] == said(1.0)  # hundreds of records touch both


def test_accuracy_is_measured_through_the_queue(
    open_page: Open, cases: Cases, case: Case, lanes_of_app: Lanes
) -> None:
    app = open_page("case/model", case=case.id, tab="Plan shards")
    assert any("5 trainings, about" in text.value for text in app.markdown)
    app.button(key="shards_measure").click().run()
    for _ in range(600):
        (run,) = cases.runs(case.id)
        if run.state not in ("queued", "running"):
            break
        time.sleep(0.1)
    assert run.state == "done", (run.problem, run.detail)
    app.run()
    shown = app.dataframe[0].value["accuracy, measured"].tolist()
    data, old = cases.dataset(case.dataset), cases.model(case.models[0])
    model = training.fit(data, "mlp", old.recipe, settings={"width": 8}, regime=Sharded(5))
    rows = data.rows("validation")
    right = np.mean(logits(model, data.take(rows)).argmax(1) == data.y[rows])
    assert shown[2].startswith(f"{100 * right:.1f} % (")
    assert cases.get(case.id).models == case.models
