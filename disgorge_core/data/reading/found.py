"""What a reader found in a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Found:
    """A table of flat columns, one row a record; `pictures` is uint8 (n, height, width, channels) on disk.

    A reader may give the table as a stream of batches. `notes` say what was changed or left out.
    """

    table: pa.Table | pa.RecordBatchReader
    pictures: Any = None
    notes: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table for pandas."""
        return self.table.to_pandas(split_blocks=True, date_as_object=False)
