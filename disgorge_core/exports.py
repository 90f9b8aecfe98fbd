"""What is taken out: records, forget sets and per-record results as CSV, Parquet and JSON.

Files are written block by block, as a whole or not at all; no row is ever left out. A spreadsheet runs
text that begins like a formula, and the text of a dataset may come from anybody: in CSV files an apostrophe
stands before such text (numbers stay as they are), while Parquet and JSON hold everything as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from disgorge_core import comparison, store
from disgorge_core.comparison import Comparison
from disgorge_core.data.columns import column_of
from disgorge_core.errors import BadData, BadParam
from disgorge_core.types import SPLITS, Array, Dataset, ForgetSet

BLOCK = 50_000  # rows held at once
SUFFIXES = (".csv", ".parquet")
# what a spreadsheet takes for the start of a formula (OWASP, "CSV Injection")
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
GUARD = "In CSV files an apostrophe stands before text that a spreadsheet would run as a formula."


@dataclass(frozen=True)
class Written:
    """A finished file: its rows, and how many cells of text got an apostrophe."""

    path: Path
    rows: int
    guarded: int = 0


def write_records(data: Dataset, rows: Array, path: Path | str) -> Written:
    """The records of these row numbers, as `records_of` shows them, to .csv or .parquet.

    Raises BadParam for another ending, StoreError, and BadData for a column of mixed types.
    """
    columns = _columns(data)
    blocks = (_taken(columns, part) for part in _parts(rows))
    return write_table(blocks, path, {name: _arrow(v, name).type for name, v in columns.items()})


def records_of(data: Dataset, rows: Array) -> pd.DataFrame:
    """One row a record: id, split, label and every column of the file; of pictures no pixels.

    A column of the file named "id" or "split" that says something else is kept as "own id", "own split".
    """
    return _taken(_columns(data), rows)


def write_forget(data: Dataset, forget: ForgetSet, path: Path | str) -> Written:
    """The records of a forget set; .json holds its ids with reason, author and how it was made."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        store.write_bytes(path, forget_json(forget))
        return Written(path, len(forget))
    return write_records(data, np.flatnonzero(forget.mask(data)), path)


def forget_json(forget: ForgetSet) -> bytes:
    """A forget set as `data.forget_set.load` reads it."""
    content = {**asdict(forget), "digest": forget.digest}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1).encode()


def write_comparison(c: Comparison, data: Dataset, path: Path | str) -> Written:
    """Every record before and after, and by the references, as `comparison.records` shows it."""
    return write_table(
        (comparison.records(c, data, part) for part in _parts(data.rows("all"))), path
    )


def in_memory(write: Callable[[Path], Written], suffix: str) -> bytes:
    """The bytes of a file that `write` writes, for a download."""
    with TemporaryDirectory() as place:
        return write(Path(place) / f"table{suffix}").path.read_bytes()


# --- columns ------------------------------------------------------------------------------------


def _columns(data: Dataset) -> dict[str, pd.Series]:
    """Every column by its name in the file, whole: nothing is copied."""
    own = {str(name): data.meta[name] for name in data.meta.columns}
    if isinstance(data.x, pd.DataFrame):
        own |= {str(name): data.x[name] for name in data.x.columns if name not in own}
    splits = np.array(SPLITS)[data.split.astype(np.int64)]
    found = {"id": pd.Series(data.ids).astype("str"), "split": pd.Series(splits, dtype="str")}
    if data.roles.label not in own:
        found["label"] = column_of(data, "label").values
    for name, values in own.items():
        if name not in found or not _same(values, found[name]):
            found[_free(name, found)] = values
    return found


def _same(values: pd.Series, other: pd.Series) -> bool:
    return bool((values.astype("str").to_numpy() == other.astype("str").to_numpy()).all())


def _free(name: str, taken: dict[str, pd.Series]) -> str:
    while name in taken:
        name = f"own {name}"
    return name


def _taken(columns: dict[str, pd.Series], rows: Array) -> pd.DataFrame:
    return pd.DataFrame({k: v.iloc[rows].reset_index(drop=True) for k, v in columns.items()})


def _parts(rows: Array) -> Iterator[Array]:
    """The rows in blocks; one empty block where there are none, for the names of the columns."""
    for start in range(0, max(1, len(rows)), BLOCK):
        yield rows[start : start + BLOCK]


# --- files --------------------------------------------------------------------------------------


def write_table(
    blocks: Iterable[pd.DataFrame], path: Path | str, types: dict[str, pa.DataType] | None = None
) -> Written:
    """Blocks of one table as .csv or .parquet; `types` by column, else those of the first block."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise BadParam(
            f"A table cannot be written as {path.name[-40:]!r}.",
            "End the name in .csv or .parquet.",
        )
    with store.writing(path) as temporary:
        if path.suffix.lower() == ".csv":
            rows, guarded = _write_csv(blocks, temporary)
        else:
            rows, guarded = _write_parquet(blocks, temporary, types), 0
    return Written(path, rows, guarded)


def _write_csv(blocks: Iterable[pd.DataFrame], path: Path) -> tuple[int, int]:
    rows = guarded = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(blocks):
            safe, count = _safe(block)
            safe.to_csv(file, index=False, header=number == 0, lineterminator="\n")
            rows, guarded = rows + len(block), guarded + count
    return rows, guarded


def _safe(block: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The table with an apostrophe before text that a spreadsheet would run, and how many there are."""
    columns = {name: _guarded(block[name]) for name in block.columns}
    names, _ = _guarded(pd.Series([str(name) for name in columns], dtype="str"))
    safe = pd.DataFrame(dict(enumerate(values for values, _ in columns.values())))
    return safe.set_axis(list(names), axis=1), sum(count for _, count in columns.values())


def _guarded(values: pd.Series) -> tuple[pd.Series, int]:
    kinds = pd.api.types
    if kinds.is_numeric_dtype(values) or kinds.is_datetime64_any_dtype(values):
        return values, 0
    texts = values.astype("str")
    runs = texts.str.match(FORMULA, na=False) & ~texts.str.match(NUMBER, na=False)
    return texts.mask(runs, "'" + texts), int(runs.sum())


def _write_parquet(
    blocks: Iterable[pd.DataFrame], path: Path, types: dict[str, pa.DataType] | None
) -> int:
    rows, writer = 0, None
    try:
        for block in blocks:
            types = types or {str(name): _arrow(block[name], name).type for name in block.columns}
            table = pa.table({n: _arrow(block[n], n).cast(kind) for n, kind in types.items()})
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(block)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _arrow(values: pd.Series, name: str) -> pa.Array:
    """A column for Parquet; categories become their values."""
    try:
        array = pa.array(values, from_pandas=True)
    except pa.ArrowException:
        raise BadData(
            f"The column {name[:60]!r} holds values of several types.", "Write it as .csv."
        ) from None
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
