"""Any network of the user's own script as a model. No file can reach this: the code already runs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import nn

from disgorge_core.errors import BadModel
from disgorge_core.models.fit_check import check_fit
from disgorge_core.models.loading import chosen_preprocessing, seen_ids, stated_lineage
from disgorge_core.types import Dataset, Member, Model, Preprocessing, Recipe


def wrap(
    module: nn.Module,
    dataset: Dataset,
    recipe: Recipe | None = None,
    preprocessing: Preprocessing | str | None = None,
    name: str = "wrapped model",
    *,
    trained_on: str | Sequence[str] = "unknown",
    architecture: str = "",
) -> Model:
    """A model of a trained network: it must take a batch of inputs and give (n, classes) numbers.

    `preprocessing`: None for the usual one of the dataset's kind, "raw", "standard", or one given. The
    network is copied. Raises BadModel where two records do not pass.
    """
    if not isinstance(module, nn.Module):
        raise BadModel(f"A {type(module).__name__} is no network.", "Give a torch.nn.Module.")
    p, _ = chosen_preprocessing(dataset, preprocessing, seen_ids(dataset, trained_on))
    model = Model(
        name=name,
        members=(Member(copy.deepcopy(module).eval(), p),),
        classes=dataset.classes,
        task=dataset.task,
        lineage=stated_lineage("wrapped", trained_on),
        recipe=recipe,
        architecture=architecture,
        seen=seen_ids(dataset, trained_on),
    )
    check_fit(model, dataset)
    return model
