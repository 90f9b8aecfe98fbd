"""The short run of the fuzzer: every reader has seeds, old findings stay fixed, some new inputs each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from disgorge_core.registry import DATA_FORMATS, MODEL_FORMATS
from tests.fuzz.targets import all_targets
from tests.fuzz.worker import CORPUS

ROOT = Path(__file__).parents[2]


def test_every_registered_reader_is_fuzzed() -> None:
    """A new format without a maker in tests/fuzz/seeds.py fails here."""
    names = {*(f"data-{n}" for n in DATA_FORMATS), *(f"model-{n}" for n in MODEL_FORMATS), "layers"}
    assert set(all_targets()) == names
    assert {p.name for p in CORPUS.iterdir() if p.is_dir()} <= names


@pytest.mark.parametrize("inputs", [15])
def test_seeds_old_findings_and_new_inputs(tmp_path: Path, inputs: int) -> None:
    """One process of its own, since a reader might break it; the same inputs every time."""
    program = [
        sys.executable,
        "-m",
        "tests.fuzz.worker",
        "all",
        str(tmp_path),
        "--inputs",
        str(inputs),
    ]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {one["target"] for one in said} == set(all_targets())
    for one in said:
        assert one["findings"] == [], one
        assert one["read"] > 0, f"no seed of {one['target']} is read"
