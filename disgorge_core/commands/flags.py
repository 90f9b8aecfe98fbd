"""Flags from settings that describe themselves, and back: help, unit, bounds, choices, default."""

from __future__ import annotations

import argparse
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from disgorge_core.errors import BadParam, StoreError
from disgorge_core.params import Param, params_of
from disgorge_core.registry import Registry

WIDTH = 76  # characters of a line of text
METAVARS = {int: "N", float: "X", str: "TEXT"}


class Parser(argparse.ArgumentParser):
    """A parser whose problems are errors of the library: one sentence, exit status 2."""

    def __init__(self, prog: str, usage: str | None = None, **texts: Any) -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, usage, allow_abbrev=False, formatter_class=form, **texts)

    def error(self, message: str) -> NoReturn:
        """Raise BadParam."""
        problem = message[:1].upper() + message[1:].rstrip(".")
        raise BadParam(f"{problem}.", f"See {self.prog} --help.")


def add_settings(group: Any, kind: type, of: str, prefix: str = "") -> None:
    """A flag for each setting of a class; `stated(asked, of)` gives those that were used."""
    for p in params_of(kind):
        flag, dest = f"--{prefix}{p.name.replace('_', '-')}", f"{of}.{p.name}"
        if p.type is bool:
            group.add_argument(
                flag, dest=dest, action=argparse.BooleanOptionalAction, help=_help(p)
            )
        else:
            group.add_argument(flag, dest=dest, metavar=_metavar(p), help=_help(p))


def stated(asked: Namespace, of: str) -> dict[str, Any]:
    """The settings that were given by flags; text, as `params.make` takes it."""
    found = {key.partition(".")[2]: v for key, v in vars(asked).items() if key.startswith(f"{of}.")}
    return {name: value for name, value in found.items() if value is not None}


def add_choice(
    parser: Parser,
    words: Sequence[str],
    flag: str,
    registry: Registry[Any],
    default: str,
    prefix: str = "",
) -> None:
    """The flag that chooses one of a registry, and the settings of what these words choose.

    Raises DisgorgeError for an unknown name.
    """
    known = ", ".join(registry)
    parser.add_argument(
        f"--{flag}", default=default, metavar="NAME",
        help=f"{known} (default {default}); with --help its own settings are shown",
    )  # fmt: skip
    chosen = _chosen(words, flag) or default
    kind = registry[chosen]
    about = getattr(kind, "promise", "") or getattr(kind, "limits", "")
    title = f"settings of {chosen} ({kind.title})"
    settings = parser.add_argument_group(title, textwrap.fill(about, WIDTH))
    add_settings(settings, kind, flag, prefix)


def _chosen(words: Sequence[str], flag: str) -> str | None:
    look = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    look.add_argument(f"--{flag}", nargs="?")
    found: str | None = getattr(look.parse_known_args(list(words))[0], flag)
    return found


def _metavar(p: Param) -> str:
    if p.choices:
        return "{" + ",".join(map(str, p.choices)) + "}"
    return METAVARS.get(p.type, "VALUE")


def _help(p: Param) -> str:
    bounded = p.min is not None and p.max is not None
    bounds = f"{_number(p.min)} to {_number(p.max)}" if bounded else ""
    facts = [part for part in (p.unit, bounds, f"default {p.default}") if part]
    return f"{p.help} ({', '.join(facts)})".replace("%", "%%")


def _number(value: Any) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


# --- where results go ---------------------------------------------------------------------------


def new_folder(text: str) -> Path:
    """A folder that is not there yet, seen before any work; raises StoreError."""
    path = Path(text)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise _taken(path)
    return path


def new_file(text: str, suffixes: Sequence[str]) -> Path:
    """A file that is not there yet, of a known ending; raises StoreError and BadParam."""
    path = Path(text)
    if path.suffix.lower() not in suffixes:
        known = " or ".join(suffixes)
        raise BadParam(f"Nothing is written as {path.name[-40:]!r}.", f"End the name in {known}.")
    if path.exists():
        raise _taken(path)
    return path


def _taken(path: Path) -> StoreError:
    return StoreError(f"{str(path)[-80:]!r} is already there.", "Choose another name.")
