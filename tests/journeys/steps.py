"""What a person does in the app, one step a function."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import finished

LONG_MS = 600_000  # a training on a busy machine


def until(page: Page, happened: Callable[[], bool], what: str, patience_ms: int = LONG_MS) -> None:
    """Wait for something outside the page, such as a file that the app writes."""
    for _ in range(patience_ms // 250):
        if happened():
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"it did not happen: {what}")


def part(page: Page, key: str) -> Locator:
    """The widget or container with this key."""
    return page.locator(f".st-key-{key}")


def press(page: Page, key: str) -> None:
    """Click a button by its key and wait for the page."""
    part(page, key).get_by_role("button").first.click()
    finished(page)


def fill(page: Page, key: str, text: str) -> None:
    """Write into a text or number field and leave it."""
    field = part(page, key).locator("input").first
    field.fill(text)
    field.press("Enter")
    finished(page)


def visit(page: Page, name: str) -> None:
    """Follow the menu to a page."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    finished(page)


def selected(page: Page) -> int:
    """How many records the map shows as selected."""
    root = page.locator(".pm").first
    expect(root).to_have_attribute("data-state", "ready", timeout=LONG_MS)
    return int(root.get_attribute("data-selected") or 0)


def choose_by_filter(page: Page, text: str) -> None:
    """Select exactly what a filter matches."""
    fill(page, "explore_filter", text)
    button = part(page, "filter_replace").get_by_role("button")
    expect(button).to_be_enabled()
    button.click()
    finished(page)


def expect_selected(page: Page, count: int) -> None:
    """Wait until the map shows this many records as selected."""
    selected(page)
    root = page.locator(".pm").first
    expect(root).to_have_attribute("data-selected", str(count))


def lasso(page: Page, corners: list[tuple[float, float]], *keys: str) -> None:
    """Draw around a part of the map with the mouse; corners are shares of its width and height."""
    root = page.locator(".pm").first
    expect(root).to_have_attribute("data-state", "ready", timeout=LONG_MS)
    root.scroll_into_view_if_needed()
    frame = root.locator(".overlay").bounding_box()
    assert frame is not None
    path = np.array(corners) * [frame["width"], frame["height"]] + [frame["x"], frame["y"]]
    for key in keys:
        page.keyboard.down(key)
    page.mouse.move(*path[0])
    page.mouse.down()
    for x, y in [*path[1:], path[0]]:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)
    finished(page)


def save_forget_set(page: Page, name: str, reason: str) -> str:
    """Save the selection in hand; gives the id that the URL then carries."""
    before = page.url
    press(page, "hand_save")
    part(page, "save_name").locator("input").fill(name)
    part(page, "save_reason").locator("input").fill(reason)
    part(page, "save_yes").get_by_role("button").click()
    page.wait_for_function("before => location.href !== before", arg=before)
    finished(page)
    found = re.search(r"forget=([0-9a-f]+)", page.url)
    assert found
    return found.group(1)


def run_method(page: Page, method: str, references: int) -> str:
    """Choose a method on Plan, run it, and wait on Runs until it is done; gives the run's id."""
    visit(page, "Plan")
    choice = part(page, f"choose_{method}").get_by_role("button")
    expect(choice).to_be_visible(timeout=LONG_MS)
    if choice.is_enabled():
        choice.click()
        finished(page)
    fill(page, "plan_references", str(references))
    press(page, "plan_run")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    found = re.search(r"run=([0-9A-Za-z-]+)", page.url)
    assert found
    return found.group(1)
