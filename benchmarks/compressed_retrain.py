"""A short retrain by recipes of several forms: cost against closeness to full retrainings.

    python -m benchmarks.compressed_retrain [setting ...]     the table, for compressed_retrain.md
    python -m benchmarks.compressed_retrain figure            compressed_retrain.svg from that file
    python -m benchmarks.compressed_retrain facts             KLoM of ensembles of 50, the plain recipe

Each setting trains models on all records, and references on the records that stay by other seeds. Closeness
is the audit's: mean z² of the margins on F against the references, for each of the models after the removal;
their median and range. `floor` is a reference among the others, `before` the model as it was. Cost counts
record-passes, in shares of one full training. FA is the accuracy on F by the labels it has, R and T the
distance on kept and test records. The method is run also where it says that it does not apply. Budgets that
leave less than two epochs are left out.

KLoM (`metrics.klom`): KL between the histograms of two ensembles' margins at each record; it falls with the
size of the ensembles, so only figures of one run may be compared.
"""

from __future__ import annotations

import copy
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.recipe_forms import SETTINGS, Setting, example, like, many
from benchmarks.small_multiples import Panel, drawn
from disgorge_core import metrics
from disgorge_core.audit.ranks import moments_without
from disgorge_core.disgorging import disgorge, facts_for
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.registry import METHODS
from disgorge_core.types import Array, Dataset, ForgetSet, Model, silent

BUDGETS = (0.05, 0.1, 0.2, 0.3)
RETAINED, MOST = 300, 1e6
ENSEMBLE = 50


# --- one removal --------------------------------------------------------------------------------


def after(
    model: Model, data: Dataset, forget: ForgetSet, name: str, seed: int, **settings: Any
) -> Any:
    """The change that a method makes, whether or not it says that it applies."""
    facts: Facts = facts_for(model, data, forget)
    method = make(METHODS[name], settings)
    assert facts.recipe is not None
    context = Context(
        needs=method.needs, seed=seed, report=silent, model=model, data=data, forget=facts.forget,
        keep=facts.keep, recipe=facts.recipe, validation=facts.validation, spare=facts.spare,
        curvature=lambda **_: None,
    )  # fmt: skip
    return method.run(context)


@dataclass(frozen=True, eq=False)
class Bed:
    """One setting, trained: originals, and margins (N, m) of the references."""

    data: Dataset
    forget: ForgetSet
    originals: tuple[Model, ...]
    rows: Mapping[str, Array]
    references: Mapping[str, Array]
    full: float  # record-passes of one full training

    def margins(self, model: Model, where: str) -> Array:
        """Margins (m,) of a model on F, R or T."""
        rows = self.rows[where]
        return metrics.margins(logits(model, self.data.take(rows)), self.data.y[rows])

    def far(self, model: Model, where: str) -> float:
        """Mean z² against the references."""
        stack = self.references[where]
        z = (self.margins(model, where) - stack.mean(0)) ** 2 / stack.var(0, ddof=1)
        return float(np.minimum(z, MOST).mean())

    def floor(self, where: str) -> Array:
        """Mean z² (N,) of each reference among the others."""
        stack = self.references[where]
        mean, variance = moments_without(stack)
        return np.asarray(((stack - mean) ** 2 / variance).mean(1))

    def right(self, model: Model, where: str) -> float:
        """Accuracy, in percent."""
        rows = self.rows[where]
        return 100 * metrics.accuracy(logits(model, self.data.take(rows)), self.data.y[rows]).value


def bed(setting: Setting) -> Bed:
    """Train everything that a setting needs."""
    data, forget = example(setting.example)
    model = like(setting, data)
    gone, train = forget.mask(data), data.split == 0
    kept = np.flatnonzero(train & ~gone)
    sample = kept[np.linspace(0, len(kept) - 1, RETAINED).astype(int)]
    rows = {"F": np.flatnonzero(gone & train), "R": sample, "T": data.rows("test")}
    originals = many(model, data, train, range(setting.models))
    theirs = many(model, data, train & ~gone, range(100, 100 + setting.references))
    assert model.recipe is not None
    full = float(train.sum() * model.recipe.epochs)
    found = Bed(data, forget, originals, rows, {}, full)
    stacks = {w: np.stack([found.margins(m, w) for m in theirs]) for w in rows}
    return replace(found, references=stacks)


def figures(on: Bed, models: Sequence[Model]) -> str:
    """The cells of a row."""
    far = [on.far(model, "F") for model in models]
    others = [float(np.median([on.far(model, where) for model in models])) for where in "RT"]
    right = float(np.mean([on.right(model, "F") for model in models]))
    spread = f"{np.median(far):.3g} ({min(far):.2g} to {max(far):.2g})"
    return f"{spread} | {others[0]:.3g} | {others[1]:.3g} | {right:.0f} |"


def measured(name: str) -> None:
    """Print the rows of one setting."""
    setting, began = SETTINGS[name], time.process_time()
    on = bed(setting)
    floors = [on.floor(where) for where in "FRT"]
    middle = [float(np.median(values)) for values in floors]
    share = 1 - len(on.rows["F"]) / (on.data.split == 0).sum()
    low, high = floors[0].min(), floors[0].max()
    print(f"| **{setting.title}** | before | 0 | {figures(on, on.originals)} |")
    print(f"| | full retrain | {share:.2f} | {middle[0]:.3g} ({low:.2g} to {high:.2g}) | {middle[1]:.3g} | "
          f"{middle[2]:.3g} | | |")  # fmt: skip
    recipe = on.originals[0].recipe
    assert recipe is not None
    for budget in BUDGETS:
        method = make(METHODS["compressed_retrain"], {"budget": budget})
        if method.epochs(recipe) >= 2:
            _row(on, "compressed_retrain", f"short, budget {budget:g}", budget=budget)
    _row(on, "finetune", "fine-tuned")
    print(f"<!-- {name}: {time.process_time() - began:.0f} CPU seconds -->", flush=True)


def _row(on: Bed, name: str, title: str, **settings: float) -> None:
    """Print a row."""
    changes = [
        after(model, on.data, on.forget, name, 1000 + k, **settings)
        for k, model in enumerate(on.originals)
    ]
    cost = float(np.mean([change.passes for change in changes])) / on.full
    cells = figures(on, [change.model for change in changes])
    paired = sum(change.figures.get("paired", 0) for change in changes)
    scales = [change.figures["scale"] for change in changes if "scale" in change.figures]
    said = (
        [f"scale {np.mean(scales):.2f}", f"paired {paired:g} of {len(changes)}"] if scales else []
    )
    if name == "compressed_retrain" and len(scales) < len(changes):
        said.append(f"{len(changes) - len(scales)} in full")
    print(f"| | {title} | {cost:.2f} | {cells} {', '.join(said)} |", flush=True)


# --- the figure ---------------------------------------------------------------------------------


def panels(table: str) -> list[Panel]:
    """What the figure shows, from the printed rows."""
    found: list[list[list[str]]] = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")] if "|" in line else []
        if line.startswith("| **"):
            found.append([])
        if found and len(cells) > 3:
            found[-1].append(cells if line.startswith("| **") else ["", *cells])
    return [_panel(rows) for rows in found]


def _panel(rows: Sequence[Sequence[str]]) -> Panel:
    before, full, *short, tuned = [(float(row[2]), *_numbers(row[3])) for row in rows]
    stayed = ["in full" not in row[-1] for row in rows[2:-1]]
    points = [(cost, far, yes) for (cost, far, *_), yes in zip(short, stayed, strict=True)]
    return Panel(rows[0][0].strip("*"), points, full[2:], before[1], tuned[:2], full[0])


def _numbers(cell: str) -> tuple[float, float, float]:
    """ "1.2 (0.9 to 3)" as three numbers."""
    middle, low, high = re.findall(r"[\d.e+-]+", cell)
    return float(middle), float(low), float(high)


# --- ensembles ----------------------------------------------------------------------------------


def facts(count: int = ENSEMBLE) -> None:
    """KLoM on F of ensembles by the plain recipe: full retrains, nothing, noise and fine-tuning, short."""
    data, forget = example("digits-mislabelled")
    setting = SETTINGS["plain"]
    model, keep, rows = like(setting, data), data.split == 0, np.flatnonzero(forget.mask(data))
    kept = keep & ~forget.mask(data)
    x, y = data.take(rows), data.y[rows]
    originals = many(model, data, keep, range(count))
    first, second = (many(model, data, kept, range(s, s + count)) for s in (100, 200))
    ours = {"full retrain": second, "nothing": originals}
    ours["noise, fine-tuned"] = tuple(noisy(m, data, forget, k) for k, m in enumerate(originals))
    for budget in BUDGETS:
        ours[f"short, {budget:g}"] = tuple(
            disgorge(m, data, forget, "compressed_retrain", seed=1000 + k, settings={"budget": budget}).model
            for k, m in enumerate(originals)
        )  # fmt: skip
    theirs = np.stack([metrics.margins(logits(m, x), y) for m in first])
    print(f"KLoM on F, {count} models a side")
    for name, models in ours.items():
        margins = np.stack([metrics.margins(logits(m, x), y) for m in models])
        print(f"{name:20s} {metrics.klom(margins, theirs).mean():.2f}", flush=True)


def noisy(model: Model, data: Dataset, forget: ForgetSet, seed: int, size: float = 0.2) -> Model:
    """Noise on all weights, as a share of each layer's size, then eight epochs on what is kept."""
    network, draw = copy.deepcopy(model.network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(size * torch.randn(p.shape, generator=draw))
    moved = replace(model, members=(replace(model.members[0], network=network),))
    return after(moved, data, forget, "finetune", seed, lr=0.1, epochs=8).model


if __name__ == "__main__":
    names = tuple(sys.argv[1:])
    here = Path(__file__)
    if names == ("facts",):
        facts()
    elif names == ("figure",):
        record = here.with_suffix(".md").read_text(encoding="utf-8")
        here.with_suffix(".svg").write_text(drawn(panels(record)), encoding="utf-8")
    else:
        print(
            "| recipe | after | cost | F: z² | R | T | FA % | |\n|---|---|---|---|---|---|---|---|"
        )
        for name in names or SETTINGS:
            measured(name)
