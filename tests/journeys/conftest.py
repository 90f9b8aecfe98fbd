"""A real browser on a real server: what every journey needs.

def test_x(serve, browser_page):
    page = browser_page(serve("apps/map_app.py"))        # the app has finished its first run
    ...
    assert page.outside == []                             # nothing was asked of the internet
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SERVER_STARTS_WITHIN_S = 300
PATIENCE_MS = 300_000  # a busy machine is slow, not wrong: only what never comes is a fault
FINISHED = (
    "[data-testid=stApp][data-test-script-state=notRunning]"
    "[data-test-connection-state=CONNECTED]:not(:has([data-stale=true]))"
)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SERVER_FLAGS = [
    "--server.headless=true",
    "--server.address=127.0.0.1",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
]

Serve = Callable[..., str]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        program = shutil.which("chromium") or shutil.which("google-chrome") or own
        if not Path(program).exists():
            pytest.fail("The journeys need a Chromium: ./test installs one.")
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[OpenPage]:
    """Open a page at `url` and wait for the app; `page.outside` lists refused foreign requests."""
    contexts = []

    def open_page(
        url: str, *, dark: bool = False, reduced_motion: bool = False, size: tuple = (1366, 768)
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        contexts.append(context)
        outside: list[str] = []
        context.route("**/*", lambda route: _local_only(route, outside))
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.outside = outside
        page.goto(url)
        finished(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start a Streamlit app (path relative to this folder) once per path and environment: its URL."""
    running: dict[tuple, tuple[str, subprocess.Popen]] = {}

    def start(app: str | Path, env: Mapping[str, str] | None = None) -> str:
        name = (str(app), tuple(sorted((env or {}).items())))
        if name not in running:
            home = tmp_path_factory.mktemp("server")
            running[name] = _start_server(HERE / app, env or {}, home)
        return running[name][0]

    yield start
    for _, process in running.values():
        process.terminate()
        process.wait(SERVER_STARTS_WITHIN_S)


def finished(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale."""
    page.wait_for_selector(FINISHED, state="attached")


def _start_server(app: Path, env: Mapping[str, str], home: Path) -> tuple[str, subprocess.Popen]:
    url = f"http://127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", "streamlit", "run", str(app), *SERVER_FLAGS]
    log = home / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*command, f"--server.port={urlsplit(url).port}"],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "DISGORGE_HOME": str(home / "workspace")}
            | dict(env),
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    _wait_until_healthy(url, process, log)
    return url, process


def _wait_until_healthy(url: str, process: subprocess.Popen, log: Path) -> None:
    give_up = time.monotonic() + SERVER_STARTS_WITHIN_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.kill()
    process.wait()
    pytest.fail(f"The app did not start. Its log ends with:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _local_only(route: Route, outside: list[str]) -> None:
    address = urlsplit(route.request.url)
    if address.scheme in ("data", "blob") or address.hostname in ("127.0.0.1", "localhost"):
        return route.continue_()
    outside.append(route.request.url)
    return route.abort()
