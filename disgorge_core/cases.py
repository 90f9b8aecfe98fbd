"""Cases: one dataset, its models, the forget sets and runs, all in the workspace.

`cases/<id>/case.json` names the dataset and the models by digest; forget sets and runs lie beside it.
Whatever changes a case holds one lock of the workspace, so that a purge misses no copy.
"""

from __future__ import annotations

import builtins
import dataclasses
import fcntl
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from disgorge_core.data import forget_set
from disgorge_core.data.saved import keep_dataset, load_dataset_folder
from disgorge_core.errors import BadForgetSet, StoreError
from disgorge_core.examples.shipped import example
from disgorge_core.models.saved import keep_model, load_model_folder
from disgorge_core.runs import Run, events
from disgorge_core.runs.result import VALUES
from disgorge_core.runs.run import OPEN, RESULT, new_run, runs_of
from disgorge_core.store import (
    TEMPORARY,
    Workspace,
    checked_name,
    plain_errors,
    read_json,
    write_json,
)
from disgorge_core.types import Dataset, ForgetSet, Model, digest_of

T = TypeVar("T")
CASE, REQUEST, LOCK = "case.json", "request.json", "cases.lock"
KEPT_DATASETS = 3
DELETED = "model deleted"


@dataclass(frozen=True)
class Case:
    """A case as it was when it was read: digests of its dataset and of its models, oldest first."""

    id: str
    name: str
    dataset: str
    models: tuple[str, ...]
    created: str  # UTC, ISO 8601
    example: str = ""  # name of the worked example that it was opened from


class Recent:
    """The last few things that were made from stored datasets or models, shared by all who ask.

    What was made from something that was purged is dropped at the next look.
    """

    def __init__(self, size: int, folder: Callable[[str], Path]) -> None:
        self._size, self._folder = size, folder
        self._kept: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()  # making one thing may ask for another

    def get(self, digest: str, make: Callable[[], T], what: str = "") -> T:
        """`what` of this digest, made if it is not there; it must not be changed."""
        key = (digest, what)
        with self._lock:
            for known in [k for k in self._kept if not self._folder(k[0]).exists()]:
                del self._kept[known]
            found: T = self._kept.pop(key) if key in self._kept else make()
            self._kept[key] = found
            if len(self._kept) > self._size:
                del self._kept[next(iter(self._kept))]
            return found


class Cases:
    """The cases of a workspace. Ids come from links: a wrong one raises StoreError."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._datasets = Recent(KEPT_DATASETS, workspace.dataset)

    def list(self) -> builtins.list[Case]:
        """All cases, the newest first."""
        folders = (self.workspace.root / "cases").glob(f"*/{CASE}")
        return sorted(map(_read, folders), key=lambda case: case.created, reverse=True)

    def get(self, case_id: str) -> Case:
        """A case by its id; raises StoreError if there is none."""
        path = self.workspace.case(case_id) / CASE
        if not path.exists():
            raise StoreError(f"There is no case {case_id!r}.", "Open one on the Home page.")
        return _read(path)

    def create(
        self, name: str, dataset: Dataset, models: Iterable[Model] = (), example: str = ""
    ) -> Case:
        """Store the dataset and the models, and make a case of them; raises StoreError."""
        case_id = example or f"{_slug(name)}-{uuid.uuid4().hex[:6]}"
        with self.locked():
            return self._create(case_id, name, dataset, tuple(models), example)

    def open_example(self, name: str) -> Case:
        """The case of a worked example: made at the first call, with its forget sets, then reopened."""
        with self.locked():
            if not (self.workspace.case(name) / CASE).exists():
                shown = example(name)
                case = self._create(name, shown.title, shown.dataset, shown.models, name)
                for forget in shown.forgets:  # the oldest is the one to begin with
                    self.save_forget(case.id, forget)
        return self.get(name)

    def _create(
        self, case_id: str, name: str, dataset: Dataset, models: tuple[Model, ...], example: str
    ) -> Case:
        keep_dataset(dataset, self.workspace)
        digests = tuple(keep_model(model, self.workspace).name for model in models)
        created = datetime.now(UTC).isoformat()
        case = Case(case_id, name, dataset.digest, digests, created, example)
        self._write(case)
        return case

    # --- models and data ------------------------------------------------------------------------

    def add_model(self, case_id: str, model: Model) -> str:
        """Store a model and put it last in the case; gives its digest."""
        with self.locked():
            case = self.get(case_id)
            digest = keep_model(model, self.workspace).name
            if digest not in case.models:
                self._write(dataclasses.replace(case, models=(*case.models, digest)))
        return digest

    def model(self, digest: str) -> Model:
        """A freshly loaded model, which the caller may change."""
        return load_model_folder(self.workspace.model(digest))

    def model_card(self, digest: str) -> dict[str, Any]:
        """What is written about a model, without its weights."""
        return dict(read_json(self.workspace.model(digest) / "model.json"))

    def dataset_card(self, digest: str) -> dict[str, Any]:
        """What is written about a dataset, without its records."""
        return dict(read_json(self.workspace.dataset(digest) / "dataset.json"))

    def dataset(self, digest: str) -> Dataset:
        """A dataset, which all callers share: it must not be changed."""
        folder = self.workspace.dataset(digest)
        return self._datasets.get(digest, lambda: load_dataset_folder(folder))

    # --- forget sets ----------------------------------------------------------------------------

    def save_forget(self, case_id: str, forget: ForgetSet) -> str:
        """Store a forget set of the case's dataset; gives its id, the same for the same content."""
        if forget.dataset != self.get(case_id).dataset:
            raise BadForgetSet(
                "The forget set belongs to another dataset.", "Choose the records in this case."
            )
        fid = digest_of(dataclasses.asdict(forget))[:16]
        path = self._forget_path(case_id, fid)
        if not path.exists():
            forget_set.save(forget, path)
        return fid

    def forget_sets(self, case_id: str) -> builtins.list[tuple[str, ForgetSet, str]]:
        """Id, forget set and time (UTC, ISO 8601), the newest first."""
        paths = self.workspace.case(case_id).glob("forget/*.json")
        found = [(path.stem, forget_set.load(path), _changed(path)) for path in paths]
        return sorted(found, key=lambda entry: entry[2], reverse=True)

    def forget(self, case_id: str, fid: str) -> ForgetSet:
        """A forget set by its id; raises StoreError if there is none."""
        return forget_set.load(self._forget_path(case_id, fid))

    def delete_forget(self, case_id: str, fid: str) -> None:
        """Delete a forget set; raises StoreError where a run used it, whose record would be torn."""
        if any(run.request.get("forget") == fid for run in self.runs(case_id)):
            raise StoreError("A run used this forget set.", "Purge the case to delete both.")
        self.workspace.purge([self._forget_path(case_id, fid)])

    def _forget_path(self, case_id: str, fid: str) -> Path:
        return self.workspace.case(case_id) / "forget" / f"{checked_name(fid)}.json"

    # --- runs and purging -----------------------------------------------------------------------

    def runs(self, case_id: str) -> builtins.list[Run]:
        """The runs of a case, the newest first."""
        return runs_of(self.workspace.case(case_id))

    def run(self, case_id: str, run_id: str) -> Run:
        """A run by its id; raises StoreError if there is none."""
        folder = self.workspace.case(case_id) / "runs" / checked_name(run_id)
        if not folder.is_dir():
            raise StoreError(f"There is no run {run_id!r}.", "Pick one on the Runs page.")
        return Run(folder)

    def queue(self, case_id: str, request: Mapping[str, Any]) -> Run:
        """A new run of a canonical request, which waits; raises StoreError."""
        with self.locked():
            self.get(case_id)
            return new_run(self.workspace.case(case_id), request)

    def purge(self, case_id: str) -> builtins.list[str]:
        """Delete a case with every copy and list all files that went; StoreError while a run is open.

        Models and datasets that another case uses stay. The case itself goes last, so that a purge
        that was cut off can be repeated.
        """
        with self.locked():
            case = self.get(case_id)
            if any(run.state in OPEN for run in self.runs(case_id)):
                raise StoreError("A run of this case is under way or waits.", "Cancel it first.")
            own = self._own(case)
            names = [case.id, *(path.name for path in own)]
            caches = [path for path in self._caches() if _mentions(path / REQUEST, names)]
            return [*self.workspace.purge([*caches, *own, self.workspace.case(case.id)])]

    def purge_model(self, digest: str, copies: str = "") -> builtins.list[str]:
        """Delete a model in all cases, with the runs that used or made it; list all files that went.

        A run's result holds the model's answers. The cases let go of it last, so that a purge that was
        cut off can be repeated; an entry in each case's log stays, with the `copies` elsewhere that were
        declared. Raises StoreError while such a run is open, and for an unknown model.
        """
        with self.locked():
            holders = [case for case in self.list() if digest in case.models]
            if not holders:
                raise StoreError("No case has this model.", "Name one of a case.")
            runs = [run for case in holders for run in self.runs(case.id) if _used(run, digest)]
            if any(run.state in OPEN for run in runs):
                raise StoreError("A run of this model is under way or waits.", "Cancel it first.")
            caches = [path for path in self._caches() if _mentions(path / REQUEST, [digest])]
            folders = [*caches, *(run.folder for run in runs), self.workspace.model(digest)]
            name = _name_of(self.workspace.model(digest))
            gone = [*self.workspace.purge(folders)]
            for case in holders:
                left = tuple(d for d in case.models if d != digest)
                self._write(dataclasses.replace(case, models=left))
                about = {"digest": digest, "name": name, "files": len(gone), "copies": copies}
                events.append(self.workspace.case(case.id), DELETED, **about)
            return gone

    def deletions(self, case_id: str) -> builtins.list[events.Event]:
        """Models deleted from a case, oldest first: "t", "digest", "name", "files", "copies"."""
        return [e for e in events.read(self.workspace.case(case_id)) if e["kind"] == DELETED]

    def _own(self, case: Case) -> builtins.list[Path]:
        """Folders of the models and the dataset that no other case uses."""
        others = [other for other in self.list() if other.id != case.id]
        shared = {digest for other in others for digest in (other.dataset, *other.models)}
        models = [self.workspace.model(d) for d in case.models if d not in shared]
        data = [] if case.dataset in shared else [self.workspace.dataset(case.dataset)]
        return [*models, *data]

    def _caches(self) -> builtins.list[Path]:
        folders = (self.workspace.root / "cache").glob("*")
        return [folder for folder in folders if not folder.name.startswith(TEMPORARY)]

    # --- writing --------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes from changing cases; not to be taken twice."""
        with plain_errors():
            file = (self.workspace.root / LOCK).open("ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, case: Case) -> None:
        write_json(self.workspace.case(case.id) / CASE, dataclasses.asdict(case))


def _read(path: Path) -> Case:
    content = read_json(path)
    return Case(**{**content, "models": tuple(content["models"])})


def _changed(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def _name_of(model: Path) -> str:
    """A model's name; nothing where its folder is gone already, as after a purge that was cut off."""
    return str(read_json(model / "model.json")["name"]) if model.is_dir() else ""


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "case"


def _mentions(path: Path, names: Iterable[str]) -> bool:
    """Whether a cached result was made from one of these; one that does not say counts as such."""
    if not path.exists():
        return True
    text = path.read_text(encoding="utf-8")
    return any(name in text for name in names)


def _used(run: Run, digest: str) -> bool:
    """Whether a run used or made a model."""
    names = [digest]
    done = run.state == "done"
    return _mentions(run.folder / REQUEST, names) or (
        done and _mentions(run.folder / RESULT / VALUES, names)
    )
