"""The command line: python -m disgorge_core open --model mypackage.nets:build --data people.parquet"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from torch import nn

from disgorge_core.cases import Cases
from disgorge_core.data.loading import load_dataset
from disgorge_core.errors import BadModel, DisgorgeError
from disgorge_core.models import own_code
from disgorge_core.models.loading import read_model
from disgorge_core.models.weights import Weights
from disgorge_core.models.wrap import wrap
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Model, Recipe

APP = Path(__file__).parents[1] / "app.py"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a problem is one sentence on standard error and exit status 2."""
    asked = parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except DisgorgeError as error:
        print(error, file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The commands and their flags."""
    top = argparse.ArgumentParser("python -m disgorge_core", description="Disgorge from the shell.")
    commands = top.add_subparsers(required=True, metavar="command")
    start = commands.add_parser("open", help="open the app on your own network and data")
    start.add_argument(
        "--model", required=True, help="package.module:function that gives the network"
    )
    start.add_argument("--weights", type=Path, help="state dict (.safetensors, .pt)")
    start.add_argument("--data", type=Path, required=True, help="table (.csv, .parquet)")
    for name in ("label", "id", "owner", "source", "split"):
        start.add_argument(f"--{name}", help=f"column that is the {name}; guessed if left out")
    start.add_argument("--preprocessing", choices=("raw", "standard"), help="of the inputs")
    start.add_argument("--trained-on", choices=("train", "unknown"), default="train")
    start.add_argument(
        "--epochs", type=int, default=20, help="epochs of the recipe it was trained by"
    )
    start.add_argument("--lr", type=float, default=0.05, help="learning rate of the recipe")
    start.add_argument("--batch", type=int, default=64, help="batch size of the recipe")
    start.add_argument("--optimiser", choices=("sgd", "adam"), default="sgd")
    start.add_argument("--name", default="", help="name of the case")
    start.add_argument("--port", type=int, default=8501)
    start.add_argument(
        "--only-make", action="store_true", help="make the case, do not start the app"
    )
    start.set_defaults(run=open_own)
    return top


def open_own(asked: argparse.Namespace) -> int:
    """Make a case of the user's own network and data, then run the app on it."""
    sys.path.insert(0, str(Path.cwd()))
    roles = {name: getattr(asked, name) for name in ("label", "id", "owner", "source", "split")}
    data = load_dataset(asked.data, **roles)
    model = own_model(asked, data)
    os.environ[own_code.ALLOWED] = asked.model
    root = Path(os.environ.get("DISGORGE_HOME", "workspace")).absolute()
    case = Cases(Workspace(root)).create(asked.name or data.name, data, (model,))
    address = f"http://127.0.0.1:{asked.port}/explore?case={case.id}"
    if not asked.only_make:
        return _run_the_app(asked.port, root, address)
    print(address)
    return 0


def own_model(asked: argparse.Namespace, data: Dataset) -> Model:
    """The network of the user's code with the given weights, wrapped."""
    network = own_code.build(asked.model)
    if asked.weights is not None:
        _load(network, asked.weights)
    settings: dict[str, Any] = {
        name: getattr(asked, name) for name in ("epochs", "lr", "batch", "optimiser")
    }
    return wrap(
        network, data, Recipe(**settings), asked.preprocessing, asked.model,
        trained_on=asked.trained_on, architecture=asked.model,
    )  # fmt: skip


def _load(network: nn.Module, path: Path) -> None:
    found = read_model(path)
    state = found.state if isinstance(found, Weights) else found.network.state_dict()
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise BadModel(
            "The weights do not fit the network.", "Give the file that this class was saved to."
        ) from None


def _run_the_app(port: int, root: Path, address: str) -> int:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise DisgorgeError(f"Port {port} is in use.", "Choose another with --port.")
    path = os.pathsep.join([str(Path.cwd()), str(APP.parent), os.environ.get("PYTHONPATH", "")])
    own = {"PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE", "DISGORGE_HOME": str(root)}
    command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]
    with subprocess.Popen(command, cwd=APP.parent, env=os.environ | own) as app:
        _look_once(port, app)
        print(f"Your case is on {address}  (stop with Ctrl+C)", flush=True)
        return app.wait()


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


if __name__ == "__main__":
    sys.exit(main())
