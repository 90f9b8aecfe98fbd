"""A Hugging Face folder before anything of it is built: what its files say, checked from the outside.

Nothing of the folder is ever run: code is refused, pickles are refused, and what the configuration says
about sizes is compared with the weights before a network of that size is made. It is looked at by the
limited process, so nothing here imports torch or pandas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disgorge_core.errors import BadModel
from disgorge_core.models.reading.pretrained_zip import (
    CONFIG,
    KEPT,
    LARGEST,
    MB,
    PICTURES,
    TOKENIZER,
    TOKENIZER_CONFIG,
    VOCABULARY,
    WEIGHTS,
)
from disgorge_core.models.reading.tensors import header_of

if TYPE_CHECKING:
    from disgorge_core.models.weights import Weights
    from disgorge_core.types import Dataset

TASKS = {"ForSequenceClassification": "text", "ForImageClassification": "image"}
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
IGNORED = (  # how a network is run, not what it is
    "attn_implementation", "dtype", "torch_dtype", "torchscript", "return_dict", "use_return_dict",
    "output_attentions", "output_hidden_states", "problem_type", "gradient_checkpointing",
    "transformers_version", "use_cache", "experts_implementation", "label2id", "id2label", "num_labels",
)  # fmt: skip
MOST_NUMBER, MOST_ENTRIES, MOST_LABELS, DEEPEST = 10_000_000, 20_000, 1000, 8
AS_SAFETENSORS = (
    "Write it again: AutoModelForSequenceClassification.from_pretrained('folder')"
    ".save_pretrained('new'), or AutoModelForImageClassification for pictures."
)


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A folder of a model for `kind` "text" or "image" that was found fit to be built.

    `config` without what concerns labels and ways of running; `labels` () where the folder names none.
    """

    folder: Path
    kind: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    outputs: int
    shapes: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """What kind of network it is: "bert", "vit"."""
        return str(self.config["model_type"])

    @property
    def numbers(self) -> int:
        """How many numbers its weights are."""
        return sum(_size(shape) for shape in self.shapes.values())

    def matched(self, data: Dataset) -> Weights:
        """Its head, behind the rest of it, for a dataset; raises BadModel where they do not fit."""
        from disgorge_core.models.backbones.opened import matched

        return matched(self, data)


def plain(found: Pretrained) -> dict[str, Any]:
    """What was found as plain values for JSON."""
    return {**found.__dict__, "folder": str(found.folder)}


def of_plain(said: Mapping[str, Any]) -> Pretrained:
    """What `plain` gave, and JSON brought over."""
    shapes = {name: tuple(shape) for name, shape in said["shapes"].items()}
    texts = {name: tuple(said[name]) for name in ("labels", "notes")}
    return Pretrained(**{**said, **texts, "folder": Path(said["folder"]), "shapes": shapes})


def read_folder(folder: Path) -> Pretrained:
    """Look at a folder from the outside; raises BadModel in one sentence."""
    config = read_json(folder / CONFIG)
    _refuse_code(folder)
    kind = _kind(config)
    weights = _weights_file(folder)
    _check_length(weights, LARGEST)
    shapes = _shapes(weights)
    _check_sizes(config, shapes)
    _check_reader(folder, kind)
    kept = {k: v for k, v in config.items() if k not in IGNORED and not k.startswith("_")}
    labels = _labels(config)
    outputs = len(config.get("id2label") or "01")  # transformers leaves out its own two
    return Pretrained(folder, kind, kept, labels, outputs, shapes, _notes(folder))


def read_json(path: Path) -> dict[str, Any]:
    """One of the folder's JSON files; raises BadModel."""
    try:
        found = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise BadModel(f"{path.name} is not JSON.", "Save the model's folder again.") from None
    if not isinstance(found, dict):
        raise BadModel(f"{path.name} is no JSON object.", "Save the model's folder again.")
    return found


def read_bytes(path: Path) -> bytes:
    """A file of the folder, if it is not larger than such a file can be; raises BadModel."""
    if not path.is_file():
        raise BadModel(f"The folder has no {path.name}.", "Save the model's folder again.")
    _check_length(path, KEPT[path.name])
    return path.read_bytes()


def _check_length(path: Path, most: int) -> None:
    size = path.stat().st_size
    if not size:
        raise BadModel(f"{path.name} is empty.", "Save the model's folder again.")
    if size > most:
        raise BadModel(
            f"{path.name} has {size / MB:,.1f} MB, the most is {most / MB:,.0f} MB.",
            "Use a smaller model.",
        )


def kept_files(folder: Path) -> list[str]:
    """Names of the files that say how the network reads a record."""
    return [name for name in sorted(KEPT) if name != CONFIG and (folder / name).is_file()]


def _refuse_code(folder: Path) -> None:
    for name in (CONFIG, TOKENIZER_CONFIG, PICTURES):
        path = folder / name
        if path.is_file() and "auto_map" in _keys(read_json(path)):
            raise BadModel(
                f"{name} names code of its own (auto_map), which is never run here.",
                "Bring a model of a class that transformers itself has.",
            )


def _keys(value: Any) -> set[str]:
    return {key for key, _ in _entries(value)}


def _entries(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All keys with their values, those inside others too; raises BadModel where there are too many."""
    if depth > DEEPEST or (isinstance(value, dict | list) and len(value) > MOST_ENTRIES):
        raise BadModel(
            "The configuration is nested or long beyond reason.", "Save the folder again."
        )
    pairs = value.items() if isinstance(value, dict) else ()
    for key, inside in [*pairs, *(("", x) for x in (value if isinstance(value, list) else ()))]:
        yield key, inside
        yield from ((k or key, v) for k, v in _entries(inside, depth + 1))


def _kind(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    name = str(named[0])[:80] if isinstance(named, list) and named else ""
    kind = next((kind for ending, kind in TASKS.items() if name.endswith(ending)), "")
    if not kind or not isinstance(config.get("model_type"), str):
        raise BadModel(
            f"The model is a {name!a}, which does not sort pictures or texts into classes.",
            "Bring one for sequence classification or image classification.",
        )
    if "quantization_config" in config:
        raise BadModel("The weights are quantised.", "Bring the model in float32.")
    if config.get("problem_type") in ("regression", "multi_label_classification"):
        raise BadModel(
            f"The model does {str(config['problem_type']).replace('_', ' ')}.",
            "Bring one that gives each record one class.",
        )
    return kind


def _weights_file(folder: Path) -> Path:
    path = folder / WEIGHTS
    if path.is_file():
        return path
    names = sorted(p.name for p in folder.iterdir())
    if any(name.startswith("model-") and name.endswith(".safetensors") for name in names):
        raise BadModel(
            "The weights lie in several files.",
            "Write them as one: model.save_pretrained('new', max_shard_size='50GB').",
        )
    pickled = next((name for name in names if name.lower().endswith(PICKLED)), "")
    if pickled:
        raise BadModel(
            f"The weights are pickled ({pickled[:60]!a}), so they were not opened.", AS_SAFETENSORS
        )
    raise BadModel(f"The folder has no {WEIGHTS}.", AS_SAFETENSORS)


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name from the header, which was compared with the file's length."""
    tensors = header_of(path).tensors
    odd = sorted({tensor.kind for tensor in tensors} - {"F32", "F64", "F16", "BF16", "I64"})
    if odd or not tensors:
        raise BadModel(f"The weights are {', '.join(odd) or 'none'}.", "Save the model in float32.")
    return {tensor.name: tensor.shape for tensor in tensors}


def _check_sizes(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise BadModel for numbers of the configuration that the weights cannot bear out."""
    largest = max((side for shape in shapes.values() for side in shape), default=1)
    for key, value in _entries(config):
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not -MOST_NUMBER <= value <= MOST_NUMBER:
            raise _absurd(key, value, f"Numbers end at {MOST_NUMBER:,}")
        if any(word in key for word in ("layer", "depth", "expert")) and value > len(shapes):
            raise _absurd(key, value, f"The weights are {len(shapes):,} tensors")
        if key.endswith(("size", "dim", "model", "width")) and value > max(8 * largest, 4096):
            raise _absurd(key, value, f"The longest side of a weight is {largest:,}")


def _absurd(key: str, value: float, why: str) -> BadModel:
    return BadModel(
        f"config.json says {key[:60]!a} is {value:,}, which its weights do not bear out.", f"{why}."
    )


def _check_reader(folder: Path, kind: str) -> None:
    if kind == "image" and not (folder / PICTURES).is_file():
        raise BadModel(
            f"The folder has no {PICTURES}, so it is unknown how pictures are prepared.",
            "Save it beside the model: image_processor.save_pretrained('folder').",
        )
    if kind == "text" and not any((folder / name).is_file() for name in (TOKENIZER, VOCABULARY)):
        raise BadModel(
            f"The folder has no {TOKENIZER}, so it is unknown how texts are cut into pieces.",
            "Save it: AutoTokenizer.from_pretrained('folder').save_pretrained('folder').",
        )


def _labels(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the outputs in their order; none where they are transformers' own LABEL_0, LABEL_1."""
    named = config.get("id2label")
    if not named:
        return ()
    if not isinstance(named, dict):
        raise BadModel("The list of labels (id2label) is none.", "Name each output.")
    count = len(named)
    names = [named.get(str(number)) for number in range(min(count, MOST_LABELS))]
    if count > MOST_LABELS or not all(isinstance(n, str) and n.isprintable() for n in names):
        raise BadModel(
            f"The list of labels (id2label) does not name the outputs 0 to {count - 1}.",
            f"Name each of them, {MOST_LABELS:,} at most.",
        )
    labels = tuple(str(name)[:200] for name in names)
    return () if labels == tuple(f"LABEL_{number}" for number in range(count)) else labels


def _notes(folder: Path) -> tuple[str, ...]:
    code = sorted(p.name for p in folder.iterdir() if p.suffix == ".py")
    return (f"The folder holds code ({code[0][:40]}), which was not read.",) if code else ()


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
