"""A split that keeps near-duplicates together."""

import numpy as np
import pandas as pd

from disgorge_core.data.near import kept_together, near_duplicates
from disgorge_core.data.near.together import torn
from tests.data.near.conftest import dataset


def test_new_split_tears_no_cluster_apart(people: pd.DataFrame) -> None:
    data = dataset("table", people, len(people))
    found = near_duplicates(data, "rows", 1)
    many = np.bincount(found.clusters)
    apart = [k for k in np.flatnonzero(many > 1) if len(set(data.split[found.clusters == k])) > 1]
    assert torn(found, data.split).sum() == many[apart].sum() > 0

    new = kept_together(data, found, seed=3)
    for k in np.flatnonzero(many > 1):
        assert len(set(new.split[found.clusters == k])) == 1
    assert not torn(found, new.split).any()
    assert new.meta[new.roles.near].tolist() == found.clusters.tolist()
    assert new.ids.tolist() == data.ids.tolist() and new.digest != data.digest
    assert "near-duplicates" in new.notes[-1]


def test_a_column_of_that_name_is_not_overwritten(people: pd.DataFrame) -> None:
    data = dataset("table", people.iloc[:50], 50)
    data.meta["near-duplicates"] = "mine"
    new = kept_together(data, near_duplicates(data, "exact"))
    assert (new.meta["near-duplicates"] == "mine").all()
    assert new.roles.near != "near-duplicates"
