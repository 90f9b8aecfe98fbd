"""Census records: the people of one source, or one person, ask for erasure."""

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

LICENCE = "CC BY 4.0 (UCI Adult, 1994 census; B. Becker and R. Kohavi, 1996)"
NOT_READ = ("workclass", "fnlwgt", "income")
NOTES = (
    "workclass is the source of a record and fnlwgt the weight of its household in the survey: both are "
    "shown and can be filtered by, no model reads them.",
    "What people did not say (workclass, occupation, native-country) is kept as missing.",
)


@EXAMPLES.register
@dataclass(frozen=True)
class Adult:
    """48,842 people in a table, with two models in which removal is cheap and exact or nearly so."""

    name: ClassVar[str] = "adult"
    title: ClassVar[str] = "Census: people ask for erasure"
    story: ClassVar[str] = (
        "48,842 people of the 1994 census, and two models that say who earns more than $50,000. All who "
        "run their own incorporated business want out, then one single person does, who stands in the "
        "records twice."
    )
    order: ClassVar[int] = 15
    models: ClassVar[tuple[Planned, ...]] = (
        Planned(
            "adult-ridge", "ridge", Recipe(l2=1e-3, seed=7), {"blocks": 16}, "Ridge (closed form)"
        ),
        Planned(
            "adult-logistic",
            "linear",
            Recipe(epochs=40, lr=0.02, batch=512, l2=1e-3, seed=7),
            title="Logistic regression",
        ),
    )

    def dataset(self) -> Dataset:
        """The people, as the census files list them."""
        frame = pq.read_table(ASSETS / "adult" / "adult.parquet").to_pandas()
        ids, split = frame.pop("id").to_numpy(dtype=str), frame.pop("split").to_numpy(np.int8)
        meta = tidy(frame)
        x = meta.drop(columns=list(NOT_READ))
        income = targets(meta["income"])
        roles = Roles(label="income", source="workclass")
        return addressed(
            Dataset(
                "adult", "table", "classification", ids, x, income.y, income.classes, split, meta, roles,
                "", LICENCE, NOTES,
            )
        )  # fmt: skip

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """All records of one source, and one person."""
        reason = "Their association withdrew the records that it had given."
        owners = where(data, "workclass == 'Self-emp-inc'", name="Business owners", reason=reason)
        reason = "This person asks for erasure."
        return owners, where(data, "id == 'p10368'", name="One person", reason=reason)
