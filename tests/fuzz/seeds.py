"""Small good files of every kind: where fuzzing begins. A new format adds its maker here."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

Maker = Callable[[Path], list[bytes]]


def frame() -> pd.DataFrame:
    """A column of each kind, few rows."""
    n = np.arange(12)
    return pd.DataFrame(
        {
            "id": [f"P{i}" for i in n],
            "age": np.where(n % 5 == 0, np.nan, n + 20.5),
            "town": [None if i % 7 == 0 else ["York", "Bonn"][i % 2] for i in n],
            "flag": n % 3 == 0,
            "born": pd.to_datetime("2000-01-01") + pd.to_timedelta(n, "D"),
            "label": [["low", "high"][i % 2] for i in n],
        }
    )


def table(folder: Path) -> list[bytes]:
    return [frame().to_csv(index=False).encode(), b'a;label\n"x;1";p\n"y ""q""";r\n']


def tabs(folder: Path) -> list[bytes]:
    return [frame().to_csv(index=False, sep="\t").encode(), b'a\tlabel\n"he said\tp\nb\tq\n']


def lines(folder: Path) -> list[bytes]:
    text = frame().to_json(orient="records", lines=True, date_format="iso")
    return [text.encode(), b'{"a": 1, "label": "x"}\n{"a": 2.5, "b": null, "label": true}\n']


def parquet(folder: Path) -> list[bytes]:
    found = []
    for how in ({}, {"compression": None, "use_dictionary": False}, {"version": "1.0"}):
        buffer = io.BytesIO()
        frame().to_parquet(buffer, **how)
        found.append(buffer.getvalue())
    return found


def arrays(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    pictures = {"x": rng.integers(0, 256, (6, 4, 4, 3)).astype(np.uint8), "y": np.arange(6) % 2}
    numbers = {"x_train": rng.normal(size=(6, 3)), "y_train": np.array(["a", "b"] * 3),
               "x_test": rng.normal(size=(2, 3)), "y_test": np.array(["a", "b"])}  # fmt: skip
    return [_npz(pictures), _npz(numbers)]


def _npz(named: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pictures(folder: Path) -> list[bytes]:
    from PIL import Image

    kinds = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
    found = []
    for mode in ("RGB", "L", "P", "RGBA"):
        files = {}
        for i, kind in enumerate(kinds):
            buffer = io.BytesIO()
            one = Image.new("RGB", (5, 4), (40 * i, 90, 10)).convert(mode)
            one = one.convert("RGB") if mode in ("RGBA", "P") and kind == "JPEG" else one
            one.save(buffer, kind)
            files[f"train/{'ab'[i % 2]}/{i}.{kind.lower()}"] = buffer.getvalue()
        found.append(zipped(files))
    return found


def shards(folder: Path) -> list[bytes]:
    from tests.data.huggingface import PICTURE, save_dict, save_repository

    rows = pa.table({"n": [1.5, 2.5, 3.5], "label": [0, 1, 0]})
    named = {"label": {"names": ["low", "high"], "_type": "ClassLabel"}}
    (pixels,) = pictures(folder)[:1]
    with zipfile.ZipFile(io.BytesIO(pixels)) as archive:
        content = archive.read("train/a/0.png")
    seen = pa.table(
        {"image": pa.array([{"bytes": content, "path": "a"}] * 3, PICTURE), "label": [0, 1, 0]}
    )
    save_dict({"train": rows, "test": rows}, folder / "disk", named)
    save_repository({"train": rows}, folder / "repository", named)
    save_repository({"train": seen}, folder / "pictures", named)
    return [_packed(folder / name) for name in ("disk", "repository", "pictures")]


def _packed(folder: Path) -> bytes:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return zipped({f"d/{p.relative_to(folder)}": p.read_bytes() for p in files})


# --- models -------------------------------------------------------------------------------------


def dataset() -> Any:
    """The records that models are fitted to: two numbers, three classes."""
    from disgorge_core.data.loading import dataset_of

    rng = np.random.default_rng(0)
    numbers = {"a": rng.normal(size=30), "b": rng.normal(size=30), "label": ["x", "y", "z"] * 10}
    return dataset_of(
        pd.DataFrame(numbers), "small", {"label": "label", "id": ""}, "classification"
    )


def network() -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 3))


def state_dicts(folder: Path) -> list[bytes]:
    import torch

    state = network().state_dict()
    found = []
    for content in (state, {"epoch": 3, "model": state}, {"0.weight": torch.ones(2, 3).T}):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        found.append(buffer.getvalue())
    return found


LAYERS = [
    {"kind": "linear", "name": "0", "options": {"inputs": 2, "outputs": 4}},
    {"kind": "relu"},
    {"kind": "batchnorm1d", "name": "2", "options": {"channels": 4}},
    {"kind": "linear", "name": "3", "options": {"inputs": 4, "outputs": 3}},
]
BLOCKS = [
    {"kind": "conv2d", "name": "a", "options": {"inputs": 3, "outputs": 4, "kernel": [3, 3]}},
    {"kind": "residual", "name": "b", "options": {
        "layers": [{"kind": "conv2d", "name": "c", "options": {"inputs": 4, "outputs": 4}},
                   {"kind": "groupnorm", "options": {"groups": 2, "channels": 4}}],
        "shortcut": [{"kind": "maxpool", "options": {"kernel": 1, "stride": 1}}]}},
    {"kind": "globalpool"}, {"kind": "flatten"}, {"kind": "dropout", "options": {"p": 0.1}},
    {"kind": "linear", "options": {"inputs": 4, "outputs": 2, "bias": False}},
]  # fmt: skip


def layers(folder: Path) -> list[bytes]:
    return [json.dumps(LAYERS).encode(), json.dumps(BLOCKS).encode()]


def tensors(folder: Path) -> list[bytes]:
    from safetensors.torch import save

    state = network().state_dict()
    return [save(state, {"layers": json.dumps(LAYERS)}), save(state)]


def folders(folder: Path) -> list[bytes]:
    from disgorge_core import training
    from disgorge_core.models.bundle import folder_bytes
    from disgorge_core.types import Recipe

    fitted = training.fit(dataset(), "linear", Recipe(epochs=1))
    closed = training.fit(dataset(), "ridge", Recipe(), settings={"blocks": 2})
    return [folder_bytes(fitted), folder_bytes(closed), _behind_a_backbone(folder)]


def _behind_a_backbone(folder: Path) -> bytes:
    from disgorge_core.models.bundle import folder_bytes
    from disgorge_core.models.loading import load_model

    path = folder / "bert.zip"
    path.write_bytes(bert(folder))
    return folder_bytes(load_model(path, stories()))


def pipelines(folder: Path) -> list[bytes]:
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = dataset()
    y = np.array(data.classes)[data.y]
    kinds = (
        make_pipeline(StandardScaler(), LogisticRegression()),
        MLPClassifier((3,), max_iter=300, tol=1.0),
    )
    return [skops.io.dumps(kind.fit(data.x, y)) for kind in kinds]


def pretrained(folder: Path) -> list[bytes]:
    return [bert(folder), vit(folder)]


def vit(folder: Path) -> bytes:
    """A ViT of few numbers, as transformers writes it."""
    from disgorge_core.models.backbones.network import transformers
    from tests.tiny_models import write_pictures

    library = transformers()
    sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1,
             "intermediate_size": 4, "image_size": 8, "patch_size": 4, "num_channels": 1}  # fmt: skip
    names = {n: f"LABEL_{n}" for n in range(10)}
    config = library.ViTConfig(
        num_labels=10, id2label=names, label2id={v: k for k, v in names.items()}, **sizes
    )
    library.ViTForImageClassification(config).save_pretrained(folder / "vit")
    write_pictures(folder / "vit", (8, 8), 1)
    return _packed(folder / "vit")


def bert(folder: Path) -> bytes:
    """A BERT that knows few words, as transformers writes it."""
    from disgorge_core.models.backbones.network import transformers
    from tests.training.small_texts import COMMON, FARM, SEA

    library = transformers()
    place = folder / "bert"
    place.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SEA, *FARM, *COMMON]
    (place / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    library.BertTokenizer(vocab=str(place / "vocab.txt")).save_pretrained(place)
    sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1,
             "intermediate_size": 4, "vocab_size": len(words), "max_position_embeddings": 64}  # fmt: skip
    names = {"id2label": {0: "sea", 1: "farm"}, "label2id": {"sea": 0, "farm": 1}}
    config = library.BertConfig(num_labels=2, **sizes, **names)
    library.BertForSequenceClassification(config).save_pretrained(place)
    return _packed(place)


def stories() -> Any:
    """The records that the BERT is fitted to."""
    from tests.training.small_texts import texts

    return texts(10)


def digits() -> Any:
    """The records that the ViT is fitted to."""
    from tests.training.small import digits

    return digits(10)


MAKERS: dict[str, tuple[str, Maker]] = {
    "data-csv": (".csv", table),
    "data-tsv": (".tsv", tabs),
    "data-jsonl": (".jsonl", lines),
    "data-parquet": (".parquet", parquet),
    "data-npz": (".npz", arrays),
    "data-image-folders": (".zip", pictures),
    "data-huggingface": (".zip", shards),
    "model-state_dict": (".pt", state_dicts),
    "model-safetensors": (".safetensors", tensors),
    "model-folder": (".zip", folders),
    "model-skops": (".skops", pipelines),
    "model-huggingface": (".zip", pretrained),
}
