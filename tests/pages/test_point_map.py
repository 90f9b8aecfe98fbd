"""What the map sends to the browser, and what it makes of the answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.data.polygon import inside
from pages.common.draw_pad import read_drawing
from pages.common.point_map import Categories, Gesture, Values, read_gesture, read_row
from pages.common.point_payload import feeds_of, pack, view_payload


def unpack(message: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """The layout of a message, read a second time as its description says."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    at, buffers = 4 + length + (-(4 + length) % 4), {}
    for name, kind, count in header["buffers"]:
        buffers[name] = np.frombuffer(message, f"<{kind}", count, at)
        at += buffers[name].nbytes + (-buffers[name].nbytes % 4)
    assert at == len(message)
    return header, buffers


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(997, 2)) * [5, 2] + [100, -7]


def coloured(n: int) -> Categories:
    return Categories(np.arange(n) % 3, ["a", "b", "c"])


def test_a_message_survives_the_round_trip() -> None:
    buffers = {
        "one": np.arange(5, dtype=np.uint8),
        "two": np.arange(3, dtype=np.uint16),
        "four": np.arange(7, dtype=np.uint32),
        "none": np.empty(0, dtype=np.uint8),
    }
    header, found = unpack(pack({"kind": "x", "title": "Größe"}, buffers))
    assert (header["kind"], header["title"]) == ("x", "Größe")
    assert all(np.array_equal(found[name], buffer) for name, buffer in buffers.items())


def test_positions_come_back_within_half_a_step(points: np.ndarray) -> None:
    after = points + np.array([3, 40])
    feeds = feeds_of("", points, after, coloured(997), None)
    header, buffers = unpack(feeds["positions"].payload)
    left, low, side = header["box"]
    for name, layout in (("before", points), ("after", after)):
        back = buffers[name].reshape(-1, 2) / 65535 * side + [left, low]
        assert np.abs(back - layout).max() <= side / 65535 / 2 * 1.001
    assert header["extent"][2:] == pytest.approx(
        (np.ptp([*points, *after], axis=0) / side).tolist()
    )


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points_have_a_place(n: int) -> None:
    feeds = feeds_of("", np.full((n, 2), 4.0), None, coloured(n), ["é"] * n)
    header, buffers = unpack(feeds["positions"].payload)
    assert header["box"][2] > 0
    assert not buffers["before"].any()


def test_masks_are_one_bit_per_row(points: np.ndarray) -> None:
    feeds = feeds_of("", points, None, coloured(997), None)
    selected = np.random.default_rng(0).random(997) < 0.3
    header, buffers = unpack(view_payload({"n": 997}, feeds, selected, None))
    bits = np.unpackbits(buffers["selected"], bitorder="little")
    assert np.array_equal(bits[:997].astype(bool), selected)
    assert "forget" not in buffers
    assert header["positions"] == feeds["positions"].digest
    with pytest.raises(ValueError, match="bool mask"):
        view_payload({"n": 997}, feeds, selected.astype(int), None)


def test_labels_are_one_text_with_lengths() -> None:
    words = ["plain", "", "Grüße", "字" * 300]
    feeds = feeds_of("", np.zeros((4, 2)), None, coloured(4), words)
    _, buffers = unpack(feeds["labels"].payload)
    ends = np.cumsum(buffers["lengths"])
    text = bytes(buffers["text"])
    starts = ends - buffers["lengths"]
    found = [text[a:b].decode() for a, b in zip(starts, ends, strict=True)]
    assert found == [*words[:3], "字" * 120]


def test_a_feed_keeps_its_name_until_its_content_changes(points: np.ndarray) -> None:
    def names(positions: np.ndarray, after: np.ndarray | None, colours: Categories) -> tuple:
        return tuple(feed.digest for feed in feeds_of("", positions, after, colours, None).values())

    first = names(points, None, coloured(997))
    assert names(points.copy(), None, coloured(997)) == first
    assert names(points + 1, None, coloured(997))[0] != first[0]
    assert names(points, points, coloured(997))[0] != first[0]
    renamed = Categories(np.arange(997) % 3, ["a", "b", "d"])
    assert names(points, None, renamed)[1] != first[1]


def test_too_many_categories_are_said_and_counted() -> None:
    codes = np.concatenate([np.repeat(np.arange(300), 2), np.arange(100, 300)])
    colours = Categories(codes, [f"owner {code}" for code in range(300)])
    legend, shown = colours.legend(), colours.shown_codes()
    assert len(legend["names"]) == 256
    assert legend["names"][-1] == "other"
    assert legend["note"] == "300 categories: the 255 most common, then other."
    assert sum(legend["counts"]) == len(codes)
    assert {f"owner {code}" for code in range(100, 300)} <= set(legend["names"])
    assert np.array_equal(np.bincount(shown, minlength=256), legend["counts"])
    names = np.array(legend["names"])[shown]
    own = names != "other"
    assert (names[own] == np.array([f"owner {code}" for code in codes])[own]).all()


@pytest.mark.parametrize("named", [1, 255, 256])
def test_up_to_256_categories_have_their_own_entry(named: int) -> None:
    colours = Categories(np.arange(named), [str(code) for code in range(named)])
    assert colours.note() == ""
    assert np.array_equal(colours.shown_codes(), np.arange(named))
    assert colours.legend()["rest"] is None


def test_minus_one_is_none_of_the_categories() -> None:
    legend = Categories(np.array([0, -1, 1, -1]), ["a", "b"]).legend()
    assert legend["names"] == ["a", "b", "none"]
    assert legend["counts"] == [1, 1, 2]
    assert legend["rest"] == 2


def test_values_run_from_1_to_255_and_gaps_are_0() -> None:
    colours = Values(np.array([0.0, 5.0, 10.0, np.nan, np.inf]), "loss")
    assert colours.shown_codes().tolist() == [1, 128, 255, 0, 0]
    assert (colours.legend()["low"], colours.legend()["high"]) == (0.0, 10.0)
    assert colours.legend()["missing"] == 2
    centred = Values(np.array([-1.0, 0.0, 3.0]), "influence", centre=0.0)
    assert centred.shown_codes().tolist() == [86, 128, 255]
    assert Values(np.full(3, 2.0), "flat").legend()["low"] < 2.0
    assert Values(np.full(3, np.nan), "none").shown_codes().tolist() == [0, 0, 0]


SQUARE = [[-1, -1], [1, -1], [1, 1], [-1, 1]]


def gesture(op: str, **more: object) -> Gesture:
    return read_gesture({"polygon": SQUARE, "op": op, "drift": 0, "hidden": [], **more})


def test_a_gesture_changes_a_selection_as_its_name_says() -> None:
    places = np.array([[0.0, 0.0], [0.5, 0.5], [3.0, 3.0], [4.0, 4.0]])
    held = inside(places, SQUARE)
    chosen = np.array([False, True, True, False])
    assert np.array_equal(gesture("replace").applied(chosen, places), held)
    assert np.array_equal(gesture("add").applied(chosen, places), chosen | held)
    assert np.array_equal(gesture("remove").applied(chosen, places), chosen & ~held)
    assert not gesture("clear", polygon=[]).applied(chosen, places).any()
    assert not gesture("remove").applied(None, places).any()


def test_a_gesture_between_before_and_after_tests_the_places_between() -> None:
    before, after = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([[4.0, 0.0], [0.0, 0.0]])
    for drift, expected in ((0, [True, False]), (1, [False, True]), (0.5, [False, False])):
        assert gesture("replace", drift=drift).applied(None, before, after).tolist() == expected


def test_a_gesture_leaves_out_what_the_legend_hides() -> None:
    colours = Categories(np.array([0, 1, 1]), ["a", "b"])
    held = gesture("replace", hidden=[1]).applied(None, np.zeros((3, 2)), colours=colours)
    assert held.tolist() == [True, False, False]


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        {},
        {"polygon": SQUARE, "op": "delete", "drift": 0, "hidden": []},
        {"polygon": [[0, float("nan")]] * 3, "op": "add", "drift": 0, "hidden": []},
        {"polygon": [[0, 1, 2]] * 2, "op": "add", "drift": 0, "hidden": []},
        {"polygon": SQUARE, "op": "add", "drift": 2, "hidden": []},
        {"polygon": SQUARE * 6000, "op": "add", "drift": 0, "hidden": []},
    ],
)
def test_a_malformed_answer_is_no_gesture(message: object) -> None:
    assert read_gesture(message) is None


def test_a_pick_is_a_row_number() -> None:
    assert read_row({"row": 7}) == 7
    assert read_row({"row": -1}) is None
    assert read_row({"row": "7"}) is None
    assert read_row(None) is None


def test_a_drawing_is_read_only_for_its_own_start() -> None:
    message = {"start": "d", "pixels": "AAH/gA=="}
    assert read_drawing(message, (2, 2, 1), "d")[:, :, 0].tolist() == [[0, 1], [255, 128]]
    assert read_drawing(message, (2, 2, 1), "other") is None
    assert read_drawing(message, (2, 2, 3), "d") is None
    assert read_drawing({"start": "d", "pixels": "§"}, (2, 2, 1), "d") is None


def _script() -> None:
    import numpy as np

    from pages.common.draw_pad import draw_pad
    from pages.common.point_map import Categories, point_map

    places = np.random.default_rng(0).normal(size=(50, 2))
    heard = point_map(
        "m", positions=places, colours=Categories(np.zeros(50, int), ["all"]), labels=["x"] * 50
    )
    assert heard is None
    assert draw_pad("pad", height=8, width=8) is None


def _mounts(app: AppTest) -> list[tuple[dict, dict]]:
    return [
        unpack(mount.proto.bytes)
        for mount in app.get("bidi_component")
        if mount.proto.component_name == "point_map"
    ]


@pytest.mark.parametrize("session", ["first", "second"])
def test_the_map_renders_without_a_browser(session: str) -> None:
    app = AppTest.from_function(_script).run(timeout=30)
    assert not app.exception
    assert [header["kind"] for header, _ in _mounts(app)] == [
        "positions",
        "colours",
        "labels",
        "view",
    ]
    first = [mount.proto.bytes for mount in app.get("bidi_component")]
    assert [mount.proto.bytes for mount in app.run().get("bidi_component")] == first
