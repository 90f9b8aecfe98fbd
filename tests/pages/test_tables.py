"""Tables on screen, the census records and a regression with missing values: numbers computed apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.data.forget_set import where
from disgorge_core.data.loading import dataset_of
from disgorge_core.examples.shipped import example
from disgorge_core.models.prediction import logits
from disgorge_core.types import SPLITS, Array, Dataset, Model, Recipe
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def words(app: AppTest) -> str:
    return " ".join(e.value for e in [*app.markdown, *app.main.get("html"), *app.caption])


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def own_logits(model: Model, data: Dataset) -> Array:
    """Outputs of a linear model from its weights, each column encoded by hand."""
    p, columns = model.preprocessing, []
    for column in p.columns:
        values = data.x[column.name]
        if column.values is None:
            columns.append(values.to_numpy(dtype=float, na_value=np.nan))
        else:
            columns += [(values == known).to_numpy(dtype=float) for known in column.values]
    z = np.nan_to_num((np.stack(columns, 1) - p.shift) * p.scale)
    weight, bias = (t.detach().numpy().astype(float) for t in model.network.parameters())
    return z @ weight.T + bias


# --- census -----------------------------------------------------------------------------------------


@pytest.fixture
def adult(cases: Cases) -> Case:
    """The worked example, opened."""
    return cases.open_example("adult")


def test_the_example_opens_with_two_models_and_begins_with_the_source(
    open_page: Open, cases: Cases, adult: Case
) -> None:
    assert [cases.model(digest).architecture for digest in adult.models] == ["ridge", "linear"]
    app = open_page("select/explore", case=adult.id)
    assert "1,695 records are chosen below" in words(app)


def test_accuracies_are_those_of_plain_arithmetic(
    open_page: Open, cases: Cases, adult: Case
) -> None:
    data = cases.dataset(adult.dataset)
    for digest in adult.models:
        right = own_logits(cases.model(digest), data).argmax(1) == data.y
        app = open_page("case/model", case=adult.id, model=digest, tab="Quality")
        for code, split in enumerate(SPLITS):
            rows = data.split == code
            shown = metrics(app)[f"Accuracy on {split} ({rows.sum():,})"]
            assert shown == f"{100 * right[rows].mean():.1f} %"


def test_look_alikes_are_counted_as_pandas_counts_them(
    open_page: Open, cases: Cases, adult: Case
) -> None:
    data = cases.dataset(adult.dataset)
    x = data.x.assign(split=data.split)
    group = x.groupby(list(data.x.columns), dropna=False, observed=True)
    sizes, splits = group.size(), group["split"].nunique()
    app = open_page("case/data", case=adult.id, tab="Look-alikes")
    assert metrics(app) == {
        "Have a near-duplicate": f"{data.x.duplicated(keep=False).sum():,}",
        "Clusters": f"{(sizes > 1).sum():,}",
        "In the largest": f"{sizes.max():,}",
        "Torn by the split": f"{sizes[splits > 1].sum():,}",
    }


def test_the_new_split_keeps_look_alikes_together(
    open_page: Open, cases: Cases, adult: Case
) -> None:
    app = open_page("case/data", case=adult.id, tab="Look-alikes")
    app.button(key="near_split_make").click().run()
    made = next(case for case in cases.list() if case.id != adult.id)
    data = cases.dataset(made.dataset)
    assert made.models == () and data.roles.near
    x = data.x.assign(split=data.split)
    assert (
        x.groupby(list(data.x.columns), dropna=False, observed=True)["split"].nunique() == 1
    ).all()
    shares = np.bincount(data.split) / len(data)
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.01)


def test_the_twin_of_the_one_person_is_found(open_page: Open, cases: Cases, adult: Case) -> None:
    data = cases.dataset(adult.dataset)
    person = next(fid for fid, forget, _ in cases.forget_sets(adult.id) if len(forget) == 1)
    row = data.row_of["p10368"]
    twins = (data.x == data.x.iloc[row]).all(axis=1).to_numpy()
    twins = twins & (data.split == 0) & (np.arange(len(data)) != row)
    assert (data.meta.iloc[np.flatnonzero(twins)]["fnlwgt"] == data.meta["fnlwgt"][row]).any()
    app = open_page("select/influence", case=adult.id, forget=person, tab="Predicted effect")
    assert f"**{twins.sum():,} kept training records** are near-copies" in words(app)


def test_the_predicted_effect_of_one_source_on_ridge_is_that_of_a_fit_without_it(
    open_page: Open, cases: Cases
) -> None:
    people = example("adult").dataset.meta.iloc[::12].reset_index(drop=True)
    data = dataset_of(people, "census", {"label": "income", "source": "workclass"})
    model = training.fit(data, "ridge", Recipe(l2=1e-3), settings={"blocks": 4})
    adult = cases.create("Census", data, [model])
    fid = cases.save_forget(adult.id, where(data, "workclass == 'Self-emp-inc'"))
    forget = cases.forget(adult.id, fid)
    after = training.refit(model, data, ~forget.mask(data))
    stays = ~forget.mask(data) & (data.split > 0)
    margin = [np.diff(own_logits(m, data), axis=1)[:, 0] for m in (model, after)]
    falls = ((margin[1] - margin[0]) * np.where(data.y == 1, 1, -1))[stays] < 0
    app = open_page("select/influence", case=adult.id, forget=fid)
    shown = next(m.value for m in app.markdown if "would fall" in m.value)
    told = int(shown.split("**")[3].split(" of ")[0].replace(",", ""))
    assert told == pytest.approx(falls.sum(), rel=0.02)
    assert f"of {stays.sum():,}**" in shown


# --- regression -------------------------------------------------------------------------------------


def diabetes() -> Dataset:
    """The patients of scikit-learn's diabetes set: sex as a category, some blood values missing."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "A", 2.0: "B"})
    frame.loc[frame.index % 9 == 0, "s3"] = np.nan
    return dataset_of(frame, "diabetes", {"label": "target", "source": "sex"})


@pytest.fixture
def patients(cases: Cases) -> Case:
    """A regression with a category and missing values, and a ridge model."""
    data = diabetes()
    ridge = training.fit(data, "ridge", Recipe(l2=0.01), name="Ridge")
    case = cases.create("Patients", data, [ridge])
    cases.save_forget(case.id, where(data, "sex == 'A' and age < 40", name="Young A"))
    return case


def test_explained_variance_is_that_of_scikit_learn(
    open_page: Open, cases: Cases, patients: Case
) -> None:
    data, model = cases.dataset(patients.dataset), cases.model(patients.models[0])
    x, y = data.arrays("test")
    found = metrics(open_page("case/model", case=patients.id, tab="Quality"))
    outputs = logits(model, x)[:, 0]
    assert found["Explained"] == f"{100 * r2_score(y, outputs):.0f} %"
    error = np.sqrt(np.mean((outputs - y) ** 2))
    assert found[f"Error (rmse) on test ({len(y)})"] == f"{error:.4g}"


def test_panels_of_classes_stay_away_from_numbers(open_page: Open, patients: Case) -> None:
    app = open_page("case/model", case=patients.id)
    assert "Mix-ups" not in [tab.label for tab in app.tabs]
    app = open_page("select/explore", case=patients.id, tab="Mistakes")
    assert "furthest off" in words(app) and not app.get("plotly_chart")


def test_the_largest_errors_are_offered(open_page: Open, cases: Cases, patients: Case) -> None:
    data, model = cases.dataset(patients.dataset), cases.model(patients.models[0])
    rows = data.rows("test")
    error = np.sort(np.abs(logits(model, data.take(rows))[:, 0] - data.y[rows]))[::-1]
    count = round(len(rows) / 10)
    app = open_page("select/explore", case=patients.id, tab="Mistakes")
    assert f"**{count} records** are off by {error[count - 1]:.4g} or more." in words(app)


def test_groups_of_numbers_are_ranges(open_page: Open, patients: Case) -> None:
    app = open_page("case/model", case=patients.id, tab="Quality")
    assert app.selectbox(key="model_group").value == "label"
    assert "Each dot is the rmse" in words(app)


def test_before_and_after_of_numbers_is_worded_as_numbers(
    open_page: Open, cases: Cases, patients: Case
) -> None:
    run = finished_run(cases, patients, method="statistics", references=2)
    app = open_page("compare/before_after", case=patients.id, run=run.id)
    assert "Root mean squared error" in words(app)
    assert "absolute difference of the predicted values" in words(app)
    table = pd.DataFrame(app.dataframe[0].value)
    data, model = cases.dataset(patients.dataset), cases.model(patients.models[0])
    x, y = data.arrays("validation")
    gone = cases.forget_sets(patients.id)[0][1].mask(data)[data.rows("validation")]
    error = np.sqrt(np.mean((logits(model, x)[~gone, 0] - y[~gone]) ** 2))
    shown = table.set_index("set").loc["Validation"]
    assert shown["n"] == (~gone).sum()
    assert shown["before"] == pytest.approx(error, rel=1e-5)


def test_numbers_are_not_shown_as_chances(open_page: Open, cases: Cases, patients: Case) -> None:
    values = (run := finished_run(cases, patients, references=2)).result().values
    data, forget = cases.dataset(patients.dataset), cases.forget_sets(patients.id)[0][1]
    gone = np.flatnonzero(forget.mask(data) & (data.split == 0))
    both = [logits(cases.model(values[k]), data.take(gone))[:, 0] for k in ("before", "after")]
    address = {"case": patients.id, "run": run.id}
    app = open_page("compare/before_after", **address, tab="Try it")
    assert not app.get("plotly_chart")
    for when, outputs in zip(("before", "after"), both, strict=True):
        assert metrics(app)[f"Predicted {when}"] == f"{outputs[0]:,.4g}"
    said = words(open_page("compare/before_after", **address, tab="Records"))
    moved = np.median(np.abs(both[1] - both[0]))
    assert f"half of their predictions moved by {moved:.3g} or more" in said
    assert "answers changed" not in said and "probabilit" not in said
