"""What the words are made of: arrays, plain values and their digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a plain value (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
