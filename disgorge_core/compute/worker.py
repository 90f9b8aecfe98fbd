"""The worker process: takes (function, task) from its parent, sends progress and the result back."""

from __future__ import annotations

import pickle
import signal
import sys
from multiprocessing.connection import Connection

from disgorge_core.errors import DisgorgeError
from disgorge_core.types import Progress


def serve(connection: Connection) -> None:
    """Work until the parent hangs up. An error that is no DisgorgeError ends the process, visibly."""
    while True:
        try:
            payload = connection.recv_bytes()
        except EOFError:
            return
        # What comes through this pipe was pickled by the parent process, never by a file or a user.
        function, task = pickle.loads(payload)  # noqa: S301
        try:
            answer = ("done", function(task, lambda progress: _tell(connection, progress)))
        except DisgorgeError as error:
            answer = ("failed", error)
        connection.send(answer)


def _tell(connection: Connection, progress: Progress) -> None:
    connection.send(("progress", progress))


if __name__ == "__main__":
    # Ctrl+C on a terminal reaches the whole group: what becomes of the work is the parent's to say
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
