"""Train the shipped models again by their recipes: python -m disgorge_core.examples.train [name ...]"""

from __future__ import annotations

import shutil
import sys

from disgorge_core.examples.shipped import model_folder
from disgorge_core.models.saved import save_model
from disgorge_core.registry import EXAMPLES
from disgorge_core.training import fit
from disgorge_core.types import Model


def train(name: str) -> Model:
    """The model of one example, by its recipe."""
    kind = EXAMPLES[name]()
    return fit(
        kind.dataset(), kind.architecture, kind.recipe, settings=kind.settings, name=f"{name} model"
    )


def main(names: list[str]) -> None:
    """Train and save the models of these examples, of all if none is named."""
    for name in names or list(EXAMPLES):
        model = train(name)
        shutil.rmtree(model_folder(name), ignore_errors=True)
        save_model(model, model_folder(name))
        print(f"{name}: {model.parameters:,} parameters, digest {model.digest}")


if __name__ == "__main__":
    main(sys.argv[1:])
