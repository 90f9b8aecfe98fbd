"""What a command of the command line offers.

A command is a class with `@COMMANDS.register` and class attributes `name`, `summary` (what it does, in one
line), `example` (one call as a user would write it) and `order`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import ClassVar, Protocol

from disgorge_core.commands.flags import Parser
from disgorge_core.commands.voice import Voice


class Command(Protocol):
    """The shape of every registered command."""

    name: ClassVar[str]
    summary: ClassVar[str]
    example: ClassVar[str]
    order: ClassVar[int]

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Add the flags; `words` are those of the call, because what is chosen brings its settings."""
        ...

    def run(self, asked: Namespace, voice: Voice) -> int | None:
        """Do it and give the exit status, where it is not 0; raises DisgorgeError for what can be mended."""
        ...
