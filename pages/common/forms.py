"""Settings as widgets: the only place that knows which widget goes with which kind of setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from disgorge_core.params import Param, make, params_of
from disgorge_core.types import Dataset

NO_LIMIT = 1 << 53  # browsers count in doubles


def fields(
    kind: type,
    key: str,
    *,
    start: Mapping[str, Any] | None = None,
    hide: Iterable[str] = (),
    columns: int = 3,
    disabled: bool = False,
    data: Dataset | None = None,
) -> dict[str, Any]:
    """Widgets for the settings of a dataclass; gives the chosen values by name.

    `start` overrides defaults, `hide` leaves settings out. Advanced ones stand in an expander. Settings
    that name a column offer those of `data`.
    """
    shown = [_with_columns(p, data) for p in params_of(kind) if p.name not in set(hide)]
    start = dict(start or {})
    plain = [p for p in shown if not p.advanced]
    values = _grid(plain, key, start, columns, disabled)
    advanced = [p for p in shown if p.advanced]
    if advanced:
        with st.expander("More settings", key=f"{key}_more", type="compact"):
            values |= _grid(advanced, key, start, columns, disabled)
    return values


def _with_columns(p: Param, data: Dataset | None) -> Param:
    """A setting that names a column, with the columns to choose from: none if it may be, then the owner's."""
    if not p.column or data is None:
        return p
    owner = data.roles.owner or data.roles.source
    names = tuple(sorted(map(str, data.meta.columns), key=lambda name: (name != owner, name)))
    if p.optional:
        return replace(p, choices=("", *names))
    return replace(p, choices=names, default=p.default or names[0])


def instance(kind: type, key: str, **options: Any) -> Any:
    """The dataclass made from the form's values; raises BadParam for values out of bounds."""
    return make(kind, fields(kind, key, **options))


def _grid(
    params: list[Param], key: str, start: Mapping[str, Any], columns: int, disabled: bool
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for first in range(0, len(params), columns):
        places = st.columns(columns, gap="medium")
        for place, p in zip(places, params[first : first + columns], strict=False):
            with place:
                value = start.get(p.name, p.default)
                values[p.name] = widget(p, f"{key}_{p.name}", value, disabled)
    return values


def widget(p: Param, key: str, value: Any, disabled: bool = False) -> Any:
    """One widget for one setting, starting at `value`."""
    common = {"label": label_of(p), "key": key, "help": p.help, "disabled": disabled}
    if p.choices:
        return st.selectbox(
            options=p.choices, index=p.choices.index(value), format_func=_said, **common
        )
    return _WIDGETS[p.type](p, value, common)


def _said(choice: Any) -> str:
    return str(choice) if choice != "" else "none"


def label_of(p: Param) -> str:
    """Label with its unit."""
    return f"{p.label} ({p.unit})" if p.unit else p.label


def _switch(p: Param, value: Any, common: dict[str, Any]) -> bool:
    return st.toggle(value=bool(value), **common)


def _whole(p: Param, value: Any, common: dict[str, Any]) -> int:
    low = None if p.min is None else int(p.min)
    high = NO_LIMIT - 1 if p.max is None else int(min(p.max, NO_LIMIT - 1))
    return st.number_input(value=int(value), min_value=low, max_value=high, step=1, **common)


def _number(p: Param, value: Any, common: dict[str, Any]) -> float:
    low = None if p.min is None else float(p.min)
    high = None if p.max is None else float(p.max)
    step = _step(float(value))
    return st.number_input(
        value=float(value), min_value=low, max_value=high, step=step, format="%g", **common
    )


def _step(value: float) -> float:
    """A tenth of the value's power of ten: one click moves the first or second digit."""
    return 10.0 ** (len(f"{abs(value):.0f}") - 2) if abs(value) >= 1 else _small_step(abs(value))


def _small_step(value: float) -> float:
    if value == 0:
        return 0.001
    exponent = int(f"{value:e}".split("e")[1])
    return float(f"1e{exponent}")


def _text(p: Param, value: Any, common: dict[str, Any]) -> str:
    return st.text_input(value=str(value), **common)


_WIDGETS: dict[type, Callable[[Param, Any, dict[str, Any]], Any]] = {
    bool: _switch,
    int: _whole,
    float: _number,
    str: _text,
}
