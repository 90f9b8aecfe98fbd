"""The pickle of a state dict, carried out without Python's unpickler: it can say nothing but tensors.

`torch.save` writes pickle words of protocol 2. The few that a dictionary of tensors needs are carried
out here on plain values; a name stands for one of a fixed list and is never looked up. Source: the
comments of Python's `pickletools`, and the layout of `torch.save`: storages are persistent ids.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from disgorge_core.errors import BadModel

KINDS = {
    "Float": "F32", "Double": "F64", "Half": "F16", "BFloat16": "BF16", "Long": "I64", "Int": "I32",
    "Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL",
}  # fmt: skip
STORAGES = {f"torch {name}Storage": kind for name, kind in KINDS.items()}
ORDERED = "collections OrderedDict"
TENSOR, PARAMETER = "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"
ALLOWED = {ORDERED, TENSOR, PARAMETER, "torch Size", *STORAGES}
LARGEST = 8 * 2**20  # bytes of a pickle
REMEDY = "Write it with torch.save(model.state_dict(), 'model.pt')."


@dataclass(frozen=True)
class Name:
    """One of the allowed names."""

    text: str


@dataclass(frozen=True)
class Storage:
    """Numbers of one type in a member of the archive."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True)
class Strided:
    """A tensor as a view of a storage; offset and strides count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def value_of(content: bytes) -> Any:
    """What the pickle says, in dicts, lists, plain values and `Strided`; raises BadModel."""
    if len(content) > LARGEST:
        raise BadModel("The list of tensors in the file is too long.", REMEDY)
    machine = Machine()
    try:
        for op, argument, _ in pickletools.genops(content):
            machine.do(op.name, argument)
    except (ValueError, TypeError, IndexError, KeyError, UnicodeError, OverflowError):
        raise BadModel("The state dict is damaged.", REMEDY) from None
    if len(machine.stack) != 1:
        raise BadModel("The state dict is damaged.", REMEDY)
    return machine.stack[0]


def foreign(name: str) -> BadModel:
    """The refusal of anything that is no tensor."""
    shown = ".".join(name.split())[:80]
    shown = shown if shown.isprintable() else "an object"
    return BadModel(
        f"The file holds {shown}, not tensors only: a whole module or other objects were saved.",
        REMEDY,
    )


class Machine:
    """A stack, marks on it and a memory, as pickle's words use them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}

    def do(self, word: str, argument: Any) -> None:
        """Carry out one word; raises BadModel for one that only objects need."""
        if word in PLAIN:
            self.stack.append(argument)
        elif word in FIXED:
            self.stack.append(FIXED[word]())
        elif word in ACTS:
            ACTS[word](self, argument)
        elif word not in NOTHING:
            raise foreign("an object")

    def named(self, argument: Any) -> None:
        """Push an allowed name."""
        if argument not in ALLOWED:
            raise foreign(str(argument))
        self.stack.append(Name(argument))

    def mark(self, _: Any) -> None:
        """Mark this place of the stack."""
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        """Take what lies above the last mark."""
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def take(self, count: int) -> list[Any]:
        """Take the topmost values; raises IndexError where there are fewer above the last mark."""
        if len(self.stack) - count < (self.marks[-1] if self.marks else 0):
            raise IndexError
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def tuple(self, argument: Any) -> None:
        """Push what lies above the mark as a tuple."""
        self.stack.append(tuple(self.since_mark()))

    def append(self, some: list[Any]) -> None:
        """Put values at the end of the list on top."""
        if type(self.stack[-1]) is not list:
            raise TypeError
        self.stack[-1].extend(some)

    def fill(self, some: list[Any]) -> None:
        """Put keys and values in turn into the dictionary on top."""
        keys, values, target = some[::2], some[1::2], self.stack[-1]
        if type(target) is not dict or not all(isinstance(k, KEYS) for k in keys):
            raise TypeError
        target.update(zip(keys, values, strict=True))

    def keep(self, place: int) -> None:
        """Remember the value on top."""
        self.memory[place] = self.stack[-1]

    def stored(self, _: Any) -> None:
        """Turn a persistent id into the storage that it names."""
        (found,) = self.take(1)
        what, kind, key, _, count = found
        if what != "storage" or type(kind) is not Name or type(key) is not str:
            raise ValueError
        self.stack.append(Storage(key, STORAGES[kind.text], _whole(count)))

    def call(self, _: Any) -> None:
        """Build what an allowed name and its arguments stand for."""
        name, arguments = self.take(2)
        if type(name) is not Name or type(arguments) is not tuple:
            raise TypeError
        self.stack.append(_built(name.text, arguments))

    def state(self, _: Any) -> None:
        """Drop the attributes of a dictionary; nothing else may have any."""
        self.take(1)
        if type(self.stack[-1]) is not dict:
            raise foreign("an object")


def _built(name: str, arguments: tuple[Any, ...]) -> Any:
    if name == ORDERED and not arguments:
        return {}
    if name == "torch Size":
        return tuple(map(_whole, arguments[0]))
    if name == PARAMETER and isinstance(arguments[0], Strided):
        return arguments[0]
    if name == TENSOR:
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, Storage) or len(shape) != len(strides):
            raise ValueError
        sides, steps = tuple(map(_whole, shape)), tuple(map(_whole, strides))
        return Strided(storage, _whole(offset), sides, steps)
    raise ValueError


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 2**40:
        raise ValueError
    return value


KEYS = str | int | float | bool | None
PLAIN = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "BINUNICODE",
    "SHORT_BINUNICODE", "SHORT_BINSTRING", "BINSTRING", "UNICODE",
}  # fmt: skip
FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict,
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
ACTS: dict[str, Callable[[Machine, Any], None]] = {
    "GLOBAL": Machine.named, "MARK": Machine.mark, "TUPLE": Machine.tuple,
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.take(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.take(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.take(3))),
    "APPEND": lambda m, _: m.append(m.take(1)), "APPENDS": lambda m, _: m.append(m.since_mark()),
    "SETITEM": lambda m, _: m.fill(m.take(2)), "SETITEMS": lambda m, _: m.fill(m.since_mark()),
    "BINPUT": Machine.keep, "LONG_BINPUT": Machine.keep, "PUT": Machine.keep,
    "BINGET": lambda m, at: m.stack.append(m.memory[at]),
    "LONG_BINGET": lambda m, at: m.stack.append(m.memory[at]),
    "GET": lambda m, at: m.stack.append(m.memory[at]),
    "BINPERSID": Machine.stored, "REDUCE": Machine.call, "BUILD": Machine.state,
}  # fmt: skip
NOTHING = {"PROTO", "STOP", "FRAME"}
