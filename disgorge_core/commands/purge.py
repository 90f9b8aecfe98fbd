"""purge: delete a case or a model of the workspace with every copy, and list what went."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from disgorge_core.cases import Cases
from disgorge_core.commands.flags import Parser
from disgorge_core.commands.voice import Voice
from disgorge_core.commands.workspace import add_home, case_of, cases_of
from disgorge_core.errors import Cancelled, StoreError
from disgorge_core.registry import COMMANDS


@COMMANDS.register
class Purge:
    """Delete for good."""

    name = "purge"
    summary = "delete a case or a model of the workspace, with every copy"
    example = "purge --case openmoji"
    order = 60

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """What to delete, and where."""
        one = parser.add_mutually_exclusive_group(required=True)
        one.add_argument("--case", metavar="ID", help="a case with its models, runs and data")
        one.add_argument("--model", metavar="DIGEST", help="a model, in all cases, with its runs")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_home(parser)

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Ask, delete, list."""
        cases = cases_of(asked)
        if asked.case:
            what, delete = _case(cases, asked.case), lambda: cases.purge(asked.case)
        else:
            digest = _whole(cases, asked.model)
            what, delete = _model(cases, digest), lambda: cases.purge_model(digest)
        if not asked.yes:
            _ask(what, voice)
        before = cases.workspace.disk_used()
        files = delete()
        freed = before - cases.workspace.disk_used()
        said = f"{len(files):,} files deleted, {freed / 2**20:,.1f} MB. Copies elsewhere were not looked for."
        voice.result({"files": files, "bytes": freed}, [*files, said])


def _ask(what: str, voice: Voice) -> None:
    voice.prompt(f"Delete {what} for good? Type yes: ")
    if sys.stdin.readline().strip().lower() != "yes":
        raise Cancelled("Nothing was deleted.", "Type yes, or say --yes.")


def _case(cases: Cases, case_id: str) -> str:
    case = case_of(cases, case_id)
    runs = cases.runs(case.id)
    return (
        f"the case {case.name[:60]!r} with {len(case.models):,} models and {len(runs):,} runs"
        " (what another case uses stays)"
    )


def _whole(cases: Cases, start: str) -> str:
    """The digest of the one model that begins like this; raises StoreError."""
    known = {digest for case in cases.list() for digest in case.models}
    found = [digest for digest in sorted(known) if digest.startswith(start)]
    if len(found) != 1:
        count = "several models" if found else "no model"
        raise StoreError(f"{start[:40]!r} names {count}.", "Give more of its digest.")
    return found[0]


def _model(cases: Cases, digest: str) -> str:
    name = str(cases.model_card(digest)["name"])
    return f"the model {name[:60]!r} ({digest[:12]}) with every run that used or made it"
