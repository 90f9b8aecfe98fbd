"""The task that finds near-duplicates gives what the library gives, and takes a model's features."""

import numpy as np
import pytest

from disgorge_core import features
from disgorge_core.cases import Cases, Recent
from disgorge_core.data.near import near_duplicates
from disgorge_core.errors import BadParam
from disgorge_core.jobs.task import INTERACTIVE, Desk, canonical, task_of
from disgorge_core.store import Workspace
from disgorge_core.types import silent
from tests.jobs import bench


@pytest.fixture
def desk(tmp_path):
    workspace = Workspace(tmp_path)
    case = bench.case_in(workspace)
    return Desk(Cases(workspace), case.id, tmp_path, silent, Recent(4, workspace.model))


def asked(desk: Desk, **arguments):
    request = canonical({"task": "near_duplicates", **arguments}, INTERACTIVE)
    return task_of(request).run(desk)


def test_pictures_are_compared_the_usual_way(desk: Desk) -> None:
    found, wanted = asked(desk), near_duplicates(desk.data)
    assert found.values["kind"] == wanted.kind == "perceptual"
    assert found.values["notes"] == list(wanted.notes)
    assert np.array_equal(found.arrays["clusters"], wanted.clusters)
    assert np.array_equal(found.arrays["pairs"], wanted.pairs)


def test_what_a_model_takes_for_alike_goes_by_its_features(desk: Desk) -> None:
    digest = desk.case.models[0]
    z = features.activations(desk.model(digest), desk.data.x)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    i, j = np.triu_indices(len(z), 1)
    apart = 1 - (z[i].astype(float) * z[j]).sum(1)
    found = asked(desk, kind="embedding", threshold=0.1, model=digest)
    wanted = int((apart <= 0.1).sum())
    assert len(found.arrays["pairs"]) == pytest.approx(wanted, abs=1) and wanted > 10
    with pytest.raises(BadParam):
        asked(desk, kind="embedding", threshold=0.02, model="0" * 64)
