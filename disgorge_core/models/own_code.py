"""Networks of the user's own code: only what the person who started the program named is ever imported.

`python -m disgorge_core open --model mypackage.nets:build` sets `ALLOWED` for the app and its workers; a
model then remembers the name "mypackage.nets:build", and loading it calls `build()`. Nothing in an
upload can set it.
"""

from __future__ import annotations

import importlib
import os

from torch import nn

from disgorge_core.errors import BadModel

ALLOWED = "DISGORGE_OWN_CODE"


def named(architecture: str) -> bool:
    """Whether an architecture's name stands for the user's own code."""
    return ":" in architecture


def network(architecture: str) -> nn.Module | None:
    """A fresh network of the named code; None where its import was not allowed by the environment."""
    if not named(architecture) or os.environ.get(ALLOWED) != architecture:
        return None
    return build(architecture)


def build(name: str) -> nn.Module:
    """Call "package.module:function" and check that it gives a network; raises BadModel."""
    module, _, function = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise BadModel(
            f"{name!r} cannot be imported: {error}.",
            "Start from the folder that holds the package and write package.module:function.",
        ) from None
    if not isinstance(made, nn.Module):
        raise BadModel(f"{name!r} gives a {type(made).__name__}.", "Let it return an nn.Module.")
    return made
