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
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.small_multiples import Panel, drawn
from disgorge_core import metrics, training
from disgorge_core.audit.ranks import moments_without
from disgorge_core.disgorging import disgorge, facts_for
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.registry import EXAMPLES, METHODS
from disgorge_core.types import Array, Dataset, ForgetSet, Layer, Model, Recipe, silent

BUDGETS = (0.05, 0.1, 0.2, 0.3)
MODELS, REFERENCES, RETAINED, MOST = 5, 15, 300, 1e6
ENSEMBLE = 50
PLAIN = Recipe(epochs=60, lr=0.1, batch=64)
SHORTER = replace(PLAIN, epochs=40, lr=0.05)
ADAM = replace(PLAIN, optimiser="adam", lr=0.002)
MLP = {"width": 96, "depth": 2}


def cnn(norm: str) -> tuple[Layer, ...]:
    """Two convolutions with a norm, for pictures of 8 x 8."""
    found: list[Layer] = []
    for number, (channels, width) in enumerate(((1, 8), (8, 16))):
        groups = {"groups": 4} if norm == "groupnorm" else {}
        found += [
            Layer("conv2d", f"conv.{number}", {"inputs": channels, "outputs": width}),
            Layer(norm, f"norm.{number}", {"channels": width, **groups}),
            Layer("relu"),
        ]
    head = Layer("linear", "head", {"inputs": 256, "outputs": 10})
    return (*found[:3], Layer("maxpool"), *found[3:], Layer("flatten"), head)


def mlp(norm: str) -> tuple[Layer, ...]:
    """Two hidden layers with a norm."""
    found = [Layer("flatten")]
    for number, inputs in enumerate((64, 96)):
        found += [
            Layer("linear", f"hidden.{number}", {"inputs": inputs, "outputs": 96}),
            Layer(norm, f"norm.{number}", {"channels": 96}),
            Layer("relu"),
        ]
    return (*found, Layer("linear", "head", {"inputs": 96, "outputs": 10}))


@dataclass(frozen=True)
class Setting:
    """A form of recipe on an example; `own` takes the example's own model."""

    title: str
    architecture: Any = "mlp"
    recipe: Recipe = PLAIN
    settings: Mapping[str, Any] = field(default_factory=dict)
    example: str = "digits-mislabelled"
    trunk: bool = False  # trained on the validation records, then frozen
    models: int = MODELS
    references: int = REFERENCES


SETTINGS = {
    "plain": Setting("SGD", settings=MLP),
    "decay": Setting("weight decay 0.0001", recipe=replace(PLAIN, l2=1e-4), settings=MLP),
    "strong-decay": Setting("weight decay 0.001", recipe=replace(PLAIN, l2=1e-3), settings=MLP),
    "groupnorm": Setting("GroupNorm CNN", cnn("groupnorm"), SHORTER, models=3, references=10),
    "batchnorm": Setting("BatchNorm CNN", cnn("batchnorm2d"), SHORTER, models=3, references=10),
    "batchnorm-mlp": Setting("BatchNorm MLP", mlp("batchnorm1d")),
    "adam": Setting("Adam, rate 0.002", recipe=ADAM, settings=MLP),
    "adam-fast": Setting("Adam, rate 0.01", recipe=replace(ADAM, lr=0.01), settings=MLP),
    "adam-cnn": Setting("Adam, GroupNorm CNN", cnn("groupnorm"), replace(ADAM, epochs=40), models=3, references=10),
    "augmented": Setting("shifted pictures", recipe=replace(PLAIN, augment="shift"), settings=MLP),
    "frozen": Setting("frozen trunk", recipe=replace(PLAIN, trainable="head"), settings=MLP, trunk=True),
    "linear": Setting("one linear layer", "linear", PLAIN),
    "addresses": Setting("addresses: texts", None, example="addresses"),
    "openmoji": Setting("openmoji: CNN, decay", None, example="openmoji", models=2, references=6),
}  # fmt: skip


@cache
def example(name: str) -> tuple[Dataset, ForgetSet]:
    """Records, and those that are to go."""
    item = EXAMPLES[name]()
    data = item.dataset()
    return data, item.suggested(data)[0]


def like(setting: Setting, data: Dataset) -> Model:
    """A model of this form; its weights do not matter, but for a frozen trunk."""
    if setting.architecture is None:
        own = EXAMPLES[setting.example]().models[0]
        return _short_fit(data, own.architecture, own.recipe, own.settings)
    if not setting.trunk:
        return _short_fit(data, setting.architecture, setting.recipe, setting.settings)
    turned = replace(data, split=np.where(data.split == 0, 1, 0).astype(data.split.dtype))
    first = replace(PLAIN, epochs=30, lr=0.05)
    trunk = training.fit(turned, "mlp", first, settings=setting.settings)
    model = training.fit(
        data, "mlp", replace(setting.recipe, epochs=1), settings=setting.settings, start=trunk
    )
    return replace(model, recipe=setting.recipe)


def _short_fit(
    data: Dataset, architecture: Any, recipe: Recipe, settings: Mapping[str, Any]
) -> Model:
    model = training.fit(data, architecture, replace(recipe, epochs=1), settings=settings)
    return replace(model, recipe=recipe)


def many(model: Model, data: Dataset, keep: Array, seeds: Sequence[int]) -> tuple[Model, ...]:
    """Full trainings by these seeds."""
    masks = np.repeat(keep[None], len(seeds), axis=0)
    return training.refit_many(model, data, masks, list(seeds), workers=1).models


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
        f" scale {np.mean(scales):.2f}, paired {paired:g} of {len(changes)} |" if scales else " |"
    )
    if name == "compressed_retrain" and len(scales) < len(changes):
        said = said.replace(" |", f", {len(changes) - len(scales)} in full |")
    print(f"| | {title} | {cost:.2f} | {cells}{said}", flush=True)


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
    title = rows[0][0].strip("*")
    return Panel(title, [s[:2] for s in short], full[2:], before[1], tuned[:2], full[0])


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
