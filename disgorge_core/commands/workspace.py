"""The workspace that a command works on: --home, else DISGORGE_HOME, else ./workspace."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from disgorge_core.cases import Case, Cases
from disgorge_core.commands.flags import Parser
from disgorge_core.errors import StoreError
from disgorge_core.store import Workspace


def add_home(parser: Parser) -> None:
    """The flag that names it."""
    parser.add_argument(
        "--home", metavar="FOLDER", help="the workspace (default: DISGORGE_HOME, else ./workspace)"
    )


def root_of(asked: Namespace) -> Path:
    """Its folder, there or not."""
    return Path(asked.home or os.environ.get("DISGORGE_HOME") or "workspace").absolute()


def cases_of(asked: Namespace) -> Cases:
    """The cases of a workspace that is there; raises StoreError."""
    root = root_of(asked)
    if not root.is_dir():
        raise StoreError(f"There is no workspace at {str(root)[-80:]!r}.", "Name it with --home.")
    return Cases(Workspace(root))


def case_of(cases: Cases, case_id: str) -> Case:
    """A case by its id; raises StoreError that lists those that are there."""
    known = [case.id for case in cases.list()]
    if case_id not in known:
        raise StoreError(
            f"There is no case {case_id[:40]!r}.", f"There is: {', '.join(known) or 'none yet'}."
        )
    return cases.get(case_id)
