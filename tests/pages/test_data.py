"""Data: the numbers on the page against the arrays themselves, filters, and a case from a file."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.data.loading import dataset_of
from disgorge_core.data.near import near_duplicates
from disgorge_core.figures.bars import bars, top_counts

Open = Callable[..., AppTest]


def html(app: AppTest) -> str:
    return " ".join(e.value for e in app.main.get("html"))


def test_the_card_counts_the_records_of_each_split(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    counts = [int((data.split == code).sum()) for code in range(3)]
    app = open_page("case/data", case=case.id)
    train, validation, test = (f"{count:,}" for count in counts)
    expected = f"{sum(counts):,} ({train} train, {validation} validation, {test} test)"
    assert expected in html(app)
    assert data.digest[:12] in html(app)


def test_a_filter_leaves_as_many_records_as_the_arrays_hold(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    app = open_page("case/data", case=case.id, tab="Records")
    app.text_input(key="data_filter").set_value("label == '3' and split == 'test'").run()
    expected = int(((data.y == 3) & (data.split == 2)).sum())
    assert any(f"{expected:,} of {len(data):,} records" in c.value for c in app.caption)


def test_a_filter_that_cannot_be_read_is_explained_and_shows_everything(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = open_page("case/data", case=case.id, tab="Records")
    app.text_input(key="data_filter").set_value("no_such_column == 1").run()
    assert not app.exception
    assert len(app.error) == 1
    count = len(cases.dataset(case.dataset))
    assert any(f"{count:,} of {count:,} records" in c.value for c in app.caption)


def test_every_column_can_be_charted(open_page: Open, case: Case) -> None:
    app = open_page("case/data", case=case.id, tab="Columns")
    for column in app.selectbox(key="data_column").options:
        app.selectbox(key="data_column").set_value(column).run()
        assert not app.exception, column


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    n = 120
    return pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "age": draw.integers(20, 80, n),
            "weight": draw.normal(70, 10, n),
            "hospital": draw.choice(["A", "B"], n),
            "outcome": draw.choice(["well", "ill"], n),
        }
    )


def uploaded(open_page: Open, frame: pd.DataFrame) -> AppTest:
    app = open_page("case/data", new="1")
    buffer = io.BytesIO()
    frame.to_csv(buffer, index=False)
    app.file_uploader(key="upload_data").upload("people.csv", buffer.getvalue(), "text/csv").run()
    assert not app.exception, app.exception
    return app


def role(app: AppTest, part: str) -> object:
    return next(box for box in app.selectbox if box.key.startswith(f"role_{part}_"))


def test_roles_are_guessed_with_reasons_and_the_case_is_made(open_page: Open, cases: Cases) -> None:
    frame = table()
    app = uploaded(open_page, frame)
    guessed = {part: role(app, part).value for part in ("label", "id", "source")}
    assert guessed == {"label": "outcome", "id": "patient_id", "source": "hospital"}
    assert sum(c.value == "Guessed, by its name and values" for c in app.caption) == 3
    app.button(key="upload_create").click().run()
    (made,) = cases.list()
    data = cases.dataset(made.dataset)
    assert made.name == "people"
    assert list(data.ids) == list(frame["patient_id"])
    codes = [data.classes.index(word) for word in frame["outcome"]]
    assert list(data.y) == codes
    assert app.session_state["ui"].case == made.id


def test_a_corrected_role_is_taken(open_page: Open, cases: Cases) -> None:
    app = uploaded(open_page, table())
    role(app, "label").set_value("hospital")
    role(app, "source").set_value("(none)").run()
    app.button(key="upload_create").click().run()
    (made,) = cases.list()
    assert cases.dataset(made.dataset).classes == ("A", "B")


def test_a_bad_file_is_explained_in_words(open_page: Open, cases: Cases) -> None:
    frame = table()
    frame.loc[3, "outcome"] = None
    app = uploaded(open_page, frame)
    assert any("missing in 1 of 120" in e.value for e in app.error)
    assert not [b for b in app.button if b.key == "upload_create"]
    assert cases.list() == []


def test_exact_duplicates_are_counted_for_tables_and_pictures() -> None:
    frame = table()
    data = dataset_of(pd.concat([frame, frame.iloc[:5]], ignore_index=True), "twice", {"id": ""})
    assert near_duplicates(data, "exact").together.sum() == 10


def test_counts_keep_the_largest_and_sum_the_others() -> None:
    values = [*"aaaaabbbbcccd", "e", None]
    counts = top_counts(values, most=2)
    assert counts == [("a", 5), ("b", 4), ("others (4)", 6)]
    figure = bars(counts)
    assert list(figure.data[0].x) == [5, 4, 6]
    assert sum(figure.data[0].x) == len(values)
