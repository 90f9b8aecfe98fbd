"""What cells of text are: whole numbers, true/false, numbers or text; asked of block after block."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

CODE = r"^[+-]?(0[0-9]|[0-9]{17})"  # 007, or a number of more digits than a number holds
KINDS = (pa.null(), pa.int64(), pa.bool_(), pa.float64())  # the first that fits all cells is taken


def fitting(kinds: list[pa.DataType], cells: pa.Array) -> list[pa.DataType]:
    """Those of the kinds that all these cells can be."""
    return [kind for kind in kinds if _fits(cells, kind)]


def kind_of(kinds: list[pa.DataType]) -> pa.DataType:
    """The kind of a column that all of these would fit."""
    return kinds[0] if kinds else pa.large_string()


def typed(cells: pa.Array, kind: pa.DataType) -> pa.Array:
    """The cells as values of the kind; raises ArrowInvalid where one does not fit."""
    if kind == pa.large_string():
        return cells.cast(kind)
    return pc.ascii_trim(cells, " \t").cast(kind)


def _fits(cells: pa.Array, kind: pa.DataType) -> bool:
    if cells.null_count == len(cells):
        return True
    if kind == pa.null():
        return False
    try:
        typed(cells, kind)
    except pa.ArrowInvalid:
        return False
    return kind == pa.bool_() or not pc.any(pc.match_substring_regex(cells, CODE)).as_py()
