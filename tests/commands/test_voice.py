"""What commands say: where it goes, in which shape, and nothing that steers a terminal."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from disgorge_core.commands.voice import Voice
from disgorge_core.types import Progress


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("disgorge_core.commands.voice.time", made)
    return made


def test_a_terminal_gets_one_line_that_changes(capsys, monkeypatch, clock):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    voice = Voice()
    report = voice.report("Training")
    clock.now += 5
    report(Progress(0.5, "epoch 1 of 2"))
    report(Progress(1.0, "epoch 2 of 2"))
    voice.note("Done.")
    said = capsys.readouterr().err
    assert "50%  epoch 1 of 2, about 5 seconds left" in said
    assert said.count("\r") == 2 and said.count("\n") == 2
    assert said.endswith("\nDone.\n")


def test_an_interrupted_line_is_ended_before_the_next(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    voice = Voice()
    voice.report("Training")(Progress(0.5))
    voice.problem("Stopped.")
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped."


def test_a_log_gets_a_line_now_and_then(capsys, clock):
    report = Voice().report("Training")
    for step in range(101):
        report(Progress(step / 100))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["0%", "25%", "50%", "75%", "100%"]
    clock.now += 11
    report(Progress(1.0, "storing"))
    assert "storing" in capsys.readouterr().err


def test_quiet_says_only_results_and_problems(capsys):
    voice = Voice(quiet=True)
    voice.report("Training")(Progress(0.5))
    voice.note("A note.")
    voice.problem("A problem.")
    voice.result({"a": 1}, ["the result"])
    said = capsys.readouterr()
    assert (said.out, said.err) == ("the result\n", "A problem.\n")


def test_names_in_data_steer_no_terminal(capsys):
    voice = Voice()
    voice.note("bad \x1b[2J\x07 name\nand line")
    voice.result({}, ["cell \x1b]0;title\x07"])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "\x07" not in said.out + said.err
    assert said.err.count("\n") == 1


def test_json_holds_plain_values_only(capsys):
    values = {"n": np.int64(3), "x": np.array([1.5, math.nan]), "t": (math.inf, None), "é": "\x1b"}
    Voice(as_json=True).result(values, ["unused"])
    said = capsys.readouterr().out
    assert json.loads(said) == {"n": 3, "x": [1.5, None], "t": [None, None], "é": "\x1b"}
    assert "\x1b" not in said
