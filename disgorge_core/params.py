"""Dataclass fields that describe themselves: form, command-line flag and report row come from here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, get_type_hints

from disgorge_core.errors import BadParam

Scalar = int | float | str | bool


@dataclass(frozen=True)
class Param:
    """One setting: its name, type, default, bounds, unit and help."""

    name: str
    type: type
    default: Any
    label: str
    help: str
    unit: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[Any, ...] = ()
    advanced: bool = False
    column: bool = False  # text that names a column of the dataset
    optional: bool = False  # such a text may be empty


def param(
    default: Any,
    *,
    help: str,
    label: str = "",
    unit: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: tuple[Any, ...] = (),
    advanced: bool = False,
    column: bool = False,
    optional: bool = False,
) -> Any:
    """A dataclass field that carries what a form needs to draw it."""
    meta = {"help": help, "label": label, "unit": unit, "min": min, "max": max}
    more = {"choices": choices, "advanced": advanced, "column": column, "optional": optional}
    return dataclasses.field(default=default, metadata={**meta, **more})


def params_of(kind: type) -> tuple[Param, ...]:
    """The settings of a dataclass, in the order of its fields."""
    hints = get_type_hints(kind)
    fields = [f for f in dataclasses.fields(kind) if "help" in f.metadata]
    return tuple(_param(f, hints[f.name]) for f in fields)


def _param(field: dataclasses.Field[Any], hint: Any) -> Param:
    meta = dict(field.metadata)
    label = meta.pop("label") or field.name.replace("_", " ").capitalize()
    default = None if field.default is MISSING else field.default
    return Param(field.name, hint, default, label, **meta)


def values_of(instance: Any) -> dict[str, Scalar]:
    """The settings of one instance as a plain dictionary."""
    return {p.name: getattr(instance, p.name) for p in params_of(type(instance))}


def make(kind: type, values: Mapping[str, Any]) -> Any:
    """An instance with these settings; raises BadParam for unknown names and out-of-bounds values."""
    known = {p.name: p for p in params_of(kind)}
    for name in values:
        if name not in known:
            raise BadParam(f"There is no setting {name!r}.", f"Known are: {', '.join(known)}.")
    checked = {name: _checked(known[name], value) for name, value in values.items()}
    return kind(**checked)


def _checked(p: Param, value: Any) -> Any:
    value = _cast(p, value)
    if p.choices and value not in p.choices:
        raise BadParam(f"{p.label} cannot be {value!r}.", f"Choose one of {list(p.choices)}.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low = p.min is not None and not value >= p.min
        high = p.max is not None and not value <= p.max
        if low or high:
            raise BadParam(f"{p.label} is {value}.", f"It must lie between {p.min} and {p.max}.")
    return value


def _cast(p: Param, value: Any) -> Any:
    if p.type is bool and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    try:
        return value if isinstance(value, p.type) else p.type(value)
    except (TypeError, ValueError):
        raise BadParam(f"{p.label} is {value!r}.", f"It must be a {p.type.__name__}.") from None
