"""What can go wrong, each with its remedy: every message is one plain sentence for the screen."""

from __future__ import annotations


class DisgorgeError(Exception):
    """A problem that the user can understand, with what to do about it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[DisgorgeError], tuple[str, str]]:
        """Travel whole between processes."""
        return type(self), (self.problem, self.remedy)


class BadData(DisgorgeError):
    """A dataset file or its contents cannot be used as they are."""


class BadModel(DisgorgeError):
    """A model file cannot be used, or does not fit the dataset."""


class BadQuery(DisgorgeError):
    """A filter is not in the grammar."""


class BadParam(DisgorgeError):
    """A parameter is out of its bounds."""


class BadForgetSet(DisgorgeError):
    """The records to remove cannot be removed (none, all, unknown ids)."""


class NotApplicable(DisgorgeError):
    """A method, check or estimator does not apply here; the remedy says how to get there."""


class Diverged(DisgorgeError):
    """A training became infinite or not-a-number."""


class Cancelled(DisgorgeError):
    """The user stopped the work."""


class StoreError(DisgorgeError):
    """The workspace could not be read or written (full disk, missing or damaged entry)."""
