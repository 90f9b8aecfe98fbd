"""Time and peak memory of large datasets, from the file to the mapped copy: python -m benchmarks.datasets

1,000,000 rows of 13 columns as Parquet, CSV and JSON lines, and 60,000 pictures of 28 x 28 as NPZ and as
a zip of PNG files; other sizes as arguments: [rows] [pictures]. read: the limited process alone. make and
keep: file to dataset (reading again) to folder, in one process. open: the kept dataset, checked against
its digest, in another. Memory is the peak of the resident set, mapped pages of files and the libraries
("import") included.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHILD = ROOT / "disgorge_core" / "limited" / "child.py"
GB = 2**30
LIMITS = {
    "memory": 8 * GB, "table": 4 * GB, "disk": 32 * GB, "cells": 500_000_000, "cpu": 1800, "wall": 3600,
}  # fmt: skip
FILES = ("table.parquet", "table.csv", "table.jsonl", "pictures.npz", "pictures.zip")


def write_tables(folder: Path, rows: int) -> None:
    """The same table in three formats: 5 numbers, 3 whole numbers, 4 categories, a label."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pv
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    columns = {f"n{i}": rng.normal(size=rows).round(4) for i in range(5)}
    columns |= {f"k{i}": rng.integers(0, 90, rows) for i in range(3)}
    for i in range(4):
        names = np.array([f"value {j}" for j in range(10 + i)])
        columns[f"c{i}"] = names[rng.integers(0, 10 + i, rows)]
    columns["label"] = np.array(["no", "yes"])[
        (columns["n0"] + rng.normal(size=rows) > 0).astype(int)
    ]
    table = pa.table(columns)
    pq.write_table(table, folder / "table.parquet")
    pv.write_csv(table, folder / "table.csv")
    with (folder / "table.jsonl").open("w") as file:
        for batch in table.to_batches(10_000):
            file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())


def write_pictures(folder: Path, count: int) -> None:
    """Bars of random noise in ten places, so that they are neither empty nor all alike."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, count)
    x = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    x[np.arange(count)[:, None], :, (2 * y[:, None] + np.arange(6))] += 150
    np.savez_compressed(folder / "pictures.npz", x=x, y=y)
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        for number, (picture, label) in enumerate(zip(x, y, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
            archive.writestr(f"{label}/{number:06d}.png", buffer.getvalue())


def make(path: Path, kept: Path) -> None:
    """From the file to the kept dataset."""
    from disgorge_core.data.loading import load_dataset
    from disgorge_core.data.saved import save_dataset

    with told("make"):
        data = load_dataset(path)
    with told("keep"):
        save_dataset(data, kept)


def reopen(kept: Path) -> None:
    """The kept dataset, and a look at every hundredth record."""
    from disgorge_core.data.saved import load_dataset_folder

    with told("open"):
        data = load_dataset_folder(kept)
        data.take(list(range(0, len(data), 100)))


def idle() -> None:
    """What the library takes before it has read anything."""
    with told("import"):
        import disgorge_core

        assert disgorge_core


@contextmanager
def told(what: str) -> Iterator[None]:
    """One line with the time and the peak memory of this process so far."""
    start, used = time.perf_counter(), used_cpu()
    yield
    row(what, time.perf_counter() - start, used_cpu() - used, memory("VmHWM"))


def row(what: str, seconds: float, cpu: float, megabytes: float) -> None:
    print(f"{what:<8}{seconds:7.1f} s{cpu:7.1f} s of computing{megabytes:8,.0f} MB", flush=True)


def used_cpu() -> float:
    """Seconds of computing of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def memory(name: str) -> float:
    """MB, by the name that /proc gives it; unlike getrusage's peak, it knows nothing of the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def read_apart(path: Path) -> None:
    """The limited process alone; its peak as the system tells it when it has ended."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        request = {
            "call": "disgorge_core.data.reading.answer:asked_for", "path": str(path), "folder": folder,
            "limits": LIMITS, "size": 0,
        }  # fmt: skip
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-I", str(CHILD), json.dumps(request)])
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said = json.loads(Path(folder, "answer.json").read_text())
    if status or "refused" in said:
        raise SystemExit(f"{path.name}: {status} {said}")
    row("read", seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def step(*arguments: str) -> None:
    """Run one step in a process of its own."""
    program = [sys.executable, "-m", "benchmarks.datasets", *arguments]
    subprocess.run(program, cwd=ROOT, check=True)


def main(rows: int, pictures: int) -> None:
    """All files, one after another."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        step("write", str(folder), str(rows), str(pictures))
        step("idle")
        for name in FILES:
            path, kept = folder / name, folder / f"kept-{name}"
            print(f"\n{name}, {path.stat().st_size / 2**20:,.0f} MB")
            read_apart(path)
            step("make", str(path), str(kept))
            step("open", str(kept))
            print(f"kept: {sum(f.stat().st_size for f in kept.iterdir()) / 2**20:,.0f} MB")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", place, rows, pictures]:
            write_tables(Path(place), int(rows))
            write_pictures(Path(place), int(pictures))
        case ["make", path, kept]:
            make(Path(path), Path(kept))
        case ["open", kept]:
            reopen(Path(kept))
        case ["idle"]:
            idle()
        case sizes:
            main(*[int(size) for size in sizes] or [1_000_000, 60_000])
