"""scikit-learn pipelines in skops files: read by a process of its own, turned into layers."""

from __future__ import annotations

from pathlib import Path

from disgorge_core.models.reading.names import names_of
from disgorge_core.models.scikit.pipeline import Pipeline
from disgorge_core.models.scikit.process import read_apart
from disgorge_core.registry import MODEL_FORMATS


@MODEL_FORMATS.register
class Skops:
    """A `.skops` file with a linear model or an MLP of scikit-learn, alone or after the usual steps."""

    name = "skops"
    title = "Scikit-learn pipeline (skops)"
    suffixes = (".skops",)
    order = 15

    def sniff(self, path: Path) -> bool:
        """Is it a zip with a schema.json?"""
        if not path.is_file():
            return False
        return path.suffix.lower() in self.suffixes or "schema.json" in names_of(path)

    def read(self, path: Path) -> Pipeline:
        """What the pipeline computes; raises BadModel that names the step which has no equal here."""
        return Pipeline(*read_apart(path))
