"""A run as a script of a few lines that does the same again."""

from __future__ import annotations

from pprint import pformat
from typing import Any

from disgorge_core.jobs import Run
from pages.common.panels import View
from pages.common.services import cases, home


def script(view: View, run: Run) -> str:
    """Python that runs the request of a run with the library alone."""
    request = run.request
    if request["task"] == "disgorge":
        return _removal(view, request)
    return _task(view, request)


def _removal(view: View, request: dict[str, Any]) -> str:
    settings = pformat(dict(request["settings"]), sort_dicts=False)
    earlier = _earlier(view, request)
    lines = [
        *_opening(),
        f"data = cases.dataset({view.case.dataset!r})",
        f"model = cases.model({request['model']!r})",
        f"forget = cases.forget({view.case.id!r}, {request['forget']!r})",
        *(
            [f"earlier = [cases.forget({view.case.id!r}, fid) for fid in {earlier}]"]
            if earlier
            else []
        ),
        "",
        "outcome = disgorge(",
        f"    model, data, forget, {request['method']!r},",
        f"    seed={request['seed']}, settings={settings},",
        *(["    excluded=earlier,"] if earlier else []),
        ")",
        "print(outcome.claim)",
        "print(outcome.model.digest)",
    ]
    imports = ["from disgorge_core.cases import Cases", "from disgorge_core.store import Workspace",
               "from disgorge_core.verbs import disgorge"]  # fmt: skip
    return "\n".join([*imports, "", *lines]) + "\n"


def _earlier(view: View, request: dict[str, Any]) -> list[str]:
    """Ids of the forget sets that the model is already rid of."""
    known = {forget.digest: fid for fid, forget, _ in cases().forget_sets(view.case.id)}
    excluded = cases().model_card(request["model"])["lineage"]["excluded"]
    return [known[digest] for digest in excluded if digest in known]


def _opening() -> list[str]:
    return [f"cases = Cases(Workspace({str(home())!r}))"]


def _task(view: View, request: dict[str, Any]) -> str:
    return "\n".join(
        [
            "from disgorge_core.jobs import Lanes",
            "from disgorge_core.store import Workspace",
            "",
            f"lanes = Lanes(Workspace({str(home())!r}))",
            "lanes.start()",
            f"run = lanes.submit({view.case.id!r}, {pformat(request, sort_dicts=False)})",
        ]
    )
