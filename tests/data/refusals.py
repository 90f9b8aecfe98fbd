"""What every refusal owes: one short sentence with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.process import read_apart
from disgorge_core.errors import BadData


def refused(path: Path, limits: Limits | None = None) -> str:
    """The message that a file is refused with."""
    return refusal(read_apart, path, limits)


def refusal(call: Any, *arguments: Any, **parts: Any) -> str:
    """The message that a call is refused with."""
    with pytest.raises(BadData) as error:
        call(*arguments, **parts)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 400
    assert error.value.remedy
    return message
