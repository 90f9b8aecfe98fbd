"""The bytes that the point map receives: a JSON header and typed buffers.

Layout: header length (u32, little-endian), header, padding to 4, then each buffer padded to 4. The
header's `buffers` lists (name, type, count). `assets/map_picture.js` reads the same layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.common.point_colours import Colours, digest_of

LABEL_LETTERS = 120
_STEPS = 65_535  # positions per side of the data's square


@dataclass(frozen=True)
class Feed:
    """One message that stays the same from run to run, named by the digest of its content."""

    digest: str
    payload: bytes


def feeds_of(
    digest: str,
    positions: NDArray,
    after: NDArray | None,
    colours: Colours,
    labels: Sequence[str] | None,
) -> dict[str, Feed]:
    """The messages for `positions` (n, 2), colours (n,) and labels (n,), made once per digest."""
    for name, part in (("positions_after", after), ("colours", colours), ("labels", labels)):
        if part is not None and len(part) != len(positions):
            raise ValueError(f"{name} has {len(part)} rows, positions has {len(positions)}.")
    places = f"places-{digest or _places_digest(positions, after)}"
    inks = f"colours-{colours.content_digest()}"
    feeds = {
        "positions": Feed(places, _positions_payload(places, positions, after)),
        "colours": Feed(inks, _colours_payload(inks, colours)),
    }
    if labels is not None:
        words = f"labels-{digest or digest_of(np.empty(0), labels)}"
        feeds["labels"] = Feed(words, _labels_payload(words, labels))
    return feeds


def view_payload(
    header: Mapping[str, Any],
    feeds: Mapping[str, Feed],
    selected: NDArray[np.bool_] | None,
    forget: NDArray[np.bool_] | None,
) -> bytes:
    """The view's message: which feeds it shows and the two masks (n,) as packed bits."""
    masks: dict[str, NDArray] = {}
    for name, mask in (("selected", selected), ("forget", forget)):
        if mask is not None:
            if mask.shape != (header["n"],) or mask.dtype != np.bool_:
                raise ValueError(f"{name} must be a bool mask of shape ({header['n']},).")
            masks[name] = np.packbits(mask, bitorder="little")
    named = {name: feed.digest for name, feed in feeds.items()}
    return pack({"kind": "view", **header, **named}, masks)


def pack(header: Mapping[str, Any], buffers: Mapping[str, NDArray]) -> bytes:
    """One message from a header and little-endian unsigned buffers."""
    listed = [(name, f"u{buffer.itemsize}", buffer.size) for name, buffer in buffers.items()]
    text = json.dumps({**header, "buffers": listed}).encode()
    parts = [len(text).to_bytes(4, "little") + text]
    parts += [np.ascontiguousarray(buffer).tobytes() for buffer in buffers.values()]
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def _places_digest(positions: NDArray, after: NDArray | None) -> str:
    return digest_of(positions, [] if after is None else [digest_of(after, [])])


@st.cache_resource(max_entries=12, show_spinner=False)
def _positions_payload(digest: str, _before: NDArray, _after: NDArray | None) -> bytes:
    """Positions as 16-bit steps on one square that holds them before and after."""
    layouts = {"before": _before} if _after is None else {"before": _before, "after": _after}
    every = np.concatenate(list(layouts.values())).reshape(-1, 2)
    if not np.isfinite(every).all():
        raise ValueError("Positions must be finite numbers.")
    low = every.min(axis=0) if len(every) else np.zeros(2)
    reach = np.ptp(every, axis=0) if len(every) else np.ones(2)
    square = float(reach.max()) or 1.0
    steps = {
        name: np.rint((layout - low) / square * _STEPS).astype("<u2")
        for name, layout in layouts.items()
    }
    header = {
        "kind": "positions",
        "digest": digest,
        "box": [*low.tolist(), square],
        "extent": [0.0, 0.0, *(reach / square).tolist()],
    }
    return pack(header, steps)


@st.cache_resource(max_entries=24, show_spinner=False)
def _colours_payload(digest: str, _colours: Colours) -> bytes:
    header = {"kind": "colours", "digest": digest, **_colours.legend()}
    return pack(header, {"codes": _colours.shown_codes()})


@st.cache_resource(max_entries=12, show_spinner=False)
def _labels_payload(digest: str, _labels: Sequence[str]) -> bytes:
    """All labels as one UTF-8 text, with the length in bytes of each."""
    encoded = [str(label)[:LABEL_LETTERS].encode() for label in _labels]
    lengths = np.array([len(text) for text in encoded], dtype="<u2")
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return pack({"kind": "labels", "digest": digest}, {"lengths": lengths, "text": text})
