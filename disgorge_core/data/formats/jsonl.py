"""JSON lines: one object a line, each with the same kind of values under the same keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

import orjson
import pyarrow as pa

from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import MOST_COLUMNS, Room
from disgorge_core.data.reading.plain_text import head
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

BLOCK = 2**23  # bytes of the lines that are held at once
LONGEST = 2**24  # bytes of a line
OBJECT = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*(["}]|$)')
ARRAY = re.compile(rb'(\xef\xbb\xbf)?\s*\[\s*[\[{"]')
TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.large_string()}
AS_LINES = "Write one object a line, as df.to_json(path, orient='records', lines=True) does."
Columns = dict[str, list[object]]


@DATA_FORMATS.register
class Jsonl:
    """One flat JSON object a line."""

    name = "jsonl"
    title = "JSON lines"
    suffixes = (".jsonl", ".ndjson", ".json")
    order = 70

    def sniff(self, path: Path) -> bool:
        """Does it begin as a JSON object or array does?"""
        start = head(path)
        return bool(OBJECT.match(start) or ARRAY.match(start))

    def read(self, path: Path, room: Room) -> Reading:
        """The table; a key that a line lacks is missing there. Raises BadData that names the line."""
        if ARRAY.match(head(path)):
            raise BadData("The file is one JSON array.", AS_LINES)
        schema = _schema(path)
        batches = (_batch(columns, schema) for columns in _blocks(path))
        return Reading(pa.RecordBatchReader.from_batches(schema, batches))


def _schema(path: Path) -> pa.Schema:
    """A column for each key, in the order of their first use, of a type that holds all its values."""
    kinds: dict[str, set[type]] = {}
    for columns in _blocks(path):
        for key, values in columns.items():
            kinds.setdefault(key, set()).update(map(type, values))
        if len(kinds) > MOST_COLUMNS:
            raise BadData(
                f"The lines have more than {MOST_COLUMNS:,} different keys.", "Use fewer keys."
            )
    if not kinds:
        raise BadData("The lines have no keys.", AS_LINES)
    return pa.schema([(key, _type(found)) for key, found in kinds.items()])


def _type(found: set[type]) -> pa.DataType:
    """Whole numbers among others are numbers; other mixtures are text."""
    some = found - {type(None)}
    if some == {int, float}:
        return pa.float64()
    if len(some) > 1:
        return pa.large_string()
    return TYPES[some.pop()] if some else pa.null()


def _batch(columns: Columns, schema: pa.Schema) -> pa.RecordBatch:
    rows = len(next(iter(columns.values()), []))
    cells = [_column(columns.get(f.name, [None] * rows), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(cells, schema=schema)


def _column(values: list[object], kind: pa.DataType) -> pa.Array:
    if kind == pa.large_string() and not set(map(type, values)) <= {str, type(None)}:
        values = [v if v is None or isinstance(v, str) else _as_text(v) for v in values]
    return pa.array(values, kind)


def _as_text(value: object) -> str:
    return orjson.dumps(value).decode()


def _blocks(path: Path) -> Iterator[Columns]:
    """The values under each key, of some lines after others; raises BadData that names the line."""
    rows: list[dict[str, object]] = []
    numbers: list[int] = []
    size = 0
    for number, line in _lines(path):
        rows.append(_row(line, number))
        numbers.append(number)
        size += len(line)
        if size > BLOCK:
            yield _columns(rows, numbers)
            rows, numbers, size = [], [], 0
    yield _columns(rows, numbers)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise BadData(f"Line {number:,} is longer than {LONGEST // 2**20} MB.", AS_LINES)
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if text:
                yield number, text


def _row(line: bytes, number: int) -> dict[str, object]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        words = str(error).split(": line")[0]
        raise BadData(f"Line {number:,} is not JSON: {words[:80]}.", AS_LINES) from None
    if not isinstance(row, dict):
        raise BadData(f"Line {number:,} is not a JSON object.", AS_LINES)
    return row


def _columns(rows: list[dict[str, object]], numbers: list[int]) -> Columns:
    keys = dict.fromkeys(chain.from_iterable(rows))
    columns = {key: [row.get(key) for row in rows] for key in keys}
    for key, values in columns.items():
        types = set(map(type, values))
        if types & {dict, list} or (int in types and not _fit(values)):
            _refuse(key, values, numbers)
    return columns


def _fit(values: list[object]) -> bool:
    """Whether whole numbers have few enough digits to be kept."""
    whole = [value for value in values if type(value) is int]
    return min(whole) >= -(2**63) and max(whole) < 2**63


def _refuse(key: str, values: list[object], numbers: list[int]) -> NoReturn:
    """Name the line of the first value that cannot stand in a cell."""
    for value, number in zip(values, numbers, strict=True):
        if isinstance(value, dict | list):
            raise BadData(
                f"In line {number:,} the key {key[:60]!r} holds more than one value.",
                "Keep numbers, texts, true, false and null; give inner values keys of their own.",
            )
        if type(value) is int and not _fit([value]):
            break
    raise BadData(
        f"The number {key[:60]!r} of line {number:,} has too many digits.", "Write it as text."
    )
