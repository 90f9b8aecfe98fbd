"""train: fit a model on the training records and save its folder."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from disgorge_core import training
from disgorge_core.commands.flags import (
    Parser,
    add_choice,
    add_settings,
    new_folder,
    stated,
)
from disgorge_core.commands.given import add_data, open_data
from disgorge_core.commands.voice import Voice, shown
from disgorge_core.jobs.quality import split_quality
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import save_model
from disgorge_core.params import make
from disgorge_core.registry import ARCHITECTURES, COMMANDS, REGIMES
from disgorge_core.types import Dataset, Recipe


@COMMANDS.register
class Train:
    """Train a model."""

    name = "train"
    summary = "train a model on your data"
    example = "train --data people.csv --label income --architecture mlp --epochs 20 --out model"
    order = 20

    def flags(self, parser: Parser, words: Sequence[str]) -> None:
        """Data, architecture, recipe, regime, and where the model goes."""
        add_data(parser)
        parser.add_argument("--out", required=True, metavar="FOLDER", help="the model's new folder")
        parser.add_argument("--name", default="", metavar="TEXT", help="a name for the model")
        add_choice(parser, words, "architecture", ARCHITECTURES, "mlp")
        add_settings(parser.add_argument_group("recipe"), Recipe, "recipe")
        add_choice(parser, words, "regime", REGIMES, "plain", prefix="regime-")

    def run(self, asked: Namespace, voice: Voice) -> None:
        """Train, save, say how good it is on each split."""
        out, regime = new_folder(asked.out), {"name": asked.regime} | stated(asked, "regime")
        data = open_data(asked, voice).data
        recipe = make(Recipe, stated(asked, "recipe"))
        _advise(regime, recipe, data, voice)
        model = training.fit(
            data, asked.architecture, recipe,
            settings=stated(asked, "architecture"), name=asked.name,
            regime=training.regime_from(regime),
            report=voice.report("Training"),
        )  # fmt: skip
        splits = split_quality(model, logits(model, data.x), data)
        save_model(model, out)
        values = {
            "model": str(out), "digest": model.digest, "dataset": data.digest,
            "parameters": model.parameters, "passes": model.lineage.cost, "splits": splits,
        }  # fmt: skip
        first = f"{model.parameters:,} parameters, {len(model.seen or ()):,} records seen"
        voice.result(values, [first, *quality_lines(splits, data.task), f"Model: {out}"])


def _advise(regime: Mapping[str, Any], recipe: Recipe, data: Dataset, voice: Voice) -> None:
    """A line on the recipe that the regime advises, with the flags that would set it."""
    found, why = training.advised(training.regime_from(regime), recipe, data)
    if why:
        own, new = asdict(recipe), asdict(found)
        flags = " ".join(f"--{name} {new[name]:g}" for name in own if own[name] != new[name])
        voice.note(f"This regime advises {flags}: fewer and larger steps need less noise.")


def quality_lines(splits: Mapping[str, Mapping[str, Any]], task: str) -> list[str]:
    """How good a model is on each split, one line each."""
    right = task == "classification"
    return [
        f"{name + ':':<12}{shown(q['value'], right)} {'right' if right else 'error'}"
        f" ({shown(q['low'], right)} to {shown(q['high'], right)}, {q['n']:,} records)"
        for name, q in splits.items()
    ]
