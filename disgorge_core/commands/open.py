"""open: put data and a model into a case of the workspace, and show it in the app."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from disgorge_core.cases import Case, Cases
from disgorge_core.commands.flags import Parser
from disgorge_core.commands.given import (
    add_data,
    add_model,
    given_model,
    open_data,
    stated_of,
)
from disgorge_core.commands.voice import Voice
from disgorge_core.commands.workspace import add_home, root_of
from disgorge_core.errors import BadModel, DisgorgeError
from disgorge_core.models import own_code
from disgorge_core.models.loading import read_model
from disgorge_core.models.weights import Weights
from disgorge_core.models.wrap import wrap
from disgorge_core.registry import COMMANDS
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Model

APP = Path(__file__).parents[2] / "app.py"


@COMMANDS.register
class Open:
    """Open the app."""

    name = "open"
    summary = "open the app: on your data and model, on a worked example, or on your cases"
    example = "open --data people.parquet --model mypackage.nets:build --weights w.safetensors"
    order = 10

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Data, model, and where the app answers."""
        add_data(parser, required=False)
        add_model(parser)
        own = parser.add_argument_group(
            "your own network",
            "--model package.module:function: the code runs, because you start it.",
        )
        own.add_argument("--weights", type=Path, metavar="FILE", help="its state dict")
        parser.add_argument("--name", default="", metavar="TEXT", help="a name for the case")
        parser.add_argument("--port", type=int, default=8501, metavar="N", help="default 8501")
        parser.add_argument(
            "--only-make", action="store_true", help="make the case, do not start the app"
        )
        add_home(parser)

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Make the case, say its address, run the app until Ctrl+C."""
        root = root_of(asked)
        case = _case(asked, Cases(Workspace(root)), voice)
        path = f"explore?case={case.id}" if case else ""
        address = f"http://127.0.0.1:{asked.port}/{path}"
        if asked.only_make:
            voice.result({"case": case.id if case else None, "address": address}, [address])
        else:
            _run_the_app(asked.port, root, address, voice)


def _case(asked: Namespace, cases: Cases, voice: Voice) -> Case | None:
    """The case that was asked for; None where the app opens on Home."""
    if asked.example and not asked.model:
        return cases.open_example(asked.example)
    if not (asked.data or asked.example):
        if asked.model:
            raise BadModel("A model needs its data.", "Name it with --data.")
        return None
    opened = open_data(asked, voice)
    models = list(opened.models)
    if asked.model:
        own = own_code.named(asked.model) and not Path(asked.model).exists()
        model = _own(asked, opened.data) if own else given_model(asked, opened, voice)
        models = [model, *(m for m in models if m.digest != model.digest)]
    return cases.create(asked.name or opened.data.name, opened.data, models)


def _own(asked: Namespace, data: Dataset) -> Model:
    """The network of the user's own code with the given weights, wrapped."""
    sys.path.insert(0, str(Path.cwd()))
    network = own_code.build(asked.model)
    if asked.weights is not None:
        _load(network, asked.weights)
    said = stated_of(asked, data)
    os.environ[own_code.ALLOWED] = asked.model
    return wrap(
        network, data, said.get("recipe"), said.get("preprocessing"), asked.model,
        trained_on=said.get("trained_on", "unknown"), architecture=asked.model,
    )  # fmt: skip


def _load(network: nn.Module, path: Path) -> None:
    found = read_model(path)
    if not isinstance(found, Weights | Model):
        raise BadModel("A pipeline has no weights of a network.", "Give a state dict.")
    state = found.state if isinstance(found, Weights) else found.network.state_dict()
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise BadModel(
            "The weights do not fit the network.", "Give the file that this class was saved to."
        ) from None


def _run_the_app(port: int, root: Path, address: str, voice: Voice) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise DisgorgeError(f"Port {port} is in use.", "Choose another with --port.")
    path = os.pathsep.join([str(Path.cwd()), str(APP.parent), os.environ.get("PYTHONPATH", "")])
    own = {"PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE", "DISGORGE_HOME": str(root)}
    command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]
    with subprocess.Popen(command, cwd=APP.parent, env=os.environ | own) as app:
        try:
            _look_once(port, app)
            voice.result({"address": address}, [f"Open {address}  (stop with Ctrl+C)"])
            app.wait()
        except KeyboardInterrupt:  # the way to stop it; the app hears the same key
            app.wait()


def _look_once(port: int, app: subprocess.Popen[bytes]) -> None:
    """A first look registers the pages, so that the link opens on a fresh server."""
    while app.poll() is None:
        try:
            urllib.request.urlopen(
                f"http://127.0.0.1:{port}/_stcore/script-health-check", timeout=120
            )
            return
        except OSError:
            time.sleep(0.25)
