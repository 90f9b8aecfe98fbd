"""One server's lanes for the tests of a file: starting workers is what takes the time."""

from __future__ import annotations

import pytest

from disgorge_core.jobs import Lanes
from disgorge_core.store import Workspace


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    found = Lanes(Workspace(tmp_path_factory.mktemp("workspace")))
    found.start()
    yield found
    found.close()
