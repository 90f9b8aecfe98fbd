"""Imports run one way, and heavy or screen libraries stay where they belong: read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVELS: tuple[tuple[str, ...], ...] = (
    ("errors", "words", "guide", "params"),
    ("types",),
    ("registry", "store", "compute", "limited", "sharding_plan"),
    ("data", "models", "runs"),
    ("training", "curvature", "features", "metrics"),
    ("privacy", "emulation"),
    ("regimes",),
    ("influence", "methods", "audit", "explain", "projections"),
    (
        "accounting",
        "disgorging",
        "planning",
        "calibration",
        "comparison",
        "foresight",
        "recipe_check",
        "auditing",
        "controls",
        "verbs",
    ),
    ("figures", "exports"),
    ("evidence",),
    ("examples",),
    ("cases",),
    ("jobs",),
    ("commands",),
)
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
# Within one level these may import each other, left to right; all other siblings may not.
CHAINS = (
    ("errors", "params"),
    ("data", "models"),
    (
        "accounting",
        "disgorging",
        "planning",
        "calibration",
        "comparison",
        "foresight",
        "recipe_check",
        "auditing",
        "controls",
        "verbs",
    ),
)
LAZY = ("umap", "captum", "sklearn", "skops", "transformers", "tokenizers", "opacus")
NOT_ON_PAGES = ("torch", *LAZY)


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path, *, top_only: bool = False) -> set[str]:
    """Dotted names that a file imports; with `top_only` those that run when it is imported."""
    tree = ast.parse(path.read_text())
    nodes = list(_at_import(tree)) if top_only else list(ast.walk(tree))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _at_import(node: ast.AST):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import(child)


def part_of(name: str) -> str:
    """The part of the library that a dotted name belongs to ("" for the package itself)."""
    parts = name.split(".")
    return parts[1] if parts[0] == "disgorge_core" and len(parts) > 1 else ""


def part_of_file(path: Path) -> str:
    return path.relative_to(ROOT / "disgorge_core").parts[0].removesuffix(".py")


def allowed(importer: str, target: str) -> bool:
    if importer == target or LEVEL_OF[target] < LEVEL_OF[importer]:
        return True
    chains = (chain for chain in CHAINS if importer in chain and target in chain)
    return any(chain.index(target) < chain.index(importer) for chain in chains)


def core_files() -> list[Path]:
    return [p for p in sources("disgorge_core") if part_of_file(p) != "__init__"]


def test_every_part_has_a_level():
    found = {part_of_file(path) for path in core_files()} - {"__main__"}
    assert found <= set(LEVEL_OF), found - set(LEVEL_OF)


def test_imports_run_one_way():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in core_files()
        if part_of_file(path) != "__main__"
        for name in imported(path)
        if part_of(name) in LEVEL_OF and not allowed(part_of_file(path), part_of(name))
    ]
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("importer", "target", "fine"),
    [
        ("types", "params", True),
        ("words", "types", False),
        ("models", "data", True),
        ("data", "models", False),
        ("training", "curvature", False),
        ("methods", "influence", False),
        ("verbs", "methods", True),
        ("verbs", "disgorging", True),
        ("disgorging", "verbs", False),
        ("metrics", "methods", False),
    ],
)
def test_the_rule_itself(importer, target, fine):
    assert allowed(importer, target) is fine


def test_the_library_knows_no_screen():
    wrong = [
        p.name for p in sources("disgorge_core") if _any_of(imported(p), ("streamlit", "pages"))
    ]
    assert not wrong, wrong


def test_pages_do_no_modelling():
    files = [*sources("pages"), *(p for p in [ROOT / "app.py"] if p.exists())]
    wrong = [str(p.relative_to(ROOT)) for p in files if _any_of(imported(p), NOT_ON_PAGES)]
    assert not wrong, wrong


def test_heavy_libraries_are_imported_when_used():
    files = sources("disgorge_core") + sources("pages")
    wrong = [str(p.relative_to(ROOT)) for p in files if _any_of(imported(p, top_only=True), LAZY)]
    assert not wrong, wrong


def test_importing_the_verbs_stays_light():
    heavy = (*LAZY, "streamlit")
    code = f"import sys, disgorge_core.verbs; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def _any_of(names: set[str], libraries: tuple[str, ...]) -> bool:
    return any(name.split(".")[0] in libraries for name in names)
