"""How fast the point map is: python -m benchmarks.map [points]

Opens the map in a headless Chromium (drawing on the processor) and prints medians of three runs:
seconds until the map can be used, from letting go of a lasso until its points are shown, and per
mouse move while drawing, moving and hovering. The other work of the machine is part of the times.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket

import numpy as np
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
APP = ROOT / "tests" / "journeys" / "apps" / "map_app.py"
RUNS = 3
MOVES = 60


@contextmanager
def server(points: int) -> Iterator[str]:
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(APP), *flags],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MAP_POINTS": str(points)},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The app did not start.")


def measure(page: Page, url: str) -> dict[str, float]:
    """Seconds and milliseconds of one visit."""
    times = {}
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(".pm[data-state=ready]")
    times["to interactive, s"] = time.perf_counter() - began
    times["full frame, ms"] = float(page.locator(".pm").get_attribute("data-frame") or "nan")
    frame = page.locator(".pm .overlay").bounding_box()
    assert frame is not None
    centre = np.array([frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2])
    turn = np.linspace(0, 2 * np.pi, MOVES)
    circle = centre + np.stack([220 * np.cos(turn), 110 * np.sin(turn)], axis=1)
    times["hover, ms a move"] = _moves(page, circle)
    page.mouse.down()
    times["lasso, ms a move"] = _moves(page, circle)
    began = time.perf_counter()
    page.mouse.up()
    page.wait_for_selector(".pm:not([data-selected='0'])")
    times["release to highlight, s"] = time.perf_counter() - began
    page.click(".pm [data-act=pan]")
    page.mouse.move(*circle[0])
    page.mouse.down()
    times["pan, ms a move"] = _moves(page, circle)
    page.mouse.up()
    return times


def _moves(page: Page, path: np.ndarray) -> float:
    """Milliseconds a mouse move, each answered by a frame."""
    began = time.perf_counter()
    for x, y in path:
        page.mouse.move(x, y)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return 1000 * (time.perf_counter() - began) / len(path)


def main(points: int) -> None:
    with server(points) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        runs = []
        for _ in range(RUNS + 1):  # the first fills the server's caches
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.set_default_timeout(120_000)
            runs.append(measure(page, url))
            page.close()
        browser.close()
    print(f"{points:,} points, median of {RUNS} (first visit, with an empty cache, in brackets)")
    for name, first in runs[0].items():
        median = statistics.median(run[name] for run in runs[1:])
        print(f"  {name:26}{median:8.2f}   ({first:.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
