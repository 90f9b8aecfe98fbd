"""Changes to a file that know how it is built: zips are packed again, JSON stays JSON, headers fit."""

from __future__ import annotations

import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from disgorge_core.limited.refusal import DAMAGE

Havoc = Callable[[bytes], bytes]
NASTY: tuple[Any, ...] = (
    0, -1, 1, 2, 7, 255, 2**31, 2**63, 2**64 - 1, 10**30, 0.5, 1e308, -0.0, "", "a", "x" * 300, "\ud800",
    "\0", "../x", "/etc/passwd", None, True, False, [], {}, [[]], [0], {"a": 1}, "relu", "train", "nan",
)  # fmt: skip
NAMES = (
    "../x",
    "/x",
    "a/b",
    "x.npy",
    "y.npy",
    "data.pkl",
    "train/a/x.png",
    "a.zip",
    "model.json",
    "q" * 300,
)
BITS = (b"\0", b"\xff\xff\xff\xff", b'"', b"\n", b"\r", b",", b"NaN", b"1e999", b"{", b"[", b"\xed\xa0\x80",
        b"-9223372036854775809", b"\xef\xbb\xbf", b"inf", b"\x80\x02", b"null")  # fmt: skip


UNREADABLE = (*DAMAGE, RuntimeError, TypeError)


def plain_havoc(draw: random.Random) -> Havoc:
    """A few bytes changed, put in, taken out, doubled or moved."""

    def change(content: bytes) -> bytes:
        some = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            at, other = draw.randint(0, len(some)), draw.randint(0, len(some))
            what = draw.randrange(6)
            if what == 0 and at < len(some):
                some[at] ^= 1 << draw.randrange(8)
            elif what == 1 and at < len(some):
                some[at] = draw.randrange(256)
            elif what == 2:
                some[at:at] = draw.choice(BITS)
            elif what == 3:
                del some[at : at + draw.randint(1, 16)]
            elif what == 4:
                some[other:other] = some[at : at + draw.randint(1, 64)]
            else:
                some[at : at + 4] = draw.choice((b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x01\0\0\0"))
        return bytes(some)

    return change


def mutated(content: bytes, draw: random.Random, havoc: Havoc) -> bytes:
    """A file that is a little other than this one."""
    if draw.random() < 0.1:
        return havoc(content)
    try:
        if content[:2] == b"PK":
            return _zip(content, draw, havoc)
        if content[:6] == b"\x93NUMPY":
            return _array(content, draw, havoc)
        if content[8:9] == b"{":
            return _tensors(content, draw, havoc)
        if content[:1] in (b"{", b"["):
            return _json(content, draw, havoc)
    except UNREADABLE:
        pass
    return havoc(content)


def _zip(content: bytes, draw: random.Random, havoc: Havoc) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [(m.filename, archive.read(m), m.compress_type) for m in archive.infolist()]
    at = draw.randrange(len(files))
    name, inner, how = files[at]
    what = draw.random()
    if what < 0.75:
        files[at] = (name, mutated(inner, draw, havoc), how)
    elif what < 0.83:
        files[at] = (draw.choice((*NAMES, draw.choice(files)[0])), inner, how)
    elif what < 0.88:
        del files[at]
    elif what < 0.94:
        files.append((draw.choice((*NAMES, name)), inner, how))
    else:
        files[at] = (name, inner, zipfile.ZIP_DEFLATED if how == 0 else zipfile.ZIP_STORED)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as out:
        warnings.simplefilter("ignore")
        for name, inner, how in files:
            out.writestr(name, inner, how if how in (0, 8) else 0)
    return buffer.getvalue()


def _array(content: bytes, draw: random.Random, havoc: Havoc) -> bytes:
    """The words of an array's header, or its numbers."""
    if draw.random() < 0.4:
        return content[:128] + havoc(content[128:])
    length = int.from_bytes(content[8:10], "little")
    head = content[10 : 10 + length].decode("latin1").rstrip()
    numbers = re.findall(r"\d+", head)
    old = draw.choice([*numbers, "<f8", "False", "|u1", "<i8"])
    new = str(
        draw.choice(
            (
                "0",
                "-1",
                "1",
                "99",
                "9" * 20,
                "|O",
                "<U9",
                "True",
                "<M8",
                "|S4",
                "<c16",
                "|V8",
                ">i2",
            )
        )
    )
    head = head.replace(old, new, 1).ljust(length - 1)[: length - 1] + "\n"
    return content[:10] + head.encode("latin1") + content[10 + length :]


def _tensors(content: bytes, draw: random.Random, havoc: Havoc) -> bytes:
    length = int.from_bytes(content[:8], "little")
    head, body = content[8 : 8 + length], content[8 + length :]
    if draw.random() < 0.3:
        return content[: 8 + length] + havoc(body)
    head = _json(head, draw, havoc)
    return len(head).to_bytes(8, "little") + head + body


def _json(content: bytes, draw: random.Random, havoc: Havoc) -> bytes:
    first, rest = content, b""
    if b"}\n{" in content:  # lines: one of them
        lines = content.split(b"\n")
        at = draw.randrange(len(lines))
        lines[at] = _json(lines[at], draw, havoc) if lines[at][:1] == b"{" else havoc(lines[at])
        return b"\n".join(lines)
    value = json.loads(first)
    for _ in range(draw.randint(1, 2)):
        _change(value, draw)
    return json.dumps(value).encode() + rest


def _change(value: Any, draw: random.Random) -> None:
    """One node of a JSON value becomes something else, goes, or comes twice."""
    places = list(_places(value))
    if not places:
        return
    holder, key = draw.choice(places)
    what = draw.random()
    if isinstance(holder[key], str) and holder[key][:1] in "[{" and what < 0.6:
        inner = json.loads(holder[key] or "0")
        _change(inner, draw)
        holder[key] = json.dumps(inner)
    elif what < 0.7:
        holder[key] = draw.choice(NASTY)
    elif what < 0.8:
        other, place = draw.choice(places)
        holder[key] = json.loads(json.dumps(other[place]))
    elif what < 0.9:
        del holder[key]
    elif isinstance(holder, list):
        holder.append(json.loads(json.dumps(holder[key])))
    else:
        holder[str(draw.choice(("a", "__metadata__", "", "x" * 300)))] = holder[key]


def _places(value: Any) -> Any:
    keys = (
        value.keys()
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
