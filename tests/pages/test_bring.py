"""A model from elsewhere: a plain torch network comes in as it is, or is refused in words."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from disgorge_core.cases import Case, Cases
from disgorge_core.models.bundle import folder_bytes

Open = Callable[..., AppTest]


def net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))


def pixels(cases: Cases, case: Case) -> torch.Tensor:
    x = cases.dataset(case.dataset).x
    return torch.from_numpy(x.astype(np.float32) / 255).permute(0, 3, 1, 2)


def trained(cases: Cases, case: Case) -> nn.Sequential:
    """A network of the test's own, whose outputs stand for the classes in another order."""
    data, network = cases.dataset(case.dataset), net()
    train = data.split == 0
    x, y = pixels(cases, case)[train], torch.from_numpy((data.y[train] + 3) % 10)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(80):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    return network


def file_of(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def brought(open_page: Open, case: Case, name: str, content: bytes) -> AppTest:
    app = open_page("case/model", case=case.id, tab="Bring one")
    app.file_uploader(key="bring_file").upload(name, content, "application/octet-stream").run()
    assert not app.exception, app.exception
    return app


def by_label(elements: object, label: str) -> object:
    return next(element for element in elements if element.label == label)


def test_a_foreign_network_is_added_with_the_answers_it_gives_elsewhere(
    open_page: Open, cases: Cases, case: Case
) -> None:
    network, data = trained(cases, case), cases.dataset(case.dataset)
    app = brought(open_page, case, "foreign.pt", file_of(network.state_dict()))
    by_label(app.selectbox, "What stands between the layers?").set_value("tanh").run()
    assert app.button(key="bring_add").disabled  # until it is said what it was trained on
    by_label(app.radio, "Trained on").set_value("train").run()
    with torch.no_grad():
        said = network(pixels(cases, case)).numpy()
    right = (said.argmax(1) - 3) % 10 == data.y
    assert any("another order" in w.value for w in app.warning)
    shown = [m.value for m in app.metric if m.label.startswith("Accuracy on")]
    assert shown == [f"{100 * right[data.split == code].mean():.1f} %" for code in range(3)]
    app.button(key="bring_add").click().run()
    assert not app.exception
    digest = cases.get(case.id).models[-1]
    model = cases.model(digest)
    with torch.no_grad():
        found = model.network(pixels(cases, case)).numpy()
    np.testing.assert_allclose(found, said[:, (np.arange(10) + 3) % 10], atol=1e-5)
    assert (model.name, model.lineage.trained_on, model.recipe) == ("foreign", "stated", None)
    assert len(model.seen) == (data.split == 0).sum()


def test_a_stated_recipe_and_a_column_of_records_are_recorded(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    app = brought(open_page, case, "net.pt", file_of(net().state_dict()))
    by_label(app.radio, "Trained on").set_value("column").run()
    by_label(app.selectbox, "Column").set_value("label").run()
    by_label(app.multiselect, "Values").set_value(["1", "7"])
    by_label(app.toggle, "I know the recipe").set_value(True).run()
    by_label(app.number_input, "Epochs").set_value(33).run()
    app.button(key="bring_add").click().run()
    assert not app.exception
    model = cases.model(cases.get(case.id).models[-1])
    assert model.recipe.epochs == 33
    assert set(model.seen) == set(data.ids[np.isin(data.y, [1, 7])])


def test_a_whole_pickled_module_is_refused_and_nothing_is_added(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = brought(open_page, case, "module.pt", file_of(net()))
    assert len(app.error) == 1
    assert "state\\_dict" in app.error[0].value
    assert cases.get(case.id).models == case.models


def test_a_downloaded_model_comes_back_with_the_same_digest(
    open_page: Open, cases: Cases, case: Case
) -> None:
    other = cases.create("Other", cases.dataset(case.dataset))
    content = folder_bytes(cases.model(case.models[0]))
    app = brought(open_page, other, "small.zip", content)
    app.button(key="bring_add").click().run()
    assert not app.exception
    assert cases.get(other.id).models == case.models
