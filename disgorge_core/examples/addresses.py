"""State of the Union addresses: one author's texts leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq

from disgorge_core.data.address import addressed
from disgorge_core.data.forget_set import where
from disgorge_core.data.kinds import tidy
from disgorge_core.data.labels import targets
from disgorge_core.examples.shipped import ASSETS, Planned
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Dataset, ForgetSet, Recipe, Roles

LICENCE = (
    "Public domain (works of the United States Government; collected by stdlib, PDDL 1.0 and CC0)"
)
NOTES = (
    "All passages of an address are in one split: the model is tested on addresses that it has read nothing "
    "of, by speakers whose other addresses it may have read.",
    "The model reads the passage only; speaker, year, party and address are shown and can be filtered by.",
)


@EXAMPLES.register
@dataclass(frozen=True)
class Addresses:
    """8,021 passages by 43 speakers, and a model that tells when they were spoken."""

    name: ClassVar[str] = "addresses"
    title: ClassVar[str] = "Addresses: an author leaves"
    story: ClassVar[str] = (
        "8,021 passages from 232 years of State of the Union addresses trained a model that tells when a "
        "passage was spoken. The estate of one speaker, Theodore Roosevelt, withdraws his texts. What "
        "did the model owe to his words, and what does it say of his time without them?"
    )
    order: ClassVar[int] = 16
    models: ClassVar[tuple[Planned, ...]] = (
        Planned(
            "addresses",
            "text_mean",
            Recipe(epochs=12, lr=0.5, batch=64, l2=3e-4, seed=7),
            {"width": 16},
        ),
    )

    def dataset(self) -> Dataset:
        """The passages with era, speaker, year, party, and where in which address they stand."""
        frame = pq.read_table(ASSETS / "addresses" / "addresses.parquet").to_pandas()
        ids, split = frame.pop("id").to_numpy(dtype=str), frame.pop("split").to_numpy(np.int8)
        meta = tidy(frame)
        era = targets(meta["era"])
        roles = Roles(label="era", owner="speaker", text="text")
        return addressed(
            Dataset(
                "addresses", "text", "classification", ids, meta[["text"]], era.y, era.classes, split,
                meta, roles, "", LICENCE, NOTES,
            )
        )  # fmt: skip

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """All passages of one speaker."""
        reason = "The speaker's estate does not want his texts used for training."
        query = "speaker == 'Theodore Roosevelt'"
        return (where(data, query, name="Theodore Roosevelt", reason=reason),)
