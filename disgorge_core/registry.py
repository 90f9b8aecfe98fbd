"""One file per extension: a registry finds every item by walking its package."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from disgorge_core.errors import DisgorgeError

T = TypeVar("T", bound=type)


class Registry(Generic[T]):
    """Named classes of one kind, discovered on first use in `package` and its entry-point group."""

    def __init__(self, kind: str, package: str, group: str = "") -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._items: dict[str, T] = {}
        self._discovered = self._discovering = False
        self._lock = threading.RLock()  # pages of several users look at once

    def register(self, item: T) -> T:
        """Add a class under its `name`; a duplicate name is an error."""
        name = item.name  # type: ignore[attr-defined]
        if name in self._items and self._items[name].__module__ != item.__module__:
            raise ValueError(f"two {self.kind}s are named {name!r}")
        self._items[name] = item
        return item

    def __getitem__(self, name: str) -> T:
        """The class of that name; raises DisgorgeError that lists the known names."""
        self._discover()
        if name not in self._items:
            known = ", ".join(self)
            raise DisgorgeError(f"There is no {self.kind} named {name!r}.", f"Known are: {known}.")
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of each item's `order` and then the alphabet."""
        self._discover()
        return iter(sorted(self._items, key=lambda n: (getattr(self._items[n], "order", 100), n)))

    def __len__(self) -> int:
        self._discover()
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._items

    def values(self) -> list[T]:
        """The classes, in the order of iteration."""
        return [self._items[name] for name in self]

    def _discover(self) -> None:
        if self._discovered:
            return
        with self._lock:
            if not self._discovered and not self._discovering:
                self._discovering = True  # an imported module may look here itself
                try:
                    self._import_all()
                    self._discovered = True
                finally:
                    self._discovering = False

    def _import_all(self) -> None:
        package = importlib.import_module(self._package)
        for found in pkgutil.walk_packages(package.__path__, f"{self._package}."):
            importlib.import_module(found.name)
        for point in entry_points(group=self._group) if self._group else ():
            point.load()


ARCHITECTURES: Registry[Any] = Registry(
    "architecture", "disgorge_core.models.architectures", "disgorge.architectures"
)
DATA_FORMATS: Registry[Any] = Registry("dataset format", "disgorge_core.data.formats")
MODEL_FORMATS: Registry[Any] = Registry("model format", "disgorge_core.models.formats")
RULES: Registry[Any] = Registry("prediction rule", "disgorge_core.models.rules")
REGIMES: Registry[Any] = Registry("regime", "disgorge_core.regimes", "disgorge.regimes")
METHODS: Registry[Any] = Registry("method", "disgorge_core.methods", "disgorge.methods")
ESTIMATORS: Registry[Any] = Registry("influence estimator", "disgorge_core.influence")
PROJECTIONS: Registry[Any] = Registry("projection", "disgorge_core.projections")
VIEWS: Registry[Any] = Registry("attribution view", "disgorge_core.explain")
EXAMPLES: Registry[Any] = Registry("worked example", "disgorge_core.examples")
CHECKS: Registry[Any] = Registry("check", "disgorge_core.audit.checks")
TASKS: Registry[Any] = Registry("task", "disgorge_core.jobs.tasks")
COMMANDS: Registry[Any] = Registry("command", "disgorge_core.commands")
