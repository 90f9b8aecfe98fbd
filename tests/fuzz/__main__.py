"""The long run: `python -m tests.fuzz --minutes 60` fuzzes every reader, guided by what reaches new lines.

Needs atheris (`pip install atheris`). Inputs that reach new lines are kept in `--folder` and used by the
next run; findings are printed and lie below it. Put a finding that is fixed into `tests/fuzz/corpus`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

GRACE = 300  # seconds for the start, the seeds and the last input


def main() -> int:
    """Fuzz all targets, or the named ones; 1 where something was found."""
    asked = _asked()
    if importlib.util.find_spec("atheris") is None:
        print("This needs atheris: pip install atheris (Linux, Python 3.11 to 3.13).")
        return 2
    from tests.fuzz.targets import all_targets

    names = asked.targets or list(all_targets())
    found = [_fuzzed(name, asked, 60 * asked.minutes / len(names)) for name in names]
    print(f"{'reader':24}{'minutes':>8}{'inputs':>10}{'read':>8}  findings")
    for one in found:
        said = "; ".join(one["findings"]) or "none"
        print(f"{one['target']:24}{one['minutes']:8.1f}{one['inputs']:10,}{one['read']:8,}  {said}")
    return int(any(one["findings"] for one in found))


def _fuzzed(name: str, asked: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """What one process says about one target, be it how it died."""
    folder = Path(asked.folder).resolve()
    program = [sys.executable, "-m", "tests.fuzz.worker", name, str(folder),
               "--seconds", str(seconds), "--seed", str(asked.seed)]  # fmt: skip
    about: dict[str, Any] = {"target": name, "inputs": 0, "read": 0, "minutes": seconds / 60}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"log-{name}.txt").open("w") as log:
        try:
            done = subprocess.run(
                program, stdout=subprocess.PIPE, stderr=log, timeout=seconds + GRACE, check=False
            )
        except subprocess.TimeoutExpired:
            return about | {"findings": [f"hangs on the input in scratch-{name}"]}
    if done.returncode:
        return about | {
            "findings": [f"ended with {done.returncode}: the input is in scratch-{name}"]
        }
    return about | json.loads(done.stdout.splitlines()[-1])


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="data-csv, model-folder ...; left out: all")
    parser.add_argument("--minutes", type=float, default=60, help="for all together")
    parser.add_argument("--folder", default="fuzzed", help="where inputs and findings are kept")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
