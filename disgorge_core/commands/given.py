"""What a user gives on the command line: data, a model, records to remove."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disgorge_core.commands.flags import Parser, add_settings, stated
from disgorge_core.commands.voice import Voice
from disgorge_core.data import forget_set
from disgorge_core.data.loading import load_dataset
from disgorge_core.errors import BadForgetSet, BadModel
from disgorge_core.examples.shipped import example
from disgorge_core.models.fit_check import class_order_check
from disgorge_core.models.loading import Loaded, layers_from_json, open_model
from disgorge_core.params import make
from disgorge_core.registry import EXAMPLES
from disgorge_core.training.closed_form import with_sums
from disgorge_core.types import Dataset, ForgetSet, Model, Recipe

PARTS = {
    "label": "what a model shall predict",
    "id": "names a record for good; without one the row number does",
    "owner": "whose record it is",
    "source": "where it came from",
    "text": "free text that a model reads",
    "near": "number of the near-duplicates that belong together",
    "split": "says train, validation or test; without one 70/10/20 %% are drawn",
}


@dataclass(frozen=True, eq=False)
class Opened:
    """The data of a call, with the models and the forget set that a worked example brings."""

    data: Dataset
    models: tuple[Model, ...] = ()
    forget: ForgetSet | None = None


# --- data ---------------------------------------------------------------------------------------


def add_data(parser: Parser, *, required: bool = True, case: bool = False) -> None:
    """Flags that name the data, and the parts of its columns."""
    group = parser.add_argument_group("data")
    one = group.add_mutually_exclusive_group(required=required)
    one.add_argument(
        "--data", metavar="FILE", help="your data, a file or folder of any known format"
    )
    one.add_argument("--example", metavar="NAME", help=f"a worked example: {', '.join(EXAMPLES)}")
    if case:
        one.add_argument("--case", metavar="ID", help="a case of the workspace")
    for part, about in PARTS.items():
        group.add_argument(f"--{part}", metavar="COLUMN", help=f"{about}; guessed if left out")
    group.add_argument(
        "--task", choices=("classification", "regression"), help="guessed if left out"
    )
    group.add_argument("--split-seed", type=int, default=0, metavar="N", help="of a drawn split")
    group.add_argument(
        "--group", choices=("owner", "source"), default="",
        help="keep all records of one together when a split is drawn",
    )  # fmt: skip
    group.add_argument(
        "--ignore", nargs="+", default=(), metavar="COLUMN", help="columns that no model shall see"
    )
    group.add_argument(
        "--picture-size", type=int, default=0, metavar="PIXELS", help="longer side of pictures"
    )


def open_data(asked: Namespace, voice: Voice) -> Opened:
    """The data that was named; raises BadData."""
    if asked.example:
        shown = example(asked.example)
        return Opened(shown.dataset, shown.models, shown.forget)
    parts = {part: getattr(asked, part) for part in PARTS}
    data = load_dataset(
        asked.data, **parts, task=asked.task, seed=asked.split_seed, group=asked.group,
        ignore=asked.ignore, size=asked.picture_size,
    )  # fmt: skip
    for note in data.notes:
        voice.note(note)
    return Opened(data)


# --- a model ------------------------------------------------------------------------------------


def add_model(parser: Parser) -> None:
    """Flags that name a model, and what a file of weights does not say."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", metavar="PATH",
        help="our folder, a file (.safetensors, .pt, .skops), a Hugging Face folder or .zip; with --example "
        "also the name of its model",
    )  # fmt: skip
    more = parser.add_argument_group("what a file of weights does not say")
    more.add_argument("--layers", type=Path, metavar="FILE", help="its layers, as JSON")
    more.add_argument(
        "--answer", action="append", metavar="KEY=VALUE",
        help="where layers are proposed: activation=tanh",
    )  # fmt: skip
    more.add_argument("--classes", nargs="+", metavar="NAME", help="in the order of its outputs")
    more.add_argument("--preprocessing", choices=("raw", "standard"), help="of its inputs")
    more.add_argument(
        "--trained-on", metavar="WHICH", help="train, unknown, or a file of ids (default unknown)"
    )
    recipe = parser.add_argument_group(
        "the recipe that it was trained by",
        "Name what you know; unless one is named, the recipe counts as unknown.",
    )
    add_settings(recipe, Recipe, "recipe", "recipe-")


def given_model(asked: Namespace, opened: Opened, voice: Voice) -> Model:
    """The model that was named, else that of the example; raises BadModel."""
    if not asked.model:
        if opened.models:
            return opened.models[0]
        raise BadModel("No model was named.", "Say which with --model.")
    own = {model.name.lower(): model for model in opened.models}
    if asked.model.lower() in own:
        return own[asked.model.lower()]
    return _from_file(Path(asked.model), asked, opened.data, voice)


def _from_file(path: Path, asked: Namespace, data: Dataset, voice: Voice) -> Model:
    said = stated_of(asked, data)
    if said and (path / "model.json").is_file():
        raise BadModel(
            f"The folder {path.name[:40]!r} says itself how its model was made.",
            f"Leave out: {', '.join(said)}.",
        )
    loaded = open_model(path, data, name=path.stem, **said)
    for note in (*loaded.notes, *_assumed(loaded)):
        voice.note(note)
    if loaded.proposal is not None and "classes" not in said and data.classes:
        _order(loaded.model, data, voice)
    return with_sums(loaded.model, data)


def stated_of(asked: Namespace, data: Dataset) -> dict[str, Any]:
    """What was said about a model that cannot say it itself."""
    recipe = stated(asked, "recipe")
    found = {
        "architecture": _layers(asked),
        "classes": asked.classes,
        "preprocessing": asked.preprocessing,
        "recipe": make(Recipe, recipe) if recipe else None,
        "trained_on": _trained_on(asked.trained_on, data),
    }
    return {name: value for name, value in found.items() if value is not None}


def _layers(asked: Namespace) -> Any:
    if asked.layers is not None:
        if not asked.layers.is_file():
            raise BadModel("There is no such layer list.", "Choose a file that exists.")
        return layers_from_json(asked.layers.read_bytes())
    return _answers(asked.answer) if asked.answer else None


def _answers(words: list[str]) -> Mapping[str, Any]:
    pairs = [word.partition("=") for word in words]
    return {key: int(value) if value.isdecimal() else value for key, _, value in pairs}


def _trained_on(word: str | None, data: Dataset) -> Any:
    if word in (None, "train", "unknown"):
        return word
    return forget_set.from_file(data, Path(str(word))).ids


def _assumed(loaded: Loaded) -> list[str]:
    """What was taken for granted where the weights leave a question."""
    proposal = loaded.proposal
    if proposal is None:
        return []
    open_questions = [u for u in proposal.unknowns if u.key not in proposal.answers]
    return [
        f"{u.question} {u.default!r} was assumed (else: --answer {u.key}=...)."
        for u in open_questions
    ]


def _order(model: Model, data: Dataset, voice: Voice) -> None:
    found = class_order_check(model, data)
    if found.suggested:
        voice.note(
            f"{found.accuracy:.0%} of its answers are right; with its outputs in another order"
            f" {found.best:.0%}: name them with --classes."
        )


# --- records to remove --------------------------------------------------------------------------


def add_forget(parser: Parser, *, earlier: bool = False) -> None:
    """Flags that name the records to remove."""
    group = parser.add_argument_group("records to remove")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--forget", metavar="FILTER", help="such as \"artist == 'Artist 07'\"")
    one.add_argument(
        "--forget-ids", type=Path, metavar="FILE", help="ids: .txt, .csv, or .json as exported"
    )
    group.add_argument("--forget-name", metavar="TEXT", help="a name for them")
    group.add_argument("--author", metavar="TEXT", help="who asks for it")
    group.add_argument("--reason", metavar="TEXT", help="why")
    if earlier:
        group.add_argument(
            "--earlier", type=Path, action="append", default=[], metavar="FILE",
            help="an earlier request that the model is already rid of (.json); again for more",
        )  # fmt: skip


def given_forget(asked: Namespace, opened: Opened) -> ForgetSet:
    """The records that were named, else those of the example; raises BadForgetSet, BadQuery."""
    words = {"name": asked.forget_name, "author": asked.author, "reason": asked.reason}
    about = {name: value for name, value in words.items() if value}
    if asked.forget is not None:
        return replace(forget_set.where(opened.data, asked.forget), **about)
    if asked.forget_ids is not None:
        return replace(forget_set.from_file(opened.data, asked.forget_ids), **about)
    if opened.forget is None:
        raise BadForgetSet(
            "No records were named.", "Say which with --forget FILTER or --forget-ids FILE."
        )
    return replace(opened.forget, **about)


def earlier_of(asked: Namespace, data: Dataset) -> list[ForgetSet]:
    """The earlier requests; raises BadForgetSet."""
    return [forget_set.from_file(data, path) for path in asked.earlier]
