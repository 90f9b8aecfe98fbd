"""Train the shipped models again by their recipes: python -m disgorge_core.examples.train [name ...]"""

from __future__ import annotations

import shutil
import sys

from disgorge_core.examples.shipped import Planned, model_folder
from disgorge_core.models.saved import save_model
from disgorge_core.registry import EXAMPLES
from disgorge_core.training import fit
from disgorge_core.types import Dataset, Model


def train(data: Dataset, planned: Planned) -> Model:
    """A model of an example, by its recipe."""
    title = planned.title or f"{planned.folder} model"
    return fit(data, planned.architecture, planned.recipe, settings=planned.settings, name=title)


def main(names: list[str]) -> None:
    """Train and save the models of these examples, of all if none is named."""
    for name in names or list(EXAMPLES):
        data = EXAMPLES[name]().dataset()
        for planned in EXAMPLES[name].models:
            model = train(data, planned)
            shutil.rmtree(model_folder(planned), ignore_errors=True)
            save_model(model, model_folder(planned))
            print(f"{planned.folder}: {model.parameters:,} parameters, digest {model.digest}")


if __name__ == "__main__":
    main(sys.argv[1:])
