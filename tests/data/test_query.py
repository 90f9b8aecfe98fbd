"""The filter grammar against its definition, one row at a time; and everything it must refuse."""

from __future__ import annotations

import operator
import string
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from disgorge_core.data.query import columns, select
from disgorge_core.errors import BadQuery
from disgorge_core.types import Dataset, Roles

SIGNS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def people(n: int = 12) -> Dataset:
    """Texts, numbers, flags, missing values, column names that need quoting."""
    pick = np.arange(n)
    meta = pd.DataFrame(
        {
            "name": pd.Series([f"P{i % 5}" if i % 4 else None for i in pick], dtype="str"),
            "age": np.where(pick % 3 == 0, np.nan, 20.0 + pick),
            "score": pick % 4,
            "home town": pd.Categorical.from_codes(pick % 4 - 1, ["Bonn", "Rome", "York"]),
            "it's": pick % 2 == 0,
            "seen": pd.array([None if i % 5 == 0 else bool(i % 2) for i in pick], "boolean"),
        }
    )
    return Dataset(
        name="people", kind="table", task="classification", x=meta[["age", "score"]], meta=meta,
        ids=np.array([f"r{i}" for i in pick]), y=(pick % 2).astype(np.int64), digest="d" * 64,
        classes=("no", "yes"), split=np.minimum(pick % 4, 2).astype(np.int8), roles=Roles(),
    )  # fmt: skip


DATA = people()
ROWS: list[dict[str, Any]] = [
    {
        **{k: None if pd.isna(v) else v for k, v in row.items()},
        "id": str(DATA.ids[i]),
        "label": DATA.classes[DATA.y[i]],
        "split": ("train", "validation", "test")[DATA.split[i]],
    }
    for i, row in enumerate(DATA.meta.to_dict("records"))
]
TEXTS = ("name", "home town", "id", "label", "split")
NUMBERS = ("age", "score")
FLAGS = ("it's", "seen")

# A filter and its definition: a function of one row that gives True, False or None (unknown).
Pair = tuple[str, Any]


def written(column: str) -> str:
    return column if column.isidentifier() else f"`{column}`"


def compared(column: str, sign: str, value: Any) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        return None if row[column] is None else bool(SIGNS[sign](row[column], value))

    return f"{written(column)} {sign} {value!r}", holds


def among(column: str, values: list[Any]) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        return None if row[column] is None else row[column] in values

    return f"{written(column)} in {values!r}", holds


def containing(column: str, value: str) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        return None if row[column] is None else value in row[column]

    return f"contains({written(column)}, {value!r})", holds


def missing(column: str) -> Pair:
    return f"missing({written(column)})", lambda row: row[column] is None


def flag(column: str) -> Pair:
    return written(column), lambda row: row[column]


def within(low: float, column: str, high: float) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        return None if row[column] is None else low < row[column] <= high

    return f"{low!r} < {column} <= {high!r}", holds


def negated(pair: Pair) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        return None if pair[1](row) is None else not pair[1](row)

    return f"not ({pair[0]})", holds


def both(first: Pair, second: Pair) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        answers = (first[1](row), second[1](row))
        return False if False in answers else None if None in answers else True

    return f"({first[0]}) and ({second[0]})", holds


def either(first: Pair, second: Pair) -> Pair:
    def holds(row: dict[str, Any]) -> bool | None:
        answers = (first[1](row), second[1](row))
        return True if True in answers else None if None in answers else False

    return f"({first[0]}) or ({second[0]})", holds


text_value = st.sampled_from(["P1", "P3", "Rome", "r3", "r1", "yes", "test", "", "o", "né'\"`\\"])
number = st.one_of(st.integers(-3, 35), st.sampled_from([0.5, -2.5, 21.0, 1e18]))
sign = st.sampled_from(sorted(SIGNS))
leaf = st.one_of(
    st.builds(compared, st.sampled_from(TEXTS), sign, text_value),
    st.builds(compared, st.sampled_from(NUMBERS), sign, number),
    st.builds(compared, st.sampled_from(FLAGS), st.sampled_from(["==", "!="]), st.booleans()),
    st.builds(among, st.sampled_from(TEXTS), st.lists(text_value, max_size=4)),
    st.builds(among, st.sampled_from(NUMBERS), st.lists(number, max_size=4)),
    st.builds(containing, st.sampled_from(TEXTS), text_value),
    st.builds(missing, st.sampled_from(TEXTS + NUMBERS + FLAGS)),
    st.builds(flag, st.sampled_from(FLAGS)),
    st.builds(within, number, st.sampled_from(NUMBERS), number),
)
condition = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(negated, inner), st.builds(both, inner, inner), st.builds(either, inner, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(condition)
def test_equals_the_definition(pair: Pair) -> None:
    expected = [pair[1](row) is True for row in ROWS]
    assert select(DATA, pair[0]).tolist() == expected


def test_some_filters_match_and_some_do_not() -> None:
    assert select(DATA, "name == 'P1'").tolist() == [i in (1, 6, 11) for i in range(12)]
    assert select(DATA, "name == 'nobody'").sum() == 0


def test_columns_can_be_compared_with_columns() -> None:
    found = select(DATA, "`home town` < name")
    expected = [
        r["name"] is not None and r["home town"] is not None and r["home town"] < r["name"]
        for r in ROWS
    ]
    assert any(expected)
    assert found.tolist() == expected
    assert select(DATA, "score < age").sum() == 8


def test_values_may_stand_on_the_left() -> None:
    assert np.array_equal(select(DATA, "25 < age"), select(DATA, "age > 25"))
    assert np.array_equal(select(DATA, "'P2' >= name"), select(DATA, "name <= 'P2'"))


def test_true_stands_for_its_word_in_a_column_of_text() -> None:
    meta = pd.DataFrame({"flag": pd.Categorical(["True", "False"] * 6)})
    data = replace(DATA, meta=meta)
    assert np.array_equal(select(data, "flag == True"), select(data, "flag == 'True'"))
    assert select(data, "flag == True").sum() == 6


def test_own_columns_come_before_the_virtual_ones() -> None:
    data = replace(DATA, meta=pd.DataFrame({"id": np.arange(12)}))
    assert select(data, "id == 3").tolist() == [i == 3 for i in range(12)]


def test_labels_of_a_regression_are_numbers() -> None:
    data = replace(DATA, task="regression", y=np.linspace(0, 1, 12), classes=())
    assert select(data, "label > 0.5").sum() == 6


def test_columns_are_listed_with_their_kinds() -> None:
    assert columns(DATA) == {
        "name": "text", "age": "number", "score": "number", "home town": "text",
        "it's": "true/false", "seen": "true/false", "id": "text", "split": "text", "label": "text",
    }  # fmt: skip


def refused(text: str) -> str:
    with pytest.raises(BadQuery) as error:
        select(DATA, text)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("  \n ", "is empty"),
        ("nam == 'x'", "Close names: name."),
        ("name == P1", "Text goes between quotes"),
        ("zzz == 1", "Known: name, age"),
        ("name = 'P1'", "Write == to compare"),
        ("age == '3'", "'age' holds number, not text"),
        ("name == 3", "Write the value as text: '3'"),
        ("name < 3", "'name' holds text, not number"),
        ("`it's` == 1", "Write True or False"),
        ("age == True", "not true/false"),
        ("score in [1, 'a']", "'score' holds number, not text"),
        ("name < age", "Compare columns of the same kind"),
        ("contains(age, '1')", "contains(...) takes a column of text"),
        ("contains(name, 1)", "contains(...) takes"),
        ("contains(name)", "contains(...) takes"),
        ("contains()", "contains(...) takes"),
        ("contains(name, 'a', 'b')", "contains(...) takes"),
        ("missing()", "missing(...) takes one column"),
        ("missing(age, name)", "missing(...) takes one column"),
        ("missing('age')", "missing(...) takes one column"),
        ("age", "alone is not a condition"),
        ("1 == 1", "neither is a column"),
        ("'name' == 'P1'", "column names without quotes"),
        ("'P1' in name", "'in' takes a column and a list"),
        ("name in 'P1'", "'in' takes a column and a list"),
        ("name is None", "missing(column)"),
        ("age == None", "None is neither"),
        ("age == -'3'", "is neither a text nor a number"),
        ("age == -True", "is neither a text nor a number"),
        ("age == 1j", "1j is neither"),
        ("name == b'P1'", "is neither a text nor a number"),
        ("name == 'a' & age == 3", "is neither a text nor a number"),
        ("age == 1e999", "too large"),
        ("age == 10**999", "is neither a text nor a number"),
        ("age == " + "9" * 30, "too large"),
        ("name == '\\ud800'", "half a character"),
        ("name == '" + "x" * 2000 + "'", "more than 2,000 characters"),
        ("not " * 60 + "seen", "nested more than 40 deep"),
        ("(" * 300 + "seen" + ")" * 300, "cannot be read"),
        ("name == 'a", "cannot be read"),
        ("name == '\0'", "cannot be read"),
        ("a; b", "cannot be read"),
        ("import os", "cannot be read"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, says: str) -> None:
    assert says in refused(text)


@pytest.mark.parametrize(
    "attack",
    [
        "@__import__('os').system('touch {mark}')",
        "name == @x",
        "__import__('os').system('touch {mark}')",
        "name.__class__.__mro__",
        "name.map(print) == 1",
        "().__class__.__bases__[0].__subclasses__()",
        "eval('1')",
        "exec('1') == 1",
        "open('{mark}', 'w')",
        "contains(open('{mark}', 'w'), 'a')",
        "missing(open('{mark}', 'w'))",
        "contains(name, text=open('{mark}', 'w'))",
        "col(open('{mark}', 'w')) == 1",
        "col('age').__class__ == 1",
        "[open('{mark}', 'w') for x in name]",
        "name in [open('{mark}', 'w')]",
        "name in {{'P1'}}",
        "name in (x for x in name)",
        "(lambda: open('{mark}', 'w'))()",
        "(x := open('{mark}', 'w'))",
        "f'{{open(1)}}' == name",
        "name == f'{{open(1)}}'",
        "name[0] == 'P'",
        "open('{mark}', 'w') if age == 1 else seen",
        "await name",
        "yield name",
        "*name",
        "__builtins__ == 1",
        "contains.__globals__ == 1",
    ],
)
def test_attacks_are_refused_and_nothing_runs(attack: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    refused(attack.format(mark=mark))
    assert not mark.exists()


fragment = st.sampled_from(
    [
        "name", "age", "`home town`", "`", "col('age')", "==", "<", "in", "not", "and", "or", "(", ")", "[",
        "]", "'P1'", "'", '"', "3", "-", "1e9", ",", "contains", "missing", ".", "@", "\\", "f'", "{", "}",
        "lambda", ":", "True", "None", "is", "~", "*", "#", "\n", "\0", "\ud800", "é", "0x", "1_0", "if",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(fragment, max_size=12).map(" ".join)))
@example("f'{'a'}'")
@example("name == f'\\{age}'")
@example("(" * 199 + "seen" + ")" * 199)
def test_nothing_but_bad_query_is_ever_raised(text: str) -> None:
    try:
        answer = select(DATA, text)
    except BadQuery as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert answer.dtype == bool
        assert answer.shape == (12,)


def test_it_does_not_recurse_deep_on_a_deep_stack() -> None:
    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        else:
            refused("-" * 1900 + "1")

    down(sys.getrecursionlimit() // 2)


def test_every_printable_name_can_be_written() -> None:
    name = string.printable.split("`")[0].replace("\n", "").replace("\r", "")
    data = replace(DATA, meta=pd.DataFrame({name: np.arange(12)}))
    assert select(data, f"col({name!r}) == 3").sum() == 1
    assert select(data, f"`{name}` == 3").sum() == 1
