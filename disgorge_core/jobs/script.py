"""A run as a script of a few lines that does the same again with the public names of the library.

Whatever stands in it that was written by others (names, filters) goes through `repr`, so that no text of a
dataset becomes code.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count, islice
from pprint import pformat
from typing import Any

from disgorge_core.cases import Cases
from disgorge_core.jobs.references import FIRST_SEED
from disgorge_core.jobs.task import task_of
from disgorge_core.runs import Run

OPENING = """import os

os.environ["OMP_NUM_THREADS"] = "1"  # as the app works: the same bits
"""
LONGEST = 60  # characters of a name in a comment


def script(cases: Cases, run: Run) -> str:
    """Python that does a run again from its workspace; raises StoreError for what is gone."""
    write = WRITERS.get(str(run.request.get("task")), _queued)
    return write(_Run(cases, run))


class _Run:
    """A run with what its script has to say of the case."""

    def __init__(self, cases: Cases, run: Run) -> None:
        self.cases, self.run = cases, run
        self.case = cases.get(run.case_id)
        known = run.request.get("task") in WRITERS
        self.request = asdict(task_of(run.request)) if known else run.request

    def opening(self, *imports: str) -> list[str]:
        """Imports, then the case's data."""
        card = self.cases.dataset_card(self.case.dataset)
        root = str(self.cases.workspace.root)
        return [
            OPENING,
            *imports,
            "import disgorge_core as dg",
            "",
            f"cases = dg.Cases(dg.Workspace({root!r}))",
            f"data = cases.dataset({self.case.dataset!r}){_comment(card['name'])}",
        ]

    def model(self, digest: str, name: str = "model") -> str:
        """The line that opens a model."""
        title = self.cases.model_card(digest)["name"]
        return f"{name} = cases.model({digest!r}){_comment(title)}"

    def forget(self) -> str:
        """The line that opens the forget set."""
        fid = self.request["forget"]
        title = self.cases.forget(self.case.id, fid).name
        return f"forget = cases.forget({self.case.id!r}, {fid!r}){_comment(title)}"

    def earlier(self) -> list[str]:
        """Ids of the forget sets that the model is already rid of."""
        saved = self.cases.forget_sets(self.case.id)
        known = {forget.digest: fid for fid, forget, _ in saved}
        excluded = self.cases.model_card(self.request["model"])["lineage"]["excluded"]
        return [known[digest] for digest in excluded if digest in known]

    def check(self, name: str, what: str) -> list[str]:
        """The line that holds the new model against the run's."""
        if self.run.state != "done":
            return []
        digest = self.run.result().values[name]
        return [f'print("The same model as the run made:", {what}.digest == {digest!r})']


def _removal(r: _Run) -> str:
    request, earlier, seeds = r.request, r.earlier(), _seeds(r)
    excluded = {"excluded": _Code("earlier")} if earlier else {}
    call = {"method": request["method"], "seed": request["seed"], **excluded, **request["settings"]}
    return _text(
        *r.opening(*["import numpy as np"] * bool(seeds)),
        r.model(request["model"]),
        r.forget(),
        *(
            [f"earlier = [cases.forget({r.case.id!r}, fid) for fid in {earlier}]"]
            if earlier
            else []
        ),
        "",
        _call("outcome = dg.disgorge", ("model", "data", "forget"), call),
        "print(outcome.claim)",
        *r.check("after", "outcome.model"),
        *(_references(r, seeds, bool(earlier)) if seeds else []),
    )


def _references(r: _Run, seeds: list[int], earlier: bool) -> list[str]:
    """The same reference models as the run's, and the scores beside them."""
    known = r.cases.model_card(r.request["model"])["seen"] is not None
    seen = "np.isin(data.ids.astype(str), model.seen) & " if known else ""
    masks = "np.logical_or.reduce([one.mask(data) for one in earlier])"
    return [
        "",
        "# models that never saw the records, to compare with",
        *([f"gone = {masks}"] if earlier else []),
        f"keep = {seen}~forget.mask(data){' & ~gone' if earlier else ''}",
        f"stack = dg.refit_many(model, data, keep=np.stack([keep] * {len(seeds)}), seeds={seeds})",
        "comparison = dg.compare(",
        "    model, outcome.model, data, forget.mask(data), stack.models,",
        *(["    excluded=gone,"] if earlier else []),
        ")",
        "print(dg.overview(comparison, data).to_string())",
    ]


def _seeds(r: _Run) -> list[int]:
    """Seeds of the references, as `jobs.references` chooses them; none where no recipe is known."""
    card = r.cases.model_card(r.request["model"])
    recipe = card["recipe"]
    if recipe is None or card["seen"] is None:
        return []
    taken = {r.request["seed"], recipe["seed"]}
    return list(islice((s for s in count(FIRST_SEED) if s not in taken), r.request["references"]))


def _training(r: _Run) -> str:
    request = r.request
    call = {
        "architecture": request["architecture"],
        "settings": request["settings"],
        "recipe": _Code(_inline("dg.Recipe", request["recipe"])),
        "regime": _regime(request["regime"]),
        "exclude": _left_out(request.get("leave_out", "")),
        "name": request["label"],
    }
    given = {name: value for name, value in call.items() if value}
    return _text(
        *r.opening(), "", _call("model = dg.fit", ("data",), given), "print(model.digest)",
        *r.check("model", "model"),
    )  # fmt: skip


def _left_out(text: str) -> _Code | None:
    return _Code(f"dg.ForgetSet.where(data, {text!r}).mask(data)") if text.strip() else None


def _regime(values: Mapping[str, Any]) -> _Code | None:
    settings = {name: value for name, value in values.items() if name != "name"}
    return _Code(_inline(f"dg.REGIMES[{values['name']!r}]", settings)) if values else None


def _influence(r: _Run) -> str:
    request = r.request
    call = {"estimator": request["estimator"], "target": request["target"], **request["settings"]}
    return _text(
        *r.opening("import numpy as np"),
        r.model(request["model"]),
        r.forget(),
        "",
        'queries = np.concatenate([data.rows("validation"), data.rows("test")])',
        "queries = queries[~forget.mask(data)[queries]]",
        _call("scores = dg.influence", ("model", "data", "queries"), call),
        "print(scores.unit, scores.of(forget))",
    )


def _map(r: _Run) -> str:
    request = r.request
    opened = [r.model(digest, f"model_{k}") for k, digest in enumerate(request["models"])]
    models = ", ".join(f"model_{k}" for k in range(len(opened)))
    call = {"projection": request["projection"], "layer": request["layer"]}
    return _text(
        *r.opening(), *opened, "", _call("view = dg.embed", (f"[{models}]", "data"), call),
        "print(view.positions)",
    )  # fmt: skip


def _bringing(r: _Run) -> str:
    """The file that a browser sent is kept no longer than its run: its owner names it again."""
    request = r.request
    trained_on = request["trained_on"]
    recipe = _Code(_inline("dg.Recipe", request["recipe"])) if request["recipe"] else None
    call = {
        "dataset": _Code("data"),
        "name": request["label"],
        "trained_on": trained_on,
        "recipe": recipe,
    }
    whole = ["model = whole_of(model, data)"] if request["head"] == "whole" else []
    fresh = [*whole, "model = dg.refit(model, data, keep=np.ones(len(data), dtype=bool))"]
    more = ["from disgorge_core.models.backbones.whole import whole_of"] if whole else []
    return _text(
        *r.opening("import numpy as np", *more),
        "",
        _call("model = dg.load_model", (repr(request["path"]),), call),
        *(fresh if request["head"] != "keep" else []),
        "print(model.digest)",
    )


def _queued(r: _Run) -> str:
    """Any other task: the request itself, put into the queue again."""
    root = str(r.cases.workspace.root)
    return _text(
        "from disgorge_core.jobs import Lanes",
        "from disgorge_core.store import Workspace",
        "",
        f"lanes = Lanes(Workspace({root!r}))",
        "lanes.start()",
        f"run = lanes.submit({r.case.id!r}, {pformat(r.request, sort_dicts=False)})",
    )


WRITERS: Mapping[str, Callable[[_Run], str]] = {
    "disgorge": _removal, "train": _training, "influence": _influence, "embed": _map,
    "bring": _bringing,
}  # fmt: skip


class _Code(str):
    """A piece of the script that is code already."""


# --- text ---------------------------------------------------------------------------------------


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _comment(name: Any) -> str:
    return f"  # {str(name)[:LONGEST]!r}" if name else ""


def _call(function: str, first: tuple[str, ...], named: Mapping[str, Any]) -> str:
    """A call with one argument a line."""
    lines = [", ".join(first), *_arguments(named)]
    return "\n".join([f"{function}(", *(f"    {line}," for line in lines), ")"])


def _inline(function: str, named: Mapping[str, Any]) -> str:
    return f"{function}({', '.join(_arguments(named))})"


def _arguments(named: Mapping[str, Any]) -> list[str]:
    plain = all(name.isidentifier() and not keyword.iskeyword(name) for name in named)
    shown = {name: v if isinstance(v, _Code) else repr(v) for name, v in named.items()}
    if plain:
        return [f"{name}={value}" for name, value in shown.items()]
    return [f"**{dict(named)!r}"]
