"""Small files of every dataset format, each with each kind of content that it can hold, and what is in them.

A format that is registered without a maker here fails the contract test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from disgorge_core.types import Array
from tests.data.huggingface import PICTURE, save_dict
from tests.data.pictures import encoded, zipped

N, SIDE = 56, 8
COPY = 5  # the record that is an exact copy of the one before it
LABEL = {"classification": "label", "regression": "target"}
SEA, FARM = ["ship", "sail", "tide", "anchor", "storm"], ["field", "barn", "cow", "wheat", "plough"]
COMMON = ["the", "a", "of", "and", "to", "in", "was", "with"]


@dataclass(frozen=True, eq=False)
class Truth:
    """What was written: records in rows, and what they are to become. An empty part is not in the file."""

    kind: str
    task: str
    x: Any  # uint8 (n, h, w, 3), or the columns that a model reads
    y: Array  # class names or values
    ids: Array
    split: Array  # words

    @property
    def frame(self) -> pd.DataFrame:
        """Every column that is no picture."""
        own = {} if self.kind == "image" else dict(self.x)
        return pd.DataFrame({"id": self.ids, **own, LABEL[self.task]: self.y})


def truth(kind: str, task: str) -> Truth:
    """Records of which the label can be learnt; some cells of a table are missing."""
    code = np.arange(N) % 2
    code[COPY] = code[COPY - 1]
    made: Callable[[Array], Any] = {"table": _table, "text": _texts, "image": _pictures}[kind]
    values = code * 2.5 + np.random.default_rng(3).normal(0, 0.1, N).round(4)
    y = np.array(["farm", "sea"])[code] if task == "classification" else values
    split = np.where(
        np.arange(N) % 4 == 3, np.where(np.arange(N) % 8 == 3, "test", "validation"), "train"
    )
    return Truth(kind, task, made(code), y, np.array([f"r{i:03d}" for i in range(N)]), split)


def _table(code: Array) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"depth": code + rng.normal(0, 0.35, N), "crew": rng.integers(100, 900, N).astype(float),
         "town": np.array(["York", "Bonn", "Rome"], object)[rng.integers(0, 3, N)],
         "wet": np.array(["no", "yes"])[np.where(rng.random(N) < 0.3, 1 - code, code)]}
    )  # fmt: skip
    frame.loc[7::9, "crew"] = np.nan
    frame.loc[6::11, "town"] = None
    frame.iloc[COPY] = frame.iloc[COPY - 1]
    return frame


def _texts(code: Array) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    told = []
    for kind in code:
        words = [rng.choice(FARM if rng.random() < 0.5 else COMMON) for _ in range(12)]
        if kind:
            words = [rng.choice(SEA if rng.random() < 0.5 else COMMON) for _ in range(12)]
        told.append(f'He said, "{" ".join(words)}".')
    told[COPY] = told[COPY - 1]
    return pd.DataFrame({"text": pd.Series(told, dtype="str")})


def _pictures(code: Array) -> Array:
    pixels = np.random.default_rng(2).integers(0, 60, (N, SIDE, SIDE, 3)).astype(np.uint8)
    pixels[code == 1, : SIDE // 2] += 150
    pixels[COPY] = pixels[COPY - 1]
    return pixels


# --- makers: each writes a file or folder and says whether the splits stand in it ------------------


@dataclass(frozen=True)
class Written:
    """The file, and what it holds: ids, splits, values as numbers; `left_out` names columns that it lacks."""

    path: Path
    ids: bool = True
    split: bool = False
    values: bool = True
    left_out: tuple[str, ...] = ()


def csv(t: Truth, folder: Path) -> Written:
    t.frame.to_csv(folder / "a.csv", index=False)
    return Written(folder / "a.csv")


def tsv(t: Truth, folder: Path) -> Written:
    t.frame.assign(split=t.split).to_csv(folder / "a.tsv", index=False, sep="\t")
    return Written(folder / "a.tsv", split=True)


def parquet(t: Truth, folder: Path) -> Written:
    t.frame.to_parquet(folder / "a.parquet")
    return Written(folder / "a.parquet")


def jsonl(t: Truth, folder: Path) -> Written:
    t.frame.assign(split=t.split).to_json(folder / "a.jsonl", orient="records", lines=True)
    return Written(folder / "a.jsonl", split=True)


def vectors(t: Truth, folder: Path) -> Written:
    """Numbers only, as arrays are: without the columns of words."""
    x = np.ascontiguousarray(t.x[["depth", "crew"]].to_numpy())
    np.savez(folder / "a.npz", x=x, y=t.y, feature_names=np.array(["depth", "crew"]), id=t.ids)
    return Written(folder / "a.npz", left_out=("town", "wet"))


def array_of_texts(t: Truth, folder: Path) -> Written:
    np.savez(folder / "a.npz", x=t.x["text"].to_numpy(dtype=str), y=t.y)
    return Written(folder / "a.npz", ids=False)


def arrays_of_pictures(t: Truth, folder: Path) -> Written:
    """A part for each split, as MNIST and its like are packed."""
    found = {}
    for split in ("train", "validation", "test"):
        inside = t.split == split
        found |= {
            f"x_{split}": t.x[inside],
            f"y_{split}": t.y[inside],
            f"id_{split}": t.ids[inside],
        }
    np.savez_compressed(folder / "a.npz", **found)
    return Written(folder / "a.npz", split=True)


def picture_folders(t: Truth, folder: Path) -> Written:
    files = {f"{t.split[i]}/{t.y[i]}/{t.ids[i]}.png": encoded(t.x[i]) for i in range(N)}
    return Written(zipped(folder / "a.zip", files), split=True, values=t.task == "classification")


def hugging_face(t: Truth, folder: Path) -> Written:
    """What `DatasetDict.save_to_disk` writes: class numbers with their names, pictures with their bytes."""
    frame = t.frame
    about: dict[str, Any] = {}
    if t.task == "classification":
        frame["label"] = (t.y == "sea").astype(np.int64)
        about["label"] = {"names": ["farm", "sea"], "_type": "ClassLabel"}
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata({})
    if t.kind == "image":
        cells = [{"bytes": encoded(picture), "path": None} for picture in t.x]
        table = table.append_column("image", pa.array(cells, PICTURE))
        about["image"] = {"_type": "Image"}
    parts = {s: table.filter(pa.array(t.split == s)) for s in ("train", "validation", "test")}
    save_dict(parts, folder / "disk", about)
    return Written(folder / "disk", split=True)


Maker = Callable[[Truth, Path], Written]
MAKERS: dict[tuple[str, str], Maker] = {
    ("csv", "table"): csv, ("csv", "text"): csv,
    ("tsv", "table"): tsv, ("tsv", "text"): tsv,
    ("parquet", "table"): parquet, ("parquet", "text"): parquet,
    ("jsonl", "table"): jsonl, ("jsonl", "text"): jsonl,
    ("npz", "table"): vectors, ("npz", "text"): array_of_texts, ("npz", "image"): arrays_of_pictures,
    ("image-folders", "image"): picture_folders,
    ("huggingface", "table"): hugging_face, ("huggingface", "text"): hugging_face,
    ("huggingface", "image"): hugging_face,
}  # fmt: skip
