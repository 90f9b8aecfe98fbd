"""Recipes of several forms on the worked examples, and models trained by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from disgorge_core import training
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset, ForgetSet, Layer, Model, Recipe

PLAIN = Recipe(epochs=60, lr=0.1, batch=64)
SHORTER = replace(PLAIN, epochs=40, lr=0.05)
ADAM = replace(PLAIN, optimiser="adam", lr=0.002)
ADAM_CNN = replace(ADAM, epochs=40)
MODELS, REFERENCES = 5, 15
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
    "adam-cnn": Setting("Adam, GroupNorm CNN", cnn("groupnorm"), ADAM_CNN, models=3, references=10),
    "augmented": Setting("shifted pictures", recipe=replace(PLAIN, augment="shift"), settings=MLP),
    "frozen": Setting("frozen trunk", recipe=replace(PLAIN, trainable="head"), settings=MLP, trunk=True),
    "linear": Setting("one linear layer", "linear", PLAIN),
    "addresses": Setting("addresses: texts", None, example="addresses"),
    "openmoji": Setting("openmoji: CNN, decay", None, example="openmoji", models=1, references=5),
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
