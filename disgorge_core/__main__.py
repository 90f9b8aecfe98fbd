"""The command line: python -m disgorge_core train --data people.csv --out model

Exit status: 0 done, 1 something unforeseen, 2 a problem that the one sentence explains, 3 a model that an
audit does not clear, 130 Ctrl+C.
Results go to standard output, progress and notes to standard error. Files appear whole or not at all.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from disgorge_core import compute
from disgorge_core.commands.flags import Parser
from disgorge_core.commands.voice import Voice
from disgorge_core.errors import DisgorgeError
from disgorge_core.registry import COMMANDS

PROGRAM = "python -m disgorge_core"
DONE, PROBLEM, STOPPED, ENDED = 0, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    voice = Voice(quiet="--quiet" in words, as_json="--json" in words)
    try:
        asked = parser(words).parse_args(words)
        with compute.threads(1):  # as the app's workers, so that the numbers are the same
            return COMMANDS[asked.command]().run(asked, voice) or DONE
    except DisgorgeError as error:
        voice.problem(error)
        return PROBLEM
    except KeyboardInterrupt:
        voice.problem("Stopped. No half-written file is left.")
        return STOPPED
    except BrokenPipeError:  # whoever read the result has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def parser(words: Sequence[str]) -> Parser:
    """The commands, with the flags of the one that these words call."""
    top = Parser(PROGRAM, description="Disgorge from the shell.", epilog=EPILOG)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name in COMMANDS:
        kind = COMMANDS[name]
        about = f"{kind.summary[:1].upper()}{kind.summary[1:]}."
        call = f"{PROGRAM} {kind.example}"
        one = commands.add_parser(name, help=kind.summary, description=about, usage=call)
        if words[:1] == [name]:
            kind().flags(one, words)
            _everywhere(one)
    return top


def _everywhere(one: Parser) -> None:
    one.add_argument("--json", action="store_true", help="the result as JSON")
    one.add_argument("--quiet", action="store_true", help="no progress and no notes")


EPILOG = """Each command has its own --help. Results go to standard output, progress to standard error.
Exit status: 0 done, 2 a problem that one sentence explains, 3 a model that an audit does not clear,
130 stopped with Ctrl+C, 1 unforeseen."""


if __name__ == "__main__":
    # ended from outside: clean up as after any error, so that no half-written file stays
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    sys.exit(main())
