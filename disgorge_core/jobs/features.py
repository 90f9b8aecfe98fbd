"""Where the features of a case's records lie: in its cache, so that a purge of the case takes them along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disgorge_core.cases import REQUEST, Cases
from disgorge_core.errors import StoreError
from disgorge_core.store import write_json
from disgorge_core.types import digest_of


@dataclass(frozen=True)
class CaseFeatures:
    """The folder of one case: `models.backbones.kept.Place`."""

    cases: Cases
    case_id: str

    @property
    def path(self) -> Path:
        """The folder, there or not."""
        return self.cases.workspace.root / "cache" / digest_of(self._about)

    @property
    def _about(self) -> dict[str, Any]:
        return {"task": "features", "case": self.case_id}

    def make(self) -> bool:
        """Make it, unless the case was purged; a purge finds it by what is written in it."""
        with self.cases.locked():
            try:
                self.cases.get(self.case_id)
            except StoreError:
                return False
            write_json(self.path / REQUEST, self._about)
        return True
