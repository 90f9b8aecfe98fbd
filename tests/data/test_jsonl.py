"""JSON lines against Python's own json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disgorge_core.data.formats import jsonl
from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.process import read_apart
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")


def written(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return path


VALUES = {
    "whole": st.integers(-(2**63), 2**63 - 1), "number": st.floats(allow_nan=False, allow_infinity=False),
    "text": st.text(st.characters(exclude_categories=["Cs"])), "flag": st.booleans(),
}  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={k: st.one_of(st.none(), v) for k, v in VALUES.items()}),
    min_size=1,
)


@given(ROWS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_json_wrote_comes_back(tmp_path: Path, rows: list[dict]) -> None:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    path = written(tmp_path, *rows)
    if not keys:
        assert "no keys" in refused(path)
        return
    table = read_apart(path).table
    assert table.column_names == keys
    for key in keys:
        assert table[key].to_pylist() == [row.get(key) for row in rows]


def test_types_hold_all_values_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BLOCK", 10)  # a block for each line
    rows = [
        {"a": 1, "b": 1, "c": True},
        {"a": 2.5, "b": "x", "c": None, "d": 7},
        {"b": 1.5, "c": "y"},
    ]
    table = read_apart(written(tmp_path, *rows, "\n")).table
    assert table.to_pydict() == {
        "a": [1.0, 2.5, None], "b": ["1", "x", "1.5"], "c": ["true", None, "y"], "d": [None, 7, None],
    }  # fmt: skip


def test_a_mark_of_the_byte_order_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    table = read_apart(written(tmp_path, "\ufeff\n", {"a": "é"}, "  \n", {"a": "b"})).table
    assert table.to_pydict() == {"a": ["é", "b"]}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"a": 1}\n', '{"a": {"b": 1}}\n'], "In line 2 the key 'a' holds more than one value"),
        (['{"a": 1}\n', '{"b": 1, "a": [1]}\n'], "In line 2 the key 'a'"),
        (['{"a": 1}\n', "[1]\n"], "Line 2 is not a JSON object"),
        (['{"a": 1}\n', "\n", '{"a": \n'], "Line 3 is not JSON"),
        (['{"a": NaN}\n'], "Line 1 is not JSON"),
        (["{\n", ' "a": 1\n', "}\n"], "Line 1 is not JSON"),
        (['[{"a": 1}, {"a": 2}]'], "one JSON array. Write one object a line"),
        (['{"a": 18446744073709551615}\n'], "The number 'a' of line 1 has too many digits"),
        (["{}\n", "{}\n"], "no keys"),
        (['{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n"], "Line 1 is not JSON"),
    ],
)
def test_what_is_no_flat_object_is_named_with_its_line(
    tmp_path: Path, lines: list[str], says: str
) -> None:
    assert says in refused(written(tmp_path, *lines))


def test_broken_text_and_endless_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": "caf\xe9"}\n')
    assert "Line 1 is not JSON" in refused(path)
    monkeypatch.setattr(jsonl, "LONGEST", 2**20)
    path.write_bytes(b'{"a": "' + b"x" * 2**21)
    assert "Line 1 is longer than 1 MB" in refused(path)


def test_many_keys_and_many_cells(tmp_path: Path) -> None:
    path = written(tmp_path, *({f"k{i}-{j}": 1 for j in range(100)} for i in range(60)))
    assert "5,000 different keys" in refused(path)
    path = written(tmp_path, *({"a": 1, "b": 2} for _ in range(60)))
    assert "more than 100 cells" in refused(path, Limits(cells=100))
