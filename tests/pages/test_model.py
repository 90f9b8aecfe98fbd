"""Model: quality against arrays computed apart, clicks to records, training through the queue."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from streamlit.testing.v1 import AppTest

from disgorge_core.calibration import calibration, expected_error
from disgorge_core.cases import Case, Cases
from disgorge_core.figures.confusion import commonest, confusion_matrix
from disgorge_core.jobs import Lanes
from disgorge_core.models.bundle import folder_bytes, weight_bytes
from disgorge_core.planning import training_price
from disgorge_core.store import Workspace
from pages.common.services import lanes
from pages.panels.model.cards import mistakes
from pages.panels.model.overview import tree

Open = Callable[..., AppTest]


@pytest.fixture
def lanes_of_app(workspace: Workspace) -> Lanes:
    """The app's own lanes, let go when the cache is cleared."""
    return lanes()


def forward(cases: Cases, case: Case) -> np.ndarray:
    """Logits by plain torch: pixels scaled by hand, then the network itself."""
    data, model = cases.dataset(case.dataset), cases.model(case.models[0])
    x = data.x.astype(np.float64)
    train = x[data.split == 0]
    z = (x - train.mean()) / train.std()
    with torch.no_grad():
        return model.network(torch.from_numpy(z.transpose(0, 3, 1, 2)).float()).numpy()


def test_the_overview_states_recipe_size_and_lineage(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = open_page("case/model", case=case.id)
    shown = " ".join(e.value for e in app.main.get("html"))
    parameters = 64 * 8 + 8 + 8 * 10 + 10
    assert f"<dd>{parameters:,}</dd>" in shown
    assert "1,000 records (known)" in shown
    assert "<dt>Epochs</dt><dd>3</dd>" in shown


def test_accuracies_are_those_of_plain_torch(
    open_page: Open, cases: Cases, case: Case, lanes_of_app: Lanes
) -> None:
    app = open_page("case/model", case=case.id, tab="Quality")
    data, right = cases.dataset(case.dataset), None
    right = forward(cases, case).argmax(1) == data.y
    shown = [metric.value for metric in app.metric[:3]]
    assert shown == [f"{100 * right[data.split == code].mean():.1f} %" for code in range(3)]


def test_a_square_of_the_matrix_stands_for_its_records(cases: Cases, case: Case) -> None:
    data, logits = cases.dataset(case.dataset), forward(cases, case)
    counts = np.zeros((10, 10), int)
    for true, predicted in zip(data.y, logits.argmax(1), strict=True):
        counts[true, predicted] += 1
    figure = confusion_matrix(counts, data.classes)
    trace = figure.data[0]
    cell = next(i for i in range(100) if (trace.y[i], trace.x[i]) == (8, 1))
    assert f"{counts[8, 1]:,} records" in trace.hovertext[cell]
    assert len(mistakes(logits, data.y, 8, 1)) == counts[8, 1]
    assert set(data.y[mistakes(logits, data.y, 8, 1)]) <= {8}
    first = commonest(counts, data.classes)[0]
    assert first[2] == (counts - np.diag(np.diag(counts))).max()


def test_calibration_of_a_model_that_knows_what_it_knows() -> None:
    draw = np.random.default_rng(0)
    p = draw.uniform(0.5, 1, 40_000)
    y = (draw.uniform(size=len(p)) > p).astype(int)  # right with probability p
    table = calibration(np.log(np.stack([p, 1 - p], axis=1)), y)
    assert expected_error(table) < 0.01
    assert table["n"].sum() == len(p)
    assert (
        (table["low"] <= table["confidence"]) & (table["confidence"] <= table["high"])
    ).sum() >= 8


def test_calibration_of_a_model_that_is_always_sure() -> None:
    logits = np.tile([10.0, -10.0], (1000, 1))
    y = (np.arange(1000) % 4 == 0).astype(int)
    assert expected_error(calibration(logits, y)) == pytest.approx(0.25, abs=1e-6)


def test_the_price_is_epochs_times_records_before_anything_runs(cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    price = training_price(
        data, "mlp", {"width": 32}, {"epochs": 5}, {"name": "sharded", "shards": 4}
    )
    assert price.passes == 5 * 1000
    assert price.parameters == 4 * (64 * 32 + 32 + 32 * 10 + 10)
    assert training_price(data, "ridge", {}, {}, {}).passes == 1000


def test_training_from_the_page_adds_a_model_to_the_case(
    open_page: Open, cases: Cases, case: Case, lanes_of_app: Lanes
) -> None:
    app = open_page("case/model", case=case.id, tab="Train")
    epochs = next(box for box in app.number_input if box.label == "Epochs")
    assert epochs.value == 3  # as the chosen model was trained
    epochs.set_value(2).run()
    assert any(f"{2 * 1000:,} record-passes" in c.value for c in app.caption)
    app.button(key="train_start").click().run()
    assert not app.exception
    _wait(cases, case)
    app.run()
    made = cases.get(case.id).models
    assert len(made) == 2
    assert cases.model(made[1]).recipe == replace(cases.model(made[0]).recipe, epochs=2)
    app.button(key="train_look").click().run()
    assert app.session_state["ui"].model == made[1]


def _wait(cases: Cases, case: Case) -> None:
    for _ in range(600):
        (run,) = cases.runs(case.id)
        if run.state not in ("queued", "running"):
            assert run.state == "done", (run.problem, run.detail)
            return
        time.sleep(0.1)
    raise AssertionError("the training did not end within a minute")


def test_the_family_tree_indents_children(cases: Cases, case: Case) -> None:
    model = cases.model(case.models[0])
    lineage = replace(model.lineage, parents=(case.models[0],), origin="made by retrain")
    module = cases.model(case.models[0]).network
    next(module.parameters()).data.add_(1.0)
    child = replace(
        model, name="child", lineage=lineage, members=(replace(model.members[0], network=module),)
    )
    cases.add_model(case.id, child)
    lines = tree(cases.get(case.id), child.digest)
    assert lines[0].startswith("small")
    assert lines[1].startswith("└── child")
    assert lines[1].endswith("← chosen")


def test_downloads_hold_the_weights_bit_for_bit(cases: Cases, case: Case) -> None:
    model = cases.model(case.models[0])
    own = model.network.state_dict()
    loaded = safetensors.torch.load(weight_bytes(model, ".safetensors"))
    plain = torch.load(io.BytesIO(weight_bytes(model, ".pt")), weights_only=True)
    for found in (loaded, plain):
        assert len(found) == len(own)
        assert {v.numpy().tobytes() for v in found.values()} == {
            v.numpy().tobytes() for v in own.values()
        }
    with zipfile.ZipFile(io.BytesIO(folder_bytes(model))) as archive:
        assert "model/weights.safetensors" in archive.namelist()


def test_without_a_model_the_page_says_what_to_do(
    open_page: Open, cases: Cases, case: Case
) -> None:
    empty = cases.create("Empty", cases.dataset(case.dataset))
    app = open_page("case/model", case=empty.id)
    assert sum("no model yet" in e.value for e in app.main.get("html")) == 1


def test_a_deleted_model_leaves_a_list_and_an_entry_in_the_log(
    open_page: Open, cases: Cases, case: Case
) -> None:
    digest = case.models[0]
    folder = cases.workspace.model(digest)
    files = sum(path.is_file() for path in folder.rglob("*"))
    app = open_page("case/model", case=case.id, model=digest)
    app.button(key="model_delete").click().run()
    app.text_area(key="model_copies").set_value("the backup of May")
    app.button(key="model_delete_yes").click().run()
    assert not app.exception
    assert not folder.exists() and cases.get(case.id).models == ()
    (entry,) = cases.deletions(case.id)
    assert entry["digest"] == digest and entry["files"] >= files
    assert any("the backup of May" in c.value for c in app.caption)
    assert any("gone" in e.label for e in app.expander)


def test_a_filter_that_is_none_is_said_before_anything_runs(
    open_page: Open, case: Case, lanes_of_app: Lanes
) -> None:
    app = open_page("case/model", case=case.id, tab="Train")
    box = next(box for box in app.text_input if box.label == "Leave out")
    box.set_value("label == ").run()
    assert not app.exception and app.button(key="train_start").disabled
    assert app.warning[0].value
    box = next(box for box in app.text_input if box.label == "Leave out")
    box.set_value("label == '3'").run()
    assert not app.button(key="train_start").disabled
