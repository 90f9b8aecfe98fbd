"""Datasets as the library `datasets` 4 lays them out, written with pyarrow alone.

Checked by hand against its `save_to_disk`, `DatasetDict.save_to_disk` and `to_parquet`: Arrow streams
named data-00000-of-00001.arrow beside dataset_info.json and state.json; a dataset_dict.json above
splits; the features as JSON in the metadata of each schema.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def told(table: pa.Table, features: dict[str, Any]) -> pa.Table:
    """The table with its features in the metadata of the schema."""
    about = {"info": {"features": features}}
    return table.replace_schema_metadata({b"huggingface": json.dumps(about).encode()})


def save_to_disk(table: pa.Table, folder: Path, features: dict[str, Any], shards: int = 1) -> None:
    """What `Dataset.save_to_disk` writes."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
    size = -(-len(table) // shards)
    for i, name in enumerate(names):
        part = told(table.slice(i * size, size), features)
        with (
            pa.OSFile(str(folder / name), "wb") as file,
            pa.ipc.new_stream(file, part.schema) as out,
        ):
            out.write_table(part, max_chunksize=3)
    (folder / "dataset_info.json").write_text(json.dumps({"features": features, "license": ""}))
    files = [{"filename": name} for name in names]
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_split": None}))


def save_dict(tables: dict[str, pa.Table], folder: Path, features: dict[str, Any]) -> None:
    """What `DatasetDict.save_to_disk` writes."""
    for split, table in tables.items():
        save_to_disk(table, folder / split, features)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(tables)}))


def save_repository(tables: dict[str, pa.Table], folder: Path, features: dict[str, Any]) -> None:
    """Parquet files as a repository has them."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    for split, table in tables.items():
        pq.write_table(told(table, features), folder / "data" / f"{split}-00000-of-00001.parquet")
