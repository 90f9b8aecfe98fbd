"""Filters in words: `artist == 'Artist 07' and 1900 < year <= 1950`.

The grammar (Python's own syntax, over a short list of what is allowed; nothing is ever evaluated):

    condition   column == value, !=, <, <=, >, >=, chained: 1 < age <= 30
                column in ['a', 'b'], column not in [...]
                contains(column, 'text')          the text occurs in it, capitals count
                missing(column)                   no value is known
                column                            for a column of true and false
                condition and condition, or, not, ( )
    column      its name; `a name with spaces` between backticks, or col('any name')
    value       'text', a number, True, False

`id`, `split` and `label` can be named in every dataset (its own columns of these names come first).
A missing value makes a condition unknown, as in SQL: neither it nor its `not` matches.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
import warnings
from collections.abc import Callable, Iterable

from disgorge_core.data.columns import Column, Truth, column_names, column_of
from disgorge_core.errors import BadQuery
from disgorge_core.types import Array, Dataset

LONGEST = 2000  # characters
DEEPEST = 40  # levels of parentheses, not, and, or
LARGEST = 2**63
EXAMPLE = "Write for example: artist == 'Artist 07' and year < 1950."
BACKTICKS = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`([^`]*)`""")
SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")
SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip
MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
Value = str | float | bool


def select(data: Dataset, text: str) -> Array:
    """Rows (n,) bool for which the filter is true; raises BadQuery where it is not in the grammar."""
    return _Reader(data).condition(_parsed(text)).yes


def columns(data: Dataset) -> dict[str, str]:
    """The columns that a filter may name, each with its kind: "number", "text" or "true/false"."""
    return {name: column_of(data, name).kind for name in column_names(data)}


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise BadQuery(f"The filter has more than {LONGEST:,} characters.", "Upload ids instead.")
    if not text.strip():
        raise BadQuery("The filter is empty.", EXAMPLE)
    plain = BACKTICKS.sub(lambda m: m[1] or f" col({m[2]!r}) ", text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        single = SINGLE_EQUALS.search(BACKTICKS.sub("", text))
        remedy = "Write == to compare." if single else EXAMPLE
        raise BadQuery("The filter cannot be read.", remedy) from None
    _check_depth(tree)
    return tree


def _check_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise BadQuery(f"The filter is nested more than {DEEPEST} deep.", "Split it into several.")


class _Reader:
    """Reads one filter over one dataset; every method refuses what is not in the grammar."""

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def condition(self, node: ast.expr) -> Truth:
        """Truth of a condition."""
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return _joined(map(self.condition, parts), Truth.__and__)
            case ast.BoolOp(values=parts):
                return _joined(map(self.condition, parts), Truth.__or__)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self.condition(part)
            case ast.Compare(left=left, ops=signs, comparators=rest):
                sides = [left, *rest]
                pairs = zip(sides, signs, rest, strict=False)
                return _joined((self._compare(*pair) for pair in pairs), Truth.__and__)
            case ast.Call(func=ast.Name(id=("contains" | "missing") as name), keywords=[]):
                return self._call(name, node.args)
            case _:
                return self._flag(node)

    def _flag(self, node: ast.expr) -> Truth:
        column = self._side(node)
        if column is None:
            raise BadQuery(f"{_shown(node)} is not a condition.", EXAMPLE)
        if column.kind != "true/false":
            raise BadQuery(f"The column {column.name!r} alone is not a condition.", EXAMPLE)
        return column.where(lambda values: values)

    def _call(self, name: str, arguments: list[ast.expr]) -> Truth:
        column = self._side(arguments[0]) if arguments else None
        if name == "missing" and column is not None and len(arguments) == 1:
            gone = column.values.isna().to_numpy(dtype=bool)
            return Truth(gone, ~gone)
        if name == "missing":
            raise BadQuery("missing(...) takes one column.", "Write for example: missing(age).")
        text = _value(arguments[1]) if len(arguments) == 2 else None
        if column is None or column.kind != "text" or not isinstance(text, str):
            raise BadQuery(
                "contains(...) takes a column of text and a text.",
                "Write for example: contains(name, 'Smith').",
            )
        return column.where(lambda values: values.str.contains(text, regex=False))

    def _compare(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Truth:
        if isinstance(sign, ast.In):
            return self._among(left, right)
        if isinstance(sign, ast.NotIn):
            return ~self._among(left, right)
        if type(sign) not in SIGNS:
            raise BadQuery("'is' is not in the grammar.", "Write == or missing(column).")
        how = SIGNS[type(sign)]
        first, second = self._side(left), self._side(right)
        if first is not None and second is not None:
            return _both(first, how, second)
        if first is not None:
            return _with_value(first, how, _value(right))
        if second is not None:
            return _with_value(second, MIRRORED[how], _value(left))
        raise BadQuery(
            f"{_shown(left)} is compared with {_shown(right)}, and neither is a column.",
            "Write column names without quotes.",
        )

    def _among(self, left: ast.expr, right: ast.expr) -> Truth:
        column = self._side(left)
        if column is None or not isinstance(right, ast.List | ast.Tuple):
            raise BadQuery(
                "'in' takes a column and a list.", "Write for example: artist in ['Ann', 'Bob']."
            )
        values = [_fitting(column, _value(item)) for item in right.elts]
        return column.where(lambda known: known.isin(values))

    def _side(self, node: ast.expr) -> Column | None:
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Call(
                func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]
            ):
                return self._named(name)
            case _:
                return None

    def _named(self, name: str) -> Column:
        try:
            return column_of(self.data, name)
        except (KeyError, UnicodeError):
            raise BadQuery(f"There is no column {name[:60]!r}.", self._close(name)) from None

    def _close(self, name: str) -> str:
        names = column_names(self.data)
        close = difflib.get_close_matches(name[:200], names, n=3, cutoff=0.5)
        known = f"Close names: {', '.join(close)}." if close else f"Known: {', '.join(names[:8])}."
        return f"{known} Text goes between quotes."


def _joined(parts: Iterable[Truth], join: Callable[[Truth, Truth], Truth]) -> Truth:
    first, *rest = parts
    for part in rest:
        first = join(first, part)
    return first


def _value(node: ast.expr) -> Value:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        if isinstance(node.value, str):
            return _text(node.value)
        if abs(node.value) >= LARGEST or not math.isfinite(node.value):
            raise BadQuery("A number in the filter is too large.", "Stay below 9.2e18.")
        return node.value
    raise BadQuery(f"{_shown(node)} is neither a text nor a number.", EXAMPLE)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadQuery("A text in the filter holds half a character.", EXAMPLE) from None
    return value


def _shown(node: ast.expr) -> str:
    try:
        words = " ".join(ast.unparse(node).split())
    except ValueError:  # an f-string that cannot be written back
        return "This"
    return words if len(words) <= 40 else f"{words[:40]}..."


def _kind_of(value: Value) -> str:
    if isinstance(value, bool):
        return "true/false"
    return "text" if isinstance(value, str) else "number"


def _fitting(column: Column, value: Value) -> Value:
    """The value if the column can hold it; True and False stand for these words in a text column."""
    if column.kind == "text" and isinstance(value, bool):
        return str(value)
    if column.kind == _kind_of(value):
        return value
    remedies = {
        "text": f"Write the value as text: '{value}'.",
        "number": "Write the number without quotes.",
        "true/false": "Write True or False.",
    }
    raise BadQuery(
        f"The column {column.name!r} holds {column.kind}, not {_kind_of(value)}.",
        remedies[column.kind],
    )


def _with_value(column: Column, how: str, value: Value) -> Truth:
    fitting = _fitting(column, value)
    return column.where(lambda values: getattr(values, how)(fitting))


def _both(first: Column, how: str, second: Column) -> Truth:
    if first.kind != second.kind:
        raise BadQuery(
            f"{first.name!r} holds {first.kind} and {second.name!r} holds {second.kind}.",
            "Compare columns of the same kind.",
        )
    return first.against(how, second)
