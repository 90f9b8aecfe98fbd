"""The limited process's work in the test's own process: the same code but for the system's limits."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from disgorge_core.errors import DisgorgeError


def run_here(
    call: str,
    path: Path,
    folder: Path,
    bounds: Any,
    error: type[DisgorgeError],
    asked: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """As `limited.process.run_apart`."""
    module, _, name = call.partition(":")
    request = {"path": str(path), "folder": str(folder), "limits": asdict(bounds), **(asked or {})}
    said: dict[str, Any] = getattr(importlib.import_module(module), name)(request)
    if "refused" in said:
        raise error(*said["refused"])
    return said
