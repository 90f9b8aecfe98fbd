"""Maps: alignment undoes a turn, before and after share one map, neighbourhoods survive."""

import sys

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.datasets import load_digits

from disgorge_core.projections import align
from disgorge_core.registry import PROJECTIONS


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return found.data[:300].astype(np.float32), found.target[:300]


def test_alignment_undoes_a_turn_and_a_move_and_shows_what_really_moved(digits):
    before, _ = digits
    before = before[:, :20]
    turned = before @ ortho_group.rvs(20, random_state=0) + 5
    others = np.delete(np.arange(300), 280)  # the records that stayed
    turned[280] += 100.0
    found = align(turned, before, others)
    np.testing.assert_allclose(found[others], before[others], atol=1e-3)
    assert abs(np.linalg.norm(found[280] - before[280]) - 100 * np.sqrt(20)) < 0.1


def test_alignment_of_unequal_widths_fills_up_with_zeros(digits):
    before, _ = digits
    found = align(before[:, :10], before, np.arange(300))
    assert found.shape == before.shape


@pytest.mark.parametrize("name", list(PROJECTIONS))
def test_one_map_for_before_and_after(name, digits):
    z, y = digits
    kind = PROJECTIONS[name]
    settings = {"epochs": 50} if name == "umap" else {}
    made = kind(**settings)
    first, second = made.project([z, z[:100] + 0.01], seed=1)
    assert first.shape == (300, 2) and second.shape == (100, 2)
    assert np.isfinite(first).all() and np.isfinite(second).all()
    spread = first.std(0).mean()
    assert np.median(np.linalg.norm(first[:100] - second, axis=1)) < 0.2 * spread
    near = np.linalg.norm(first[:, None] - first[None], axis=2)
    np.fill_diagonal(near, np.inf)
    agreement = (y[near.argsort(1)[:, :5]] == y[:, None]).mean()
    assert agreement > (0.85 if name == "umap" else 0.5)
    again = made.project([z, z[:100] + 0.01], seed=1)
    np.testing.assert_array_equal(again[0], first)
    assert kind.title and kind.reading.endswith(".") and made.notes(300) == ()


def test_large_maps_are_laid_out_with_a_subsample_and_say_so(digits, monkeypatch):
    import disgorge_core.projections.umap as umap

    z, y = digits
    monkeypatch.setattr(umap, "EXACT", 200)
    monkeypatch.setattr(umap, "SUBSAMPLE", 150)
    made = umap.Umap(epochs=50)
    (found,) = made.project([z], seed=0)
    near = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(near, np.inf)
    assert (y[near.argsort(1)[:, :5]] == y[:, None]).mean() > 0.8
    assert "150 of 300" in made.notes(300)[0]


def test_tiny_maps_do_not_fail():
    (found,) = PROJECTIONS["umap"]().project([np.eye(3, dtype=np.float32)])
    assert found.shape == (3, 2)


def test_umap_is_not_imported_before_it_runs():
    import subprocess

    code = "import sys, disgorge_core.registry as r; list(r.PROJECTIONS); assert 'umap' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
