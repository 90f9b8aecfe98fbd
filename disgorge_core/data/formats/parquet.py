"""Apache Parquet, read by a process of its own with bounded memory: see `data.parquet_reader`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa

from disgorge_core.data import parquet_reader
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

MAGIC = b"PAR1"
MOST_CELLS = 500_000_000
MOST_BYTES = 8 * 2**30  # of the table in memory
LONGEST = 900  # seconds


@DATA_FORMATS.register
class Parquet:
    """One Parquet file of flat columns."""

    name = "parquet"
    title = "Parquet"
    suffixes = (".parquet", ".pq")
    order = 10

    def sniff(self, path: Path) -> bool:
        """Does it start as Parquet does?"""
        with path.open("rb") as file:
            return file.read(4) == MAGIC

    def read(self, path: Path) -> pd.DataFrame:
        """The table; raises BadData for damaged files and for columns that hold more than one value."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "table.arrow"
            _run(path.resolve(), target)
            with pa.memory_map(str(target)) as file, pa.ipc.open_file(file) as reader:
                return reader.read_all().to_pandas(split_blocks=True, date_as_object=False)


def _run(source: Path, target: Path) -> None:
    limits = [str(MOST_BYTES), str(MOST_CELLS)]
    program = [sys.executable, "-I", parquet_reader.__file__, str(source), str(target), *limits]
    try:
        done = subprocess.run(program, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise BadData("The Parquet file took too long to read.", "Open a part of it.") from None
    if done.returncode == parquet_reader.REFUSED:
        problem, remedy = json.loads(done.stdout)
        raise BadData(problem, remedy)
    if done.returncode:
        raise BadData("The Parquet file is damaged.", "Write or upload it again.")
