"""Linear datamodelling score (LDS) and cost of every estimator on one model, in one run.

The model is the digits MLP, or with --data that of another worked example. With --sweep only the damping of
K-FAC is tried, on data that no figure is reported of: its rule is chosen there (benchmarks/influence.md).

LDS: models are trained on random halves of the training data; for each test record the sum of the scores of
the kept half is ranked against the real margins (mean over seeds), and Spearman's correlation is averaged.
Cost is CPU time of one thread in units of one training epoch of the same model.

    python -m benchmarks.influence [--data digits] [--halves 40] [--seeds 2] [--sweep]
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from disgorge_core.influence.contract import trainings_of
from disgorge_core.metrics import margins
from disgorge_core.models.prediction import inputs
from disgorge_core.registry import ESTIMATORS, EXAMPLES
from disgorge_core.training import fit, fit_many
from disgorge_core.types import Dataset, Recipe, Roles

RECIPE = Recipe(epochs=20, lr=0.05, batch=64, momentum=0.9, l2=1e-3)
SHAPE = {"width": 96, "depth": 2}
QUERIES = 400
DAMPINGS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)


@dataclass
class Case:
    """A dataset, how its models are trained, and the test rows that are asked about."""

    data: Dataset
    architecture: str
    recipe: Recipe
    settings: dict
    test: np.ndarray

    def fit(self):
        return fit(self.data, self.architecture, self.recipe, settings=self.settings)


def chosen(name):
    if name == "digits":
        data = digits()
        return Case(data, "mlp", RECIPE, SHAPE, data.rows("test"))
    kind = EXAMPLES[name]
    data, planned = kind().dataset(), kind.models[0]
    test = np.random.default_rng(2).permutation(data.rows("test"))[:QUERIES]
    return Case(data, planned.architecture, planned.recipe, dict(planned.settings), test)


def digits(seed=0):
    found = load_digits()
    x, y = found.images.astype(np.uint8)[..., None], found.target.astype(np.int64)
    n = len(y)
    split = np.zeros(n, dtype=np.int64)
    split[np.random.default_rng(seed).permutation(n)[:360]] = 2
    return Dataset(
        "digits", "image", "classification", np.arange(n).astype(str), x, y,
        tuple("0123456789"), split, pd.DataFrame({"label": y}), Roles(), "digits for influence",
    )  # fmt: skip


def truth(case, halves, seeds):
    """Which records were kept (halves, n_train), and mean margins (halves, n_test) of real trainings."""
    data = case.data
    kept = np.random.default_rng(1).random((halves, len(data))) < 0.5
    numbers = [1 + s for _ in range(halves) for s in range(seeds)]
    stack = fit_many(
        data, case.architecture, case.recipe, np.repeat(kept, seeds, 0), numbers,
        settings=case.settings, workers=1,
    )  # fmt: skip
    x, y = data.take(case.test), data.y[case.test]
    real = np.array([margins(z, y) for z in stack.logits(x)]).reshape(halves, seeds, -1)
    return kept[:, data.rows("train")], real


def lds(matrix, kept, real):
    expected = kept.astype(np.float64) @ matrix
    found = [spearmanr(expected[:, j], real[:, j])[0] for j in range(real.shape[1])]
    return np.nanmean(found), np.nanstd(found) / np.sqrt(len(found))


def seconds(work, times_run=3):
    times = []
    for _ in range(times_run):
        started = time.process_time()
        result = work()
        times.append(time.process_time() - started)
    return result, float(np.median(times))


def tracin_all_layers(model, data, train, test):
    """captum's TracInCP: gradients of all layers, final weights only."""
    from captum.influence import TracInCP

    def tensors(rows):
        return inputs(model.members[0], data.take(rows)), torch.tensor(data.y[rows])

    loss = torch.nn.CrossEntropyLoss(reduction="sum")
    given = torch.utils.data.TensorDataset(*tensors(train))
    tracin = TracInCP(
        model.network, given, ["final"], lambda *_: 1.0, loss_fn=loss, batch_size=256,
        sample_wise_grads_per_batch=True,
    )  # fmt: skip
    return tracin.influence(tensors(test)).numpy().T


def main():
    given = argparse.ArgumentParser()
    given.add_argument("--data", default="digits", choices=("digits", "addresses", "openmoji"))
    given.add_argument("--halves", type=int, default=40)
    given.add_argument("--seeds", type=int, default=2)
    given.add_argument("--sweep", action="store_true")
    options = given.parse_args()
    torch.set_num_threads(1)
    case = chosen(options.data)
    data, train, test = case.data, case.data.rows("train"), case.test
    model, whole = seconds(case.fit)
    epoch = whole / case.recipe.epochs
    kept, real = truth(case, options.halves, options.seeds)
    print(f"{options.halves} halves x {options.seeds} seeds; an epoch takes {epoch:.3f} CPU s")
    if options.seeds > 1:
        pairs = [spearmanr(real[:, 0, j], real[:, 1, j])[0] for j in range(len(test))]
        print(f"one seed against another: {np.mean(pairs):.3f}")
    if options.sweep:
        tried = {f"kfac {d:g}": ESTIMATORS["kfac"](damping=d) for d in DAMPINGS}
    else:
        tried = {name: ESTIMATORS[name]() for name in ESTIMATORS}
        tried["best of kfac"] = ESTIMATORS["best"](of="kfac")
    for name, estimator in tried.items():
        once = 1 if trainings_of(estimator) else 3
        scores, took = seconds(lambda e=estimator: e.score(model, data, train, test), once)
        show(name, scores.matrix, took / epoch, kept, real)
    if options.sweep:
        return
    if data.kind != "text":  # captum's gradients of single records do not know word vectors
        matrix, took = seconds(lambda: tracin_all_layers(model, data, train, test))
        show("captum TracInCP", matrix, took / epoch, kept, real)
    estimator = ESTIMATORS["ekfac"]()
    curvature, took = seconds(lambda: estimator.curvature(model, data, train))
    print(f"curvature alone: {took / epoch:.1f} epochs")
    _, took = seconds(
        lambda: estimator.one_query(model, data, train, test[:1], curvature=curvature)
    )
    print(f"one query, curvature given: {took / epoch:.2f} epochs")


def show(name, matrix, epochs, kept, real):
    score, error = lds(matrix, kept, real.mean(1))
    print(f"{name:16s} LDS {score:.3f} ± {error:.3f}  {epochs:6.1f} epochs")


if __name__ == "__main__":
    main()
