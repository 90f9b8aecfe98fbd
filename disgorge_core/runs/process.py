"""Processes by number *and* start time, so that a number used again is never taken for a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

GRACE = 1.0  # seconds between asking a process group to end and ending it
STEP = 0.02  # seconds between two looks


def identity(pid: int) -> str | None:
    """When the process of this number started, None if there is none (a zombie is none)."""
    return _from_proc(pid) if Path("/proc/self/stat").exists() else _from_ps(pid)


def _from_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the name in brackets may hold spaces and brackets itself; state is the field after it
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _from_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return None if not found or found[0].startswith("Z") else " ".join(found[1:])


def alive(pid: int, started: str) -> bool:
    """Whether that very process is still running."""
    return identity(pid) == started


def end_group(pid: int, started: str) -> None:
    """End a worker and everything it started: ask first, force after `GRACE` seconds.

    Only a process that leads its own group is ended, so that no other process can be met.
    """
    if not alive(pid, started) or not _leads_group(pid):
        return
    _signal_group(pid, signal.SIGTERM)
    limit = time.monotonic() + GRACE
    while alive(pid, started) and time.monotonic() < limit:
        time.sleep(STEP)
    _signal_group(pid, signal.SIGKILL)  # a child of the worker may have outlived it
    while alive(pid, started) and time.monotonic() < limit + GRACE:
        time.sleep(STEP)


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
