"""Starts the limited process that reads and writes skops files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.errors import BadModel
from disgorge_core.models.scikit import child
from disgorge_core.types import Array

ROOM = 2**30  # bytes of the file's contents
LONGEST = 600  # seconds; most of them go into starting scikit-learn on a busy machine
SPARE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def read_apart(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file's pipeline computes, as plain values and arrays; raises BadModel."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        about = _run({"do": "read", "path": str(path.resolve()), "arrays": str(arrays)})
        with np.load(arrays, allow_pickle=False) as found:
            return about, dict(found)


def write_apart(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """A skops file with the pipeline that computes this; raises BadModel."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "arrays.npz", Path(folder) / "model.skops"
        np.savez(given, allow_pickle=False, **dict(arrays))
        _run({"do": "write", "path": str(made), "arrays": str(given), "about": dict(about)})
        return made.read_bytes()


def _run(request: dict[str, Any]) -> dict[str, Any]:
    program, asked = [sys.executable, "-I", child.__file__], {**request, "room": ROOM}
    try:
        done = subprocess.run(
            program, input=json.dumps(asked).encode(), capture_output=True, timeout=LONGEST,
            check=False, env=os.environ | SPARE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadModel("The skops file took too long.", "Use a smaller model.") from None
    if done.returncode:
        raise BadModel("The skops file is damaged: its reader stopped.", child.DAMAGED)
    said: dict[str, Any] = json.loads(done.stdout)
    if "refused" in said:
        raise BadModel(*said["refused"])
    return said
