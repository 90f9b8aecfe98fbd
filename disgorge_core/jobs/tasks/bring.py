"""Open a Hugging Face folder beside the case's dataset: a head behind its backbone, or all of it trained."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core import training
from disgorge_core.cases import Cases
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.quality import split_quality
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.models.backbones.backbone import Backbone, records_of
from disgorge_core.models.backbones.texts import Texts
from disgorge_core.models.backbones.whole import WHOLE, Reading, whole_of
from disgorge_core.models.loading import Loaded, open_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import save_model
from disgorge_core.params import make
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.store import writing
from disgorge_core.types import Dataset, Model, Progress, Recipe

MODEL = "model"  # folder in the run: the model lies there until the user adds it to the case
UPLOADS = "uploads"  # folder in the case: files that wait for their run
WHOLE_NOTES = (
    "All of the network was trained here, from the weights that came; what those were trained on is unknown "
    "and stays in it.",
)
HEADS = ("keep", "train", "whole")


def taken_in(cases: Cases, case_id: str, file: Path) -> Path:
    """A copy of an uploaded file that lasts until its run is done, or the case is purged; StoreError."""
    cases.get(case_id)
    folder = cases.workspace.case(case_id) / UPLOADS
    copy = folder / f"{uuid.uuid4().hex}{file.suffix}"
    with writing(copy) as draft:
        shutil.copyfile(file, draft)
    return copy


@TASKS.register
@dataclass(frozen=True)
class Bring:
    """Lays the model down in the run's folder; values: "splits" (quality) and "notes".

    `path` names a folder or zip that lies on this computer. `head`: "keep" the one that came, "train" a
    fresh one by the recipe, or train the "whole" network behind a fresh one. `trained_on` as
    `models.loading.Stated` has it.
    """

    path: str
    label: str = ""
    head: str = "keep"
    trained_on: str | Sequence[str] = "unknown"
    recipe: Mapping[str, Any] | None = None

    name = "bring"
    title = "Open a Hugging Face model"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Build the network, compute features, train the head if that is wanted, measure, lay down."""
        if self.head not in HEADS or (self.head != "keep" and self.recipe is None):
            raise BadParam("A head is trained by a recipe.", "State one, or keep the head.")
        desk.report(Progress(0.01, "Building the network"))
        opened, data = self._opened(desk.data), desk.data
        before = opened.model.preprocessing.backbone
        backbone = before.start if isinstance(before, Reading) else before
        if not isinstance(backbone, Backbone):
            raise BadModel("This is no Hugging Face model.", "Bring it as a file of weights.")
        model = self._trained(opened.model, backbone, data, desk)
        desk.report(Progress(0.97, "Measuring and storing the model"))
        splits = split_quality(model, logits(model, data.x), data)
        save_model(model, desk.folder / MODEL)
        let_go(desk, Path(self.path))
        notes = [
            *(WHOLE_NOTES if self.head == "whole" else opened.notes),
            *_cut_short(backbone, data),
        ]
        return TaskResult({"splits": splits, "notes": notes})

    def _opened(self, data: Dataset) -> Loaded:
        recipe = None if self.recipe is None else make(Recipe, self.recipe)
        trained_on = self.trained_on if isinstance(self.trained_on, str) else list(self.trained_on)
        return open_model(
            Path(self.path), data, recipe=recipe, trained_on=trained_on, name=self.label
        )

    def _trained(self, model: Model, backbone: Backbone, data: Dataset, desk: Desk) -> Model:
        every = np.ones(len(data), dtype=bool)
        if self.head == "keep" and model.preprocessing.kind == WHOLE:
            return model
        if self.head == "whole":
            start = whole_of(model, data)
            return training.refit(start, data, every, report=part(desk.report, 0.05, 0.97))
        backbone.features(data.x, part(desk.report, 0.05, 0.8))
        if self.head == "keep":
            return model
        return training.refit(model, data, every, report=part(desk.report, 0.8, 0.97))


def let_go(desk: Desk, path: Path) -> None:
    """Delete an uploaded file that was kept for this run."""
    if path.parent == desk.cases.workspace.case(desk.case_id) / UPLOADS:
        path.unlink(missing_ok=True)


def _cut_short(backbone: Backbone, data: Dataset) -> list[str]:
    """How many texts are longer than the model reads."""
    reader = backbone.reader
    if not isinstance(reader, Texts):
        return []
    count = sum(reader.is_cut_short(text) for text in records_of(data.x))
    if not count:
        return []
    return [
        f"{count:,} of the {len(data):,} texts are longer than the {reader.length} pieces that the model "
        "reads; what follows is not read."
    ]
