"""Which software made a result."""

from __future__ import annotations

import platform
from importlib.metadata import version

PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "captum")


def versions() -> dict[str, str]:
    """Version of Python and of each package that numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
