"""The command line as a shell sees it: exit status, streams, Ctrl+C, and commands found by the registry."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from disgorge_core.__main__ import main, parser
from disgorge_core.jobs.child import THREADS
from disgorge_core.registry import COMMANDS

ROOT = Path(__file__).parents[1]
LONG = ["--epochs", "10000", "--batch", "1", "--regime", "sharded", "--regime-shards", "2"]


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    bunch = load_iris(as_frame=True)
    frame: pd.DataFrame = bunch.frame.rename(columns=lambda name: name.replace(" (cm)", ""))
    frame.to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path


def start(folder: Path, *words: str, **more: object) -> subprocess.Popen[bytes]:
    own = {**os.environ, **THREADS, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "disgorge_core", *words]
    return subprocess.Popen(  # type: ignore[call-overload]
        command, cwd=folder, env=own, stdout=subprocess.PIPE, preexec_fn=_hears_keys, **more
    )


def _hears_keys() -> None:
    """Ctrl+C ends the run also where the tests themselves run in the background, deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_done_in_a_shell(iris):
    words = ["train", "--data", "iris.csv", "--label", "target", "--epochs", "2", "--out", "m"]
    with start(iris, *words, "--json", stderr=subprocess.PIPE) as run:
        out, problems = run.communicate(timeout=120)
    assert run.returncode == 0, problems
    assert json.loads(out)["splits"]["test"]["n"] == 30
    assert b"Training: 100%" in problems
    assert sorted(p.name for p in iris.iterdir()) == ["iris.csv", "m"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle_nothing_is_left(iris, number, status):
    before = {p.name for p in iris.iterdir()}
    words = ["train", "--data", "iris.csv", "--label", "target", *LONG, "--out", "m"]
    terminal, its_end = pty.openpty()
    with start(iris, *words, stderr=its_end, start_new_session=True) as run:
        os.close(its_end)
        said = _until(terminal, b"epoch ")
        os.killpg(run.pid, number)  # as a terminal does: the whole group hears it
        said += _until(terminal, b"")
        run.wait(60)
    os.close(terminal)
    assert run.returncode == status
    assert b"Traceback" not in said
    assert (b"Stopped. No half-written file is left." in said) is (number == signal.SIGINT)
    assert {p.name for p in iris.iterdir()} == before


def _until(terminal: int, text: bytes, seconds: float = 120) -> bytes:
    """What is said until this text, or until the end where there is none."""
    said, limit = b"", time.monotonic() + seconds
    while time.monotonic() < limit and not (text and text in said):
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the other side has ended
            break
    return said


def test_what_nobody_foresaw_is_not_hidden(monkeypatch, tmp_path):
    """Python then prints the traceback and ends with status 1."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("disgorge_core.commands.train.open_data", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["train", "--data", "x.csv", "--out", str(tmp_path / "m")])


@pytest.mark.parametrize("words", [[], ["fly"], ["train"], ["--quiet"], ["export"]])
def test_a_call_that_makes_no_sense_is_one_sentence(capsys, words):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert "See python -m disgorge_core" in said.err


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(capsys, name):
    kind = COMMANDS[name]
    assert kind.name == name and kind.__doc__ and sys.modules[kind.__module__].__doc__
    assert kind.example.split()[0] == name
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert f"usage: python -m disgorge_core {kind.example.split(' --')[0]}" in said
    with pytest.raises(SystemExit):
        main(["--help"])
    assert kind.summary in " ".join(capsys.readouterr().out.split())


def test_the_calls_of_the_readme_can_be_read():
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    calls = [line.removeprefix("$D ") for line in text.splitlines() if line.startswith("$D ")]
    calls += [kind.example for kind in COMMANDS.values()]
    assert len(calls) >= 10
    for call in calls:
        words = shlex.split(call)
        assert parser(words).parse_args(words).command == words[0]
