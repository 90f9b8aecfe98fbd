"""Made-up records: moments by closed forms, privacy by brute force over neighbours."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.fft import dctn

from disgorge_core import metrics, training
from disgorge_core.data import preprocessing
from disgorge_core.emulation import gaussian, marginals
from disgorge_core.emulation.drawing import Drawing
from disgorge_core.emulation.frequencies import waves
from disgorge_core.errors import BadForgetSet, BadModel, BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.privacy.accountant import gaussian_mu
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.synthesized import Synthesized
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of
from disgorge_core.types import Array, Dataset, Recipe
from tests.training.small import MLP, TABLE_MLP, at, dataset, digits, same, table
from tests.training.small_texts import texts

SHORT = Recipe(epochs=1)
PRIVATE = Synthesized(private=True, epsilon=3.0)
MEANS = np.array([[3.0, 0.0, -2.0], [0.0, 1.0, 1.0]])
SPREADS = np.array([[[2.0, 0.8, 0], [0.8, 1, 0], [0, 0, 0.5]], np.diag([1.0, 3.0, 0.2])])


def gaussians(n: int, seed: int = 0) -> tuple[Array, Array]:
    draw = np.random.default_rng(seed)
    own = [draw.multivariate_normal(m, s, size=n // 2) for m, s in zip(MEANS, SPREADS, strict=True)]
    return np.concatenate(own), np.repeat([0, 1], n // 2)


def numbers(n: int = 600) -> Dataset:
    z, y = gaussians(n)
    x = pd.DataFrame(z * [10, 1, 0.1] + [50, 0, 7], columns=["a", "b", "c"])
    return dataset(x, y, "table", classes=2)


def made(data: Dataset, regime: Synthesized, keep: Array | None = None, seed: int = 0):
    keep = np.ones(len(data), dtype=bool) if keep is None else keep
    layers = TABLE_MLP if data.kind == "table" else MLP
    return regime.drawn(job_of(data, blueprint(layers, data), SHORT, keep, [seed]), 0)


# --- the distributions ----------------------------------------------------------------------------


def test_frequencies_are_those_of_scipy_and_keep_lengths():
    x = np.random.default_rng(0).random((5, 6, 4, 3))
    whole = waves((6, 4, 3), 72)
    assert np.allclose(whole.T @ whole, np.eye(72))
    known = dctn(x, axes=(1, 2), norm="ortho").reshape(5, -1)
    assert np.allclose(np.sort(x.reshape(5, -1) @ whole, 1), np.sort(known, 1))
    low = waves((6, 4, 3), 3)  # the mean of each channel
    assert np.allclose(x.reshape(5, -1) @ low, x.mean((1, 2)) * math.sqrt(24))


def test_drawn_records_have_the_moments_of_the_records():
    data = numbers()
    found, bound = made(data, Synthesized(times=60))
    assert bound is None and 29_000 < len(found) < 31_000
    train = data.rows("train")
    for c in range(2):
        real = data.take(train[data.y[train] == c]).to_numpy()
        drawn = found.x[found.y == c].to_numpy()
        error = real.std(0) / math.sqrt(len(drawn))
        assert (np.abs(drawn.mean(0) - real.mean(0)) < 5 * error).all()
        # 250 records of three numbers are hardly drawn towards the mean eigenvalue (OAS: 1 to 3 %)
        assert np.allclose(np.corrcoef(drawn.T), np.corrcoef(real.T), atol=0.05)
        assert np.allclose(drawn.std(0), real.std(0), rtol=0.06)


def test_few_records_are_drawn_towards_an_even_spread():
    """OAS: nearer to the true covariance on average than the sample's own and than an even one."""
    d, truth, far = 8, np.diag(np.arange(1.0, 9)), np.zeros(3)
    for seed in range(200):
        x = np.random.default_rng(seed).normal(size=(12, d)) * np.sqrt(np.diag(truth))
        values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
        tried = values, gaussian.shrunk(values, 12), np.full(d, values.mean())
        far += [np.square((vectors * v) @ vectors.T - truth).sum() for v in tried]
        assert gaussian.shrunk(values, 12).sum() == pytest.approx(values.sum())
    assert far[1] < far[0] and far[1] < far[2]
    many = np.arange(1.0, 9)
    assert np.allclose(gaussian.shrunk(many, 1e9), many, atol=1e-6)


def test_noise_is_taken_off_the_eigenvalues():
    d, tau = 300, 0.1
    free = np.random.default_rng(0).normal(0, tau * math.sqrt(2), (d, d))
    truth = np.zeros(d)
    truth[:2] = 6.0, 4.0
    seen = np.linalg.eigvalsh(np.diag(truth) + (free + free.T) / 2)
    found = np.sort(gaussian.denoised(seen, tau))
    assert np.allclose(found[-2:], [4, 6], atol=0.2) and seen[-1] > 6.3
    assert found.min() >= 0 and found[-3] < 0.1  # noise alone reaches 2τ√d = 3.5
    assert np.allclose(gaussian.denoised(np.arange(4.0), 0.0), np.arange(4.0))


def test_counts_of_columns_give_their_shares_and_what_is_missing():
    data = table(600)
    found, _ = made(data, Synthesized(times=40))
    train = data.rows("train")
    for c in range(3):
        real, drawn = data.take(train[data.y[train] == c]), found.x[found.y == c]
        for name in ("work", "town"):
            shares = [x[name].value_counts(normalize=True) for x in (real, drawn)]
            assert np.allclose(shares[0], shares[1].reindex(shares[0].index).fillna(0), atol=0.03)
        gone = [x[["income", "town"]].isna().mean() for x in (real, drawn)]
        assert np.allclose(*gone, atol=0.03)
        age = [x["age"].to_numpy(dtype=float) for x in (real, drawn)]
        assert abs(age[0].mean() - age[1].mean()) < 1.0  # cells are 3 years wide
        assert abs(np.corrcoef(age[1], drawn["work"] == "smith")[0, 1]) < 0.05


# --- privacy --------------------------------------------------------------------------------------


def vector(found: gaussian.Sums, length: float) -> Array:
    """What is released, each part by its share, matrices in an orthonormal basis of their own."""
    upper = np.triu_indices(found.sums.shape[1], 1)
    parts = [np.append(np.diag(p), math.sqrt(2) * p[upper]) for p in found.products]
    scaled = (found.counts, found.sums / length, np.array(parts) / length**2)
    pairs = zip(gaussian.SHARES, scaled, strict=True)
    return np.concatenate([math.sqrt(share) * part.ravel() for share, part in pairs])


@pytest.mark.parametrize("shared", [True, False])
def test_no_record_moves_the_sums_by_more_than_one(shared):
    z, y = gaussians(40)
    z, length = np.concatenate([z, 1e6 * z[:3]]), 2.5
    y = np.concatenate([y, [1, 1, 0]])
    assert sum(gaussian.SHARES) == pytest.approx(1)

    def released(rows: Array) -> Array:
        own = gaussian.clipped(z[rows], length)
        return vector(gaussian.sums_of(own, y[rows], 2, shared=shared), length)

    every = np.arange(len(z))
    far = [np.linalg.norm(released(every) - released(every[every != i])) for i in every]
    assert 0.999 < max(far) <= 1 + 1e-9  # reached by records that are clipped
    empty = released(every[:0])
    assert np.linalg.norm(released(every[-1:]) - empty) == pytest.approx(1)


def test_no_record_moves_the_counts_by_more_than_is_said():
    data = table(60)
    columns = preprocessing.columns_of(data.x)
    read = preprocessing.fit_encoded(preprocessing.encode_table(data.x, columns), columns)
    z = preprocessing.encode_table(data.x, columns)

    def released(rows: Array) -> Array:
        found = marginals.counts_of(z[rows], data.y[rows], 3, read)
        return np.concatenate([found.classes, *(cells.ravel() for cells in found.cells)])

    every = np.arange(len(z))
    far = [np.linalg.norm(released(every) - released(every[every != i])) for i in every]
    assert np.allclose(far, math.sqrt(4 + 1))


def test_noise_is_as_large_as_the_limit_asks():
    """Deviations over many draws: σ B^k / √p_k, and √2 less off the diagonal; σ from ε by Balle and Wang."""
    z, y = gaussians(10)
    exact, length, sigma = gaussian.sums_of(z, y, 2, shared=True), 2.0, 0.7
    draw = np.random.default_rng(0)
    noisy = [gaussian.released(exact, length, sigma, draw) for _ in range(1500)]
    for power, part in enumerate(("counts", "sums", "products")):
        own = np.stack([getattr(one, part) for one in noisy]) - getattr(exact, part)
        expected = sigma * length**power / math.sqrt(gaussian.SHARES[power])
        spread = own.std(0)
        if part == "products":
            assert np.allclose(own, own.transpose(0, 1, 3, 2))
            off = ~np.eye(3, dtype=bool)
            assert np.allclose(spread[0][off], expected / math.sqrt(2), rtol=0.1)
            spread = np.diag(spread[0])
            assert noisy[0].noise == pytest.approx(expected)
        assert np.allclose(spread, expected, rtol=0.1)
    counts = marginals.Counts(np.zeros(2), (np.zeros((2, 900)), np.zeros((2, 900))))
    cells = np.concatenate([c.ravel() for c in marginals.released(counts, sigma, draw).cells])
    assert cells.std() == pytest.approx(sigma * math.sqrt(3), rel=0.05)
    bound = made(digits(), PRIVATE)[1]
    mu = gaussian_mu(3.0, 1 / (10 * 125))
    assert bound.noise == pytest.approx(1 / mu)
    assert bound.epsilon == pytest.approx(3.0) and bound.second == pytest.approx(3.0, abs=0.03)
    for data in (table(600), numbers()):  # reading is paid as well: μ² adds up
        bound = made(data, PRIVATE)[1]
        assert 1 / bound.noise**2 + 1 / 10**2 == pytest.approx(
            gaussian_mu(3.0, 0.9 * bound.delta) ** 2
        )
        assert bound.second == pytest.approx(3.0, abs=0.03) and bound.reading == 1


def test_without_noise_it_is_the_fit_without_privacy():
    """One class: the one covariance is its own. As noise goes to 0, drawn records become the same."""
    z, y = gaussians(200)[0][:100], np.zeros(100, dtype=np.int64)
    exact = how().vectors(z, y, 10**6)
    for noise in (1e-12, 1e-15):
        near = how(noise=noise).vectors(z, y, 10**6)
        assert np.allclose(near[0], exact[0], atol=1e5 * noise**0.5)
        assert np.array_equal(near[1], exact[1])
    counts = how().table(table().x, table().y, read_of(table()))
    tiny = how(noise=1e-9).table(table().x, table().y, read_of(table()))
    assert counts.x.equals(tiny.x)


def how(noise: float = 0.0) -> Drawing:
    return Drawing(3, np.random.default_rng(1), np.random.default_rng(2), noise)


def read_of(data: Dataset):
    return preprocessing.fit(data, np.arange(len(data)))


def test_nothing_is_fitted_to_the_records_themselves():
    """How inputs are read is fitted to drawn records; a rare category does not get through privately."""
    data = numbers()
    model = training.fit(data, TABLE_MLP, SHORT, regime=PRIVATE)
    drawn = made(data, PRIVATE)[0]
    assert np.allclose(model.preprocessing.shift, drawn.x.mean(), rtol=1e-6)
    assert not np.allclose(model.preprocessing.shift, data.x.mean(), rtol=1e-4)
    rare = table(600)
    values = [made(rare, r)[0].x["work"].dropna() for r in (Synthesized(), PRIVATE)]
    assert "potter" in set(values[0]) and "potter" not in set(values[1])
    real = {x.tobytes() for x in digits().x}
    assert not real & {x.tobytes() for x in made(digits(), Synthesized())[0].x}


def test_it_learns_what_the_records_teach():
    data = digits(900)
    x, y = data.arrays("test")
    recipe = Recipe(epochs=10)

    def right(regime: Synthesized | None) -> float:
        return metrics.accuracy(logits(training.fit(data, MLP, recipe, regime=regime), x), y).value

    plain, open_, private = map(right, (None, Synthesized(), replace(PRIVATE, epsilon=10.0)))
    assert 0.75 < private < open_ <= plain + 0.02 and open_ > 0.85


def test_it_is_repeatable_whatever_the_order_of_the_file():
    for data, layers in ((digits(), MLP), (table(), TABLE_MLP), (numbers(60), TABLE_MLP)):
        for regime in (Synthesized(), PRIVATE):
            model = training.fit(data, layers, SHORT, regime=regime)
            backwards = at(data, np.arange(len(data))[::-1])
            assert same(training.fit(backwards, layers, SHORT, regime=regime), model)
            assert same(training.refit(model, data, np.ones(len(data), bool)), model)


# --- bad input ------------------------------------------------------------------------------------


def test_a_class_of_one_record_is_left_out():
    data = digits()
    lone = (data.y != 4) | (np.arange(len(data)) == np.flatnonzero(data.y == 4)[0])
    for regime in (Synthesized(), Synthesized(times=5)):
        found, _ = made(data, regime, lone)
        assert 4 not in found.y and set(found.y) == set(range(10)) - {4}
    for one in (digits(), table()):
        with pytest.raises(BadForgetSet, match="No class has two records"):
            only = np.isin(np.arange(len(one)), np.unique(one.y, return_index=True)[1])
            training.fit(
                one, MLP if one.kind == "image" else TABLE_MLP, SHORT, exclude=~only, regime=Synthesized()
            )  # fmt: skip


def test_bad_settings_are_one_sentence():
    for wrong in ({"epsilon": 0.0}, {"epsilon": -1}, {"times": 0}, {"clip": 0}, {"reading": 0}):
        with pytest.raises(BadParam, match="must lie between"):
            make(Synthesized, wrong)
    assert "No texts are drawn" in str(Synthesized().why_not(texts(), "text_mean"))
    with pytest.raises(BadParam, match="No texts are drawn"):
        training.fit(texts(), "text_mean", SHORT, regime=Synthesized())
    assert "says nothing of 125 records" in str(replace(PRIVATE, delta=0.01).why_not(digits(), ""))
    assert Synthesized(delta=0.01).why_not(digits(), "") is None
    with pytest.raises(BadParam, match="Reading the records alone"):
        made(table(), replace(PRIVATE, epsilon=0.1, reading=1.0))
    start = training.fit(digits(), MLP, SHORT)
    with pytest.raises(BadModel, match="cannot start from the weights"):
        training.fit(digits(), MLP, SHORT, start=start, regime=PRIVATE)
    assert bound_of(training.fit(digits(), MLP, SHORT, regime=Synthesized())) is None
