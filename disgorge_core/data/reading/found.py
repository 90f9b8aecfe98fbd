"""What a reader gives in its limited process, and what comes back from there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Reading:
    """What a format's `read` gives: flat columns, one row a record, perhaps as a stream of batches.

    `pictures`: whether it has written a picture for each row to the room. `notes` say what was changed
    or left out.
    """

    table: pa.Table | pa.RecordBatchReader
    notes: tuple[str, ...] = ()
    pictures: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """The table of a file, and its pictures, uint8 (n, height, width, channels); both memory-mapped.

    `format`: name of the dataset format that the file is in.
    """

    table: pa.Table
    pictures: Any = None
    notes: tuple[str, ...] = ()
    format: str = ""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table for pandas."""
        return self.table.to_pandas(split_blocks=True, date_as_object=False)
