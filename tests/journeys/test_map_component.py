"""The point map and the drawing pad in a real browser, with a real mouse."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from disgorge_core.data.polygon import inside

pytestmark = pytest.mark.journey
N = 20_000


class Map:
    """The map on a page, and what a test does to it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".pm")
        self.surface = page.locator(".pm .overlay")
        expect(self.root).to_have_attribute("data-state", "ready")
        self.frame = self.surface.bounding_box()
        left, low, right, high = map(float, self.root.get_attribute("data-window").split())
        self.low = np.array([left, low])
        self.reach = np.array([right - left, high - low])

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Where data coordinates (k, 2) are on the screen (k, 2)."""
        share = (np.asarray(places) - self.low) / self.reach
        share[:, 1] = 1 - share[:, 1]
        size = np.array([self.frame["width"], self.frame["height"]])
        return share * size + [self.frame["x"], self.frame["y"]]

    def drag(self, places: np.ndarray, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.down(key)
        path = self.pixels(places)
        self.page.mouse.move(*path[0])
        self.page.mouse.down()
        for x, y in path[1:]:
            self.page.mouse.move(x, y, steps=2)
        self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    def expect_selected(self, count: int) -> None:
        expect(self.root).to_have_attribute("data-selected", str(count))
        expect(self.page.locator(".pm .said")).to_have_text(f"{count:,} of {N:,} selected")

    def answer(self, op: str) -> dict:
        """What the app's script knows, once it has heard the gesture `op`."""
        expect(self.page.get_by_test_id("stText")).to_contain_text(f'"op": "{op}"')
        return json.loads(self.page.get_by_test_id("stText").inner_text())


@pytest.fixture
def shown(serve, browser_page) -> Map:
    page = browser_page(serve("apps/map_app.py"))
    yield Map(page)
    assert page.outside == []


@pytest.fixture(scope="module")
def clouds() -> tuple[np.ndarray, np.ndarray]:
    """The same points as the app's: positions (n, 2) and cloud (n,)."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 12, N)
    turn = 2 * np.pi * codes / 12
    centres = np.stack([6 * np.cos(turn), 3 * np.sin(turn)], axis=1)
    return centres + rng.normal(size=(N, 2)) * (0.25 + 0.05 * codes)[:, None], codes


def ring(x: float, y: float, radius: float) -> np.ndarray:
    turn = np.linspace(0, 2 * math.pi, 40)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def test_lasso_selects_exactly_what_it_holds(shown: Map, clouds) -> None:
    places, codes = clouds
    drawn = ring(-6, 0, 1.1)  # around cloud G, cutting its neighbours
    shown.drag(drawn)
    answer = shown.answer("replace")
    sent = np.array(answer["polygon"])
    pixel = shown.reach[0] / shown.frame["width"]
    gaps = np.linalg.norm(sent[:, None] - drawn[None], axis=2).min(axis=1)
    assert gaps.max() < 4 * pixel + np.linalg.norm(drawn[1] - drawn[0])
    held = inside(places, sent)
    shown.expect_selected(int(held.sum()))
    assert answer["selected"] == held.sum()
    assert abs(int(held.sum()) - int(inside(places, drawn).sum())) < 0.02 * held.sum()
    assert held[codes == 6].mean() > 0.8


def test_box_then_shift_adds_ctrl_removes_and_escape_clears(shown: Map, clouds) -> None:
    places, _ = clouds
    shown.page.locator(".pm [data-act=box]").click()
    first = np.array([[-4.2, 1.6], [-1.8, 3.6]])
    second = np.array([[1.8, 1.6], [4.2, 3.6]])
    expected = np.zeros(N, dtype=bool)
    for corners, key, op in ((first, None, "replace"), (second, "Shift", "add")):
        shown.drag(corners, *([key] if key else []))
        sent = np.array(shown.answer(op)["polygon"])
        assert len(sent) == 4
        assert np.abs(np.sort(sent[:, 0])[[0, 3]] - corners[:, 0]).max() < 0.08
        expected |= inside(places, sent)
        shown.expect_selected(int(expected.sum()))
    shown.drag(first, "Control")
    removed = inside(places, shown.answer("remove")["polygon"])
    shown.expect_selected(int((expected & ~removed).sum()))
    shown.page.keyboard.press("Escape")
    shown.expect_selected(0)
    assert shown.answer("clear")["polygon"] == []


def test_hover_names_the_point_and_a_click_picks_it(shown: Map, clouds) -> None:
    places, codes = clouds
    row = int(np.argmin(places[:, 1]))  # the lowest point stands alone
    shown.page.mouse.move(*shown.pixels(places[[row]])[0])
    expect(shown.root).to_have_attribute("data-hover", str(row))
    tip = shown.page.locator(".pm .tip")
    expect(tip).to_contain_text(f"Cloud {'ABCDEFGHIJKL'[codes[row]]}")
    expect(tip).to_contain_text(f"record {row:05d}")
    shown.page.mouse.down()
    shown.page.mouse.up()
    expect(shown.page.get_by_test_id("stText")).to_contain_text(f'"picked": {row},')
    expect(shown.root).to_have_attribute("data-selected", "0")


def test_what_the_legend_hides_is_not_selected(shown: Map, clouds) -> None:
    _, codes = clouds
    shown.page.locator(".pm .entry").nth(6).click()
    shown.surface.focus()
    shown.page.keyboard.press("Enter")  # everything in view
    shown.expect_selected(int((codes != 6).sum()))


def test_keys_move_and_zoom_and_the_wheel_needs_focus(shown: Map) -> None:
    window = shown.root.get_attribute("data-window")
    shown.page.mouse.move(*shown.pixels(np.zeros((1, 2)))[0])
    shown.page.mouse.wheel(0, -300)
    expect(shown.page.locator(".pm .hint")).to_contain_text("Click the map first")
    assert shown.root.get_attribute("data-window") == window
    shown.surface.focus()
    for key in ("+", "+", "ArrowRight", "ArrowUp"):
        shown.page.keyboard.press(key)
    expect(shown.root).not_to_have_attribute("data-window", window)
    shown.page.keyboard.press("0")
    expect(shown.root).to_have_attribute("data-window", window)
    shown.page.mouse.wheel(0, -300)
    expect(shown.root).not_to_have_attribute("data-window", window)


def test_after_the_drift_the_lasso_tests_the_new_positions(serve, browser_page) -> None:
    page = browser_page(serve("apps/map_app.py"), reduced_motion=True, dark=True)
    shown = Map(page)
    page.locator(".pm .play").click()
    shown.surface.focus()
    shown.page.keyboard.press("Enter")
    shown.expect_selected(N)
    assert shown.answer("replace")["drift"] == 1
    assert shown.root.get_attribute("data-ground") == "dark"


def test_colour_by_value_keeps_the_selection(shown: Map) -> None:
    shown.surface.focus()
    shown.page.keyboard.press("Enter")
    shown.expect_selected(N)
    shown.page.get_by_text("Colour by value").click()
    expect(shown.page.locator(".pm .legend h4")).to_have_text("Horizontal place")
    expect(shown.page.locator(".pm .ticks span")).to_have_count(5)
    expect(shown.root).to_have_attribute("data-selected", str(N))


def test_linked_maps_share_camera_and_selection(serve, browser_page) -> None:
    page = browser_page(serve("apps/linked_app.py"))
    left, right = page.locator(".pm").nth(0), page.locator(".pm").nth(1)
    for view in (left, right):
        expect(view).to_have_attribute("data-state", "ready")
    window = right.get_attribute("data-window")
    page.locator(".pm .overlay").nth(0).focus()
    page.keyboard.press("+")
    expect(right).not_to_have_attribute("data-window", window)
    expect(left).to_have_attribute("data-window", right.get_attribute("data-window"))
    page.keyboard.press("Enter")
    expect(left).not_to_have_attribute("data-selected", "0")
    expect(right).to_have_attribute("data-selected", left.get_attribute("data-selected"))


def stroke(page: Page, canvas: Locator, path: list[tuple[float, float]]) -> None:
    """Draw along points given as shares of the canvas."""
    frame = canvas.bounding_box()
    places = [(frame["x"] + u * frame["width"], frame["y"] + v * frame["height"]) for u, v in path]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_a_stroke_on_the_pad_reaches_python(serve, browser_page) -> None:
    page = browser_page(serve("apps/draw_app.py"))
    told = page.get_by_test_id("stText")
    grey, colour = page.locator(".pad canvas").nth(0), page.locator(".pad canvas").nth(1)
    expect(told.nth(0)).to_have_text('{"grey": null}')
    stroke(page, grey, [(0.56, 0.06), (0.56, 0.94)])  # a vertical line through column 4
    expect(told.nth(0)).not_to_have_text('{"grey": null}')
    pixels = np.array(json.loads(told.nth(0).inner_text())["grey"])
    assert pixels.shape == (8, 8)
    assert (pixels[:, 4] == 255).all()
    assert (pixels[:, [0, 1, 7]] == 0).all()
    page.locator(".pad .clear").nth(0).click()
    expect(told.nth(0)).to_have_text(json.dumps({"grey": [[0] * 8] * 8}))
    page.locator(".pad .undo").nth(0).click()
    expect(told.nth(0)).to_have_text(json.dumps({"grey": pixels.tolist()}))
    expect(told.nth(1)).to_have_text('{"colour": null}')
    page.locator(".pad").nth(1).get_by_title("Colour #d7263d").click()
    stroke(page, colour, [(0.2, 0.5), (0.8, 0.5)])
    expect(told.nth(1)).not_to_have_text('{"colour": null}')
    assert page.outside == []
