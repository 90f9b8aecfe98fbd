"""What the method of a run makes of other records, and of other originals: placebo and repeats.

Each is kept like references are, `cache/<key>/<name>`, so that a second audit of the run, or one that goes on
after a cancel, does not pay for it again. A repeat is named after the seed of the twin that it started from,
and is made with that seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disgorge_core import disgorging
from disgorge_core.cases import REQUEST
from disgorge_core.controls import Repeat
from disgorge_core.data import forget_set
from disgorge_core.errors import Diverged, NotApplicable, StoreError
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.task import Desk
from disgorge_core.methods.contract import Facts
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.store import write_json
from disgorge_core.types import Array, ForgetSet, Model, Report, digest_of


@dataclass(frozen=True, eq=False)
class Again:
    """The method of a run's request, to be run again."""

    desk: Desk
    facts: Facts
    request: Mapping[str, Any]
    earlier: Sequence[ForgetSet]

    def placebo(self, removed: Array, report: Report) -> Model:
        """The model that it makes of the original on other records, bool (n,)."""
        forget = self._placebo_set(removed)
        about = self._about("placebo", forget) | {"seed": self.request["seed"]}
        return self._kept(about, "0", self.facts.model, forget, self.request["seed"], report)

    def repeats(
        self, twins: Sequence[Model], forget: ForgetSet, removed: Array, report: Report
    ) -> list[Repeat]:
        """What it makes of each twin, on the records and on others; None where that diverged.

        Raises NotApplicable where twins lack what the method needs of an original.
        """
        other = self._placebo_set(removed)
        found: list[Repeat] = []
        for k, twin in enumerate(twins):
            share = part(report, k / len(twins), (k + 1) / len(twins), f"Repeat {k + 1}")
            halves = part(share, 0.0, 0.5), part(share, 0.5, 1.0)
            found.append(self._repeat(twin, (forget, other), halves))
        return found

    def missing(self, removed: Array, forget: ForgetSet, number: int) -> tuple[int, int, int]:
        """How many are to be made: the placebo, repeats on the records, and on others; as for references."""
        other = self._placebo_set(removed)
        placebo = self._about("placebo", other) | {"seed": self.request["seed"]}
        repeats = [self._about("repeats", one) for one in (forget, other)]
        on_records, on_others = (max(0, number - self._count(about)) for about in repeats)
        return 1 - self._count(placebo), on_records, on_others

    def _count(self, about: dict[str, Any]) -> int:
        folder = self.desk.cases.workspace.root / "cache" / digest_of(about)
        return sum(path.name.isdigit() for path in folder.glob("*"))

    def _repeat(
        self, twin: Model, sets: tuple[ForgetSet, ForgetSet], reports: tuple[Report, Report]
    ) -> Repeat:
        assert twin.recipe is not None
        seed = twin.recipe.seed
        try:
            real, other = (
                self._kept(self._about("repeats", forget), str(seed), twin, forget, seed, report)
                for forget, report in zip(sets, reports, strict=True)
            )
        except Diverged:
            return None
        except NotApplicable as error:
            raise NotApplicable(
                "The method does not apply to the originals that are trained for repeats: "
                f"{error.remedy}",
                "Set Repeats to 0.",
            ) from error
        return real, other

    def _placebo_set(self, removed: Array) -> ForgetSet:
        return forget_set.from_mask(self.facts.data, removed, "placebo", name="Placebo")

    def _about(self, task: str, forget: ForgetSet) -> dict[str, Any]:
        request = self.request
        return {
            "task": task, "case": self.desk.case_id, "model": request["model"], "method": request["method"],
            "settings": dict(request["settings"]), "removed": digest_of(sorted(map(str, forget.ids))),
        }  # fmt: skip

    def _kept(
        self, about: dict[str, Any], name: str, start: Model, forget: ForgetSet, seed: int,
        report: Report,
    ) -> Model:  # fmt: skip
        """The model of that name, made now if it is not there."""
        place = self.desk.cases.workspace.root / "cache" / digest_of(about) / name
        if not place.exists():
            outcome = disgorging.disgorge(
                start, self.facts.data, forget, self.request["method"], seed=seed,
                settings=self.request["settings"], excluded=self.earlier, report=report,
            )  # fmt: skip
            write_json(place.parent / REQUEST, about)  # a purge finds it by this
            try:
                save_model(outcome.model, place, linked=True)
            except StoreError:  # another process was first
                if not place.is_dir():
                    raise
        return load_model_folder(place)
