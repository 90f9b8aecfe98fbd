"""Pictures for tests, as files of any kind that Pillow writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def pixels(height: int = 8, width: int = 6, channels: int = 0) -> Any:
    """Random pixels; grey ones have no third axis."""
    shape = (height, width, channels) if channels else (height, width)
    return RNG.integers(0, 256, shape).astype(np.uint8)


def encoded(array: Any, kind: str = "PNG", **how: Any) -> bytes:
    """A picture file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **how)
    return buffer.getvalue()


def zipped(path: Path, files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of these files."""
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
