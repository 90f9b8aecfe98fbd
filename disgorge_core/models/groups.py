"""From the names and shapes of a state dict to its layers with weights, in the order of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from disgorge_core.errors import BadModel

LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
NOT_PLAIN = re.compile(r"attn|attention|lstm|gru|rnn", re.IGNORECASE)
REMEDY = (
    "Give a layer list if the network is made of layers and residual blocks; "
    "wrap any other from a script: disgorge_core.wrap(module, data, recipe)."
)
UNORDERED = "Upload a .pt state dict, which keeps the order, or give the layer list."
MOST_STEPS = 20_000


@dataclass(frozen=True)
class Group:
    """One layer with weights: "conv2d", "linear", "batchnorm" or "norm" (group or layer norm)."""

    name: str
    kind: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    bias: bool = True

    @property
    def place(self) -> tuple[str, int | None]:
        """The container and the number in it: "features.3" → ("features", 3); None without number."""
        parent, _, last = self.name.rpartition(".")
        return (parent, int(last)) if last.isdecimal() else (self.name, None)

    def takes(self, channels: int) -> bool:
        """Can a convolution read so many channels: all of them at once, or each on its own?"""
        return self.inputs == channels or (self.inputs == 1 and self.outputs % channels == 0)


def gap(before: Group, after: Group) -> int | None:
    """How many modules without weights stand between two of one container; None if that is unknown."""
    (parent, first), (other, second) = before.place, after.place
    if parent != other or first is None or second is None or second <= first:
        return None
    return second - first - 1


def groups_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Group]:
    """The layers of a state dict in the file's order; raises BadModel for what is no plain layer."""
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        prefix, _, leaf = key.rpartition(".")
        if leaf not in LEAVES or NOT_PLAIN.search(prefix):
            raise BadModel(f"The weights {key[:80]!r} belong to no plain layer.", REMEDY)
        parts.setdefault(prefix, {})[leaf] = shape
    return [_group(name, leaves) for name, leaves in parts.items()]


def _group(name: str, leaves: Mapping[str, tuple[int, ...]]) -> Group:
    shape, bias = leaves.get("weight", ()), leaves.get("bias")
    if "running_mean" in leaves and len(shape) == 1 and bias == shape:
        return Group(name, "batchnorm", shape[0], shape[0])
    if len(shape) == 1 and bias == shape:
        return Group(name, "norm", shape[0], shape[0])
    if bias not in (None, shape[:1]) or 0 in shape or "running_mean" in leaves:
        raise BadModel(f"The layer {name[:80]!r} is no plain layer.", REMEDY)
    if len(shape) == 2:
        return Group(name, "linear", shape[1], shape[0], bias=bias is not None)
    if len(shape) == 4:
        return Group(name, "conv2d", shape[1], shape[0], (shape[2], shape[3]), bias is not None)
    raise BadModel(f"The layer {name[:80]!r} has weights of shape {shape}.", REMEDY)


# --- order --------------------------------------------------------------------------------------


def in_order(groups: Sequence[Group], shape: tuple[int, ...], outputs: int) -> list[Group]:
    """Layers of a file that lost their order, put so that each takes what the one before gives.

    Numbers in one container are followed; otherwise the natural order of names goes first. BadModel
    where no order fits.
    """
    queues: dict[str, list[Group]] = {}
    for group in sorted(groups, key=lambda g: (g.place[1] or 0, _natural(g.name))):
        queues.setdefault(group.place[0], []).append(group)
    waiting = sorted(queues.values(), key=lambda q: _natural(q[0].name))
    steps = iter(range(MOST_STEPS))
    found = next(_orders([], waiting, (shape[0], len(shape) == 3), outputs, steps), None)
    if found is None:
        raise BadModel("No order of the file's layers lets one follow the other.", UNORDERED)
    return found


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def _orders(
    done: list[Group],
    waiting: list[list[Group]],
    at: tuple[int, bool],
    outputs: int,
    steps: Iterator[int],
) -> Iterator[list[Group]]:
    if not waiting:
        if done[-1].kind == "linear" and done[-1].outputs == outputs:
            yield done
        return
    for queue in sorted(waiting, key=lambda q: _preference(done, q[0])):
        head = queue[0]
        if next(steps, None) is None:
            return
        if _fits(head, at, waiting):
            rest = [q[1:] if q is queue else q for q in waiting]
            width = at[0] if head.kind in ("norm", "batchnorm") else head.outputs
            spatial = at[1] and head.kind != "linear"
            yield from _orders(
                [*done, head], [q for q in rest if q], (width, spatial), outputs, steps
            )


def _preference(done: list[Group], head: Group) -> int:
    """Low: the next number of the same container, then the norm that carries the layer's number."""
    if not done:
        return 0
    last = done[-1]
    if head.place[0] == last.place[0]:
        return 0
    numbers = [re.findall(r"\d+", group.name) for group in (last, head)]
    norm = head.kind in ("norm", "batchnorm")
    return 1 if norm and numbers[0] == numbers[1] else 3 if norm else 2


def _fits(head: Group, at: tuple[int, bool], waiting: Sequence[Sequence[Group]]) -> bool:
    width, spatial = at
    if head.kind in ("norm", "batchnorm"):
        return head.inputs == width
    if head.kind == "conv2d":
        return spatial and head.takes(width)
    convs_left = any(group.kind == "conv2d" for queue in waiting for group in queue)
    if spatial:
        return not convs_left and head.inputs % width == 0
    return head.inputs == width
