"""Seconds until a warm page is drawn, and until it is drawn again: python -m benchmarks.pages [rows]

Cases: digits, openmoji and a table of `rows` records (1,000,000 unless said). The page is opened twice
from the menu; the second time counts. Then the script is run again with the page as it is.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from disgorge_core import training
from disgorge_core.cases import Cases
from disgorge_core.data.loading import dataset_of
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe

ROOT = Path(__file__).parents[1]
PAGES = ("Data", "Model", "Explore", "Influence", "Plan", "Runs")
FINISHED = (
    "[data-testid=stApp][data-test-script-state=notRunning]"
    "[data-test-connection-state=CONNECTED]:not(:has([data-stale=true]))"
)
PATIENCE_MS = 240_000


def table(cases: Cases, rows: int) -> str:
    """A case of a large table with a linear model; gives its id."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 8)).astype(np.float32), columns=[*"abcdefgh"])
    frame["region"] = rng.choice(["north", "south", "east", "west"], rows)
    frame["label"] = np.where(
        frame["a"] + 0.5 * frame["b"] + rng.normal(size=rows) > 0, "yes", "no"
    )
    data = dataset_of(frame, f"{rows:,} rows", {"label": "label"})
    model = training.fit(data, "linear", Recipe(epochs=1, batch=4096), name="linear")
    return cases.create("Large table", data, [model]).id


def serve(home: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """Start the app on a free port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"DISGORGE_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while True:
        try:
            urllib.request.urlopen(
                f"http://127.0.0.1:{port}/_stcore/script-health-check", timeout=60
            )
            return f"http://127.0.0.1:{port}", process
        except OSError:
            time.sleep(0.2)


def visit(page: Page, name: str) -> float:
    """Seconds from the click in the menu until the page stands."""
    started = time.perf_counter()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    page.wait_for_selector(FINISHED, state="attached")
    return time.perf_counter() - started


def again(page: Page) -> float:
    """Seconds until the script has run once more."""
    started = time.perf_counter()
    page.keyboard.press("r")
    page.wait_for_timeout(30)
    page.wait_for_selector(FINISHED, state="attached")
    return time.perf_counter() - started - 0.03


def settle(page: Page) -> None:
    """Wait until every panel has its answer: nothing on the page says that it is still at work."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    quiet = 0
    while quiet < 4 and time.monotonic() < deadline:
        page.wait_for_timeout(500)
        page.wait_for_selector(FINISHED, state="attached")
        quiet = 0 if "so far)" in page.locator("body").inner_text() else quiet + 1


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    home = Path(tempfile.mkdtemp())
    cases = Cases(Workspace(home))
    ids = [cases.open_example("digits").id, cases.open_example("openmoji").id, table(cases, rows)]
    url, server = serve(home)
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for case in ids:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{url}/?case={case}")
            for name in PAGES:
                visit(page, name)
                settle(page)
            for name in PAGES:
                print(
                    f"{case:24} {name:10} page {visit(page, name):5.2f}  rerun {again(page):5.2f}",
                    flush=True,
                )
            page.close()
    server.terminate()
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
