"""A long run in a real browser: it outlives a refresh and the server, and stops when asked to."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.jobs import Run
from disgorge_core.jobs.task import QUEUE, canonical
from disgorge_core.registry import EXAMPLES
from disgorge_core.runs import process
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe
from tests.jobs.bench import until
from tests.journeys.conftest import (
    ROOT,
    SERVER_FLAGS,
    SERVER_STARTS_WITHIN_S,
    OpenPage,
    _free_port,
    _wait_until_healthy,
    finished,
)

pytestmark = pytest.mark.journey
EPOCHS = 40  # long enough to look at twice
ENDLESS = 10_000


@dataclass
class Server:
    """The app on one port and one workspace, which can be killed and started again."""

    home: Path
    port: int = field(default_factory=_free_port)
    running: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = self.home / "server.log"
        with log.open("ab") as written:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", *SERVER_FLAGS,
                 f"--server.port={self.port}"],
                cwd=ROOT, env=os.environ | {"DISGORGE_HOME": str(self.home / "workspace")},
                stdout=written, stderr=subprocess.STDOUT,
            )  # fmt: skip
        _wait_until_healthy(self.url, self.running, log)
        look = f"{self.url}/_stcore/script-health-check"
        with urllib.request.urlopen(look, timeout=SERVER_STARTS_WITHIN_S):
            pass  # registers the pages, as ./run does

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait(SERVER_STARTS_WITHIN_S)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    found.start()
    yield found
    found.kill()
    for file in tmp_path.glob("workspace/cases/*/runs/*"):
        worker = Run(file).worker
        if worker:
            process.end_group(worker["pid"], worker["started"])


@pytest.fixture
def cases(server: Server) -> Cases:
    return Cases(Workspace(server.home / "workspace"))


@pytest.fixture
def case(cases: Cases) -> Case:
    """Digits, with a model that trains for a while."""
    example = EXAMPLES["digits"]()
    data = example.dataset()
    model = training.fit(data, "mlp", Recipe(epochs=2, seed=1), settings={"width": 8}, name="small")
    made = cases.create("Digits case", data, [model])
    cases.save_forget(made.id, example.suggested(data)[0])
    return made


def begun(cases: Cases, case: Case, epochs: int) -> Run:
    """A training of so many epochs, put into the queue."""
    request = {"task": "train", "recipe": {"epochs": epochs, "batch": 32}, "label": "long"}
    return cases.queue(case.id, canonical(request, QUEUE))


def at_work(page: Page, run: Run) -> None:
    """Wait until the page shows an epoch of the run."""
    until(lambda: run.figures)
    expect(page.get_by_text("epoch").first).to_be_visible()


def test_a_run_outlives_a_refresh_and_stops_when_asked(
    server: Server, cases: Cases, case: Case, browser_page: OpenPage
) -> None:
    run = begun(cases, case, ENDLESS)
    page = browser_page(f"{server.url}/runs?case={case.id}&run={run.id}")
    at_work(page, run)
    page.reload()
    finished(page)
    at_work(page, run)
    assert run.state == "running"
    page.locator("[data-testid=stMain]").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You stopped it")).to_be_visible()
    assert run.state == "cancelled"
    assert not run.worker_alive
    assert page.outside == []


def test_a_run_goes_on_when_the_server_is_killed_and_is_found_again(
    server: Server, cases: Cases, case: Case, browser_page: OpenPage
) -> None:
    run = begun(cases, case, EPOCHS)
    page = browser_page(f"{server.url}/runs?case={case.id}&run={run.id}")
    at_work(page, run)
    before = run.worker
    server.kill()
    server.start()
    page.goto(f"{server.url}/runs?case={case.id}&run={run.id}")
    finished(page)
    expect(page.get_by_text("Look at the model")).to_be_visible()
    assert run.state == "done"
    assert run.worker == before  # nobody started it a second time
    assert len(cases.get(case.id).models) == 2


def test_a_run_of_the_former_server_can_be_cancelled(
    server: Server, cases: Cases, case: Case, browser_page: OpenPage
) -> None:
    run = begun(cases, case, ENDLESS)
    page = browser_page(f"{server.url}/runs?case={case.id}&run={run.id}")
    at_work(page, run)
    server.kill()
    assert run.state == "running"
    server.start()
    page.goto(f"{server.url}/runs?case={case.id}&run={run.id}")
    finished(page)
    at_work(page, run)
    page.locator("[data-testid=stMain]").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You stopped it")).to_be_visible()
    assert not run.worker_alive


def test_from_plan_to_runs_to_before_and_after(
    server: Server, cases: Cases, case: Case, browser_page: OpenPage
) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    page = browser_page(f"{server.url}/plan?case={case.id}&forget={fid}")
    for method in ("retrain", "finetune"):
        page.goto(f"{server.url}/plan?case={case.id}&forget={fid}&method={method}")
        finished(page)
        page.get_by_label("References", exact=True).fill("2")
        page.keyboard.press("Enter")
        page.locator(".st-key-plan_run button").click()
        page.wait_for_url("**/runs?**")
        run = cases.runs(case.id)[0]
        assert run.id in page.url
        until(lambda run=run: run.state == "done")
        expect(page.get_by_role("button", name="Before & after")).to_be_visible()
    first = cases.runs(case.id)[1]
    page.goto(f"{server.url}/runs?case={case.id}&tab=Compare+methods")
    finished(page)
    marks = page.locator(".js-plotly-plot .scatterlayer .points path")
    expect(marks).to_have_count(2)
    titles = {
        "rebuilt": "Retrain without the records",
        "empirical": "Fine-tune on the kept records",
    }
    expect(page.locator(".js-plotly-plot .legendtext")).to_have_text(list(titles))
    marks.nth(0).click(force=True)  # tiers are drawn strongest first
    page.wait_for_url(f"**run={first.id}**")
    page.get_by_role("button", name="Before & after").click()
    page.wait_for_url("**/before_after?**")
    assert first.id in urlsplit(page.url).query
