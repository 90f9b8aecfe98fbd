"""100 models trained together against one by one, and against a plain torch loop: ratios of one run.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONPATH=. python benchmarks/fit_many.py [models]

On a busy machine read the ratios of core seconds; wall clock counts the neighbours too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from disgorge_core import compute, training
from disgorge_core.types import Dataset, Recipe, Roles

RECIPE = Recipe(epochs=20, lr=0.05, batch=64)
ALONE = 10  # models trained one by one, scaled up


def digits() -> Dataset:
    bunch = load_digits()
    n = len(bunch.target)
    pictures = (bunch.images * 15).astype(np.uint8)[..., None]
    return Dataset(
        name="digits", kind="image", task="classification", ids=np.arange(n), x=pictures,
        y=bunch.target.astype(np.int64), classes=tuple("0123456789"),
        split=np.where(np.arange(n) % 5 == 0, 2, 0), meta=pd.DataFrame({"label": bunch.target}),
        roles=Roles(), digest="digits",
    )  # fmt: skip


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Core seconds of this process, and wall seconds."""
    cores, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cores, time.perf_counter() - wall


def torch_loop(data: Dataset, keep: np.ndarray, seed: int) -> None:
    """What one writes by hand: nn.Sequential, torch.optim.SGD, a shuffle in each epoch."""
    rows = np.flatnonzero(keep & (data.split == 0))
    x = torch.from_numpy(data.x[rows].reshape(len(rows), -1)).float().div(255)
    y = torch.from_numpy(data.y[rows])
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.SGD(net.parameters(), lr=RECIPE.lr, momentum=RECIPE.momentum)
    steps = RECIPE.epochs * -(-len(rows) // RECIPE.batch)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(RECIPE.epochs):
        for part in torch.randperm(len(rows)).split(RECIPE.batch):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            optimiser.step()
            falls.step()


def mlps(data: Dataset, models: int) -> None:
    keep = np.random.default_rng(0).random((models, len(data))) < 0.9
    training.fit_many(data, "mlp", replace(RECIPE, epochs=1), keep[:2], [0, 1])
    stacks: list[training.Stack] = []
    together = timed(
        lambda: stacks.append(training.fit_many(data, "mlp", RECIPE, keep, range(models)))
    )
    few = keep[:ALONE]
    alone = timed(
        lambda: [training.fit_many(data, "mlp", RECIPE, few[k : k + 1], [k]) for k in range(ALONE)]
    )
    plain = timed(lambda: [torch_loop(data, mask, k) for k, mask in enumerate(few)])
    x, y = data.arrays("test")
    right = (stacks[0].logits(x).argmax(2) == y).mean()
    print(f"{models} digits MLPs, {RECIPE.epochs} epochs, test accuracy {right:.3f}")
    print(f"  together    {together[0]:7.2f} core s  {together[1]:7.2f} s wall")
    for name, (cores, wall) in (("one by one", alone), ("torch loop", plain)):
        cores, wall = cores * models / ALONE, wall * models / ALONE
        print(f"  {name}  {cores:7.2f} core s  {wall:7.2f} s wall (from {ALONE})", end="")
        print(f"  {cores / together[0]:.1f} x core, {wall / together[1]:.1f} x wall")


def cnns(data: Dataset, models: int) -> None:
    keep = np.random.default_rng(0).random((models, len(data))) < 0.9
    settings, recipe = {"width": 16}, replace(RECIPE, epochs=5)

    def train(workers: int) -> training.Stack:
        seeds = range(models)
        return training.fit_many(
            data, "cnn", recipe, keep, seeds, settings=settings, workers=workers
        )

    short = replace(recipe, epochs=1)
    training.fit_many(data, "cnn", short, keep, range(models), workers=compute.cores())  # warm up
    _, spread = timed(lambda: train(compute.cores()))
    _, alone = timed(lambda: train(1))
    print(f"{models} digits CNNs, {recipe.epochs} epochs, {compute.cores()} warm processes")
    print(
        f"  processes {spread:6.2f} s wall, one by one {alone:6.2f} s wall: {alone / spread:.1f} x"
    )


def main() -> None:
    data = digits()
    models = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread, {compute.cores()} cores")
    mlps(data, models)
    cnns(data, max(4, models // 10))


if __name__ == "__main__":
    main()
