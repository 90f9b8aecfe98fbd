"""The lasso's test against its definition: count crossings, one point and one edge at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disgorge_core.data.polygon import inside


def by_definition(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Even-odd rule in exact fractions."""
    corners = [(Fraction(float(x)), Fraction(float(y))) for x, y in polygon]
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    return np.array([_crossings(float(x), float(y), edges) % 2 == 1 for x, y in points], dtype=bool)


def _crossings(x: float, y: float, edges: list) -> int:
    crossings = 0
    for (x0, y0), (x1, y1) in edges:
        if (y0 <= y) != (y1 <= y):
            where = x0 + (Fraction(y) - y0) * (x1 - x0) / (y1 - y0)
            crossings += Fraction(x) < where
    return crossings


# Small whole numbers make what is rare in real lassos common: points on corners and edges,
# horizontal edges, corners on a point's y, repeated corners, outlines that cross themselves.
pair = st.tuples(st.integers(-4, 4), st.integers(-4, 4))


@given(st.lists(pair, min_size=1, max_size=30), st.lists(pair, min_size=3, max_size=12))
def test_equals_the_definition_on_a_grid(points: list, polygon: list) -> None:
    points, polygon = np.array(points, float), np.array(polygon, float)
    assert np.array_equal(inside(points, polygon), by_definition(points, polygon))


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_definition_on_random_outlines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 2))
    polygon = rng.normal(size=(rng.integers(3, 40), 2))
    polygon[0, 1] = points[0, 1]
    polygon[1, 1] = polygon[2, 1]
    assert np.array_equal(inside(points, polygon), by_definition(points, polygon))


def test_direction_and_first_corner_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    points, polygon = rng.normal(size=(500, 2)), rng.normal(size=(9, 2))
    expected = inside(points, polygon)
    assert expected.any()
    assert not expected.all()
    assert np.array_equal(inside(points, polygon[::-1]), expected)
    assert np.array_equal(inside(points, np.roll(polygon, 4, axis=0)), expected)


def test_neighbouring_outlines_share_no_point_and_lose_none() -> None:
    points = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    left = inside(points, [(0, 0), (2, 0), (2, 4), (0, 4)])
    right = inside(points, [(2, 0), (4, 0), (4, 4), (2, 4)])
    both = inside(points, [(0, 0), (4, 0), (4, 4), (0, 4)])
    assert not (left & right).any()
    assert np.array_equal(left | right, both)


def test_points_that_are_not_numbers_are_outside() -> None:
    points = [(0.5, 0.5), (np.nan, 0.5), (0.5, np.inf)]
    assert inside(points, [(0, 0), (1, 0), (1, 1), (0, 1)]).tolist() == [True, False, False]


def test_too_few_corners_hold_nothing() -> None:
    assert not inside([(0, 0)], [(-1, -1), (1, 1)]).any()
    assert not inside([(0, 0)], np.empty((0, 2))).any()
    assert inside(np.empty((0, 2)), [(0, 0), (1, 0), (1, 1)]).shape == (0,)


def test_wrong_shapes_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"points of shape \(n, 2\)"):
        inside(np.zeros((4, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="finite"):
        inside(np.zeros((4, 2)), [(0, 0), (1, 0), (np.nan, 1)])
