"""From a Hugging Face folder to a head behind a backbone, as the limited process laid them down."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from disgorge_core.data.preprocessing import behind
from disgorge_core.errors import BadModel
from disgorge_core.limited.process import Bounds, run_apart
from disgorge_core.models.backbones.apart import BACKBONE, HEAD
from disgorge_core.models.backbones.backbone import Backbone, read_backbone
from disgorge_core.models.backbones.beside import check_beside, in_words_of
from disgorge_core.models.backbones.pretrained import Pretrained
from disgorge_core.models.blueprint import layers_from_plain
from disgorge_core.models.reading.pretrained_zip import WEIGHTS
from disgorge_core.models.reading.process import read_tensors
from disgorge_core.models.weights import Weights
from disgorge_core.types import Dataset, Layer

CHILD = "disgorge_core.models.backbones.child"
GB = 2**30
HISTORY = (
    "Only the head is trained here. What the backbone was trained on is unknown and stays in it."
)


def matched(found: Pretrained, data: Dataset) -> Weights:
    """The weights of the head, its layers, and the backbone before it; raises BadModel."""
    check_beside(found, data)
    backbone, layers, state = taken_apart(found)
    return Weights(
        state, ordered=True, layers=layers, notes=(*found.notes, HISTORY),
        preprocessing=behind(backbone), classes=in_words_of(data, found.labels),
    )  # fmt: skip


def taken_apart(found: Pretrained) -> tuple[Backbone, tuple[Layer, ...], Mapping[str, Tensor]]:
    """Backbone, layers of the head, and their weights under the names that they came with; BadModel."""
    with _room() as room:
        said = run_apart(f"{CHILD}:take_apart", found.folder, room, bounds(found.folder), BadModel)
        state, _ = read_tensors(room / HEAD)
        return _taken_over(room), layers_from_plain(said["layers"]), state


def again(folder: Path) -> Backbone:
    """A backbone in our own layout that somebody brings, found to be what it says; raises BadModel."""
    with _room() as room:
        run_apart(f"{CHILD}:again", folder, room, bounds(folder), BadModel)
        return _taken_over(room)


def bounds(folder: Path) -> Bounds:
    """What one opening may use, by the size of the weights; in float16 they become twice as large."""
    path = folder / WEIGHTS
    size = path.stat().st_size if path.is_file() else 0
    cpu = 120 + size // 2**21  # 440 MB: 5 minutes and a half
    return Bounds(memory=2 * GB + 6 * size, disk=GB // 4 + 2 * size, cpu=cpu, wall=4 * cpu)


@contextmanager
def _room() -> Iterator[Path]:
    """A folder for the limited process, which goes where nothing comes of it."""
    room = Path(tempfile.mkdtemp(prefix="disgorge-backbone-"))
    try:
        yield room
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise


def _taken_over(room: Path) -> Backbone:
    """The backbone in a room, which goes when the backbone is used no more."""
    backbone = read_backbone(room / BACKBONE)
    if room in backbone.folder.parents:
        weakref.finalize(backbone, shutil.rmtree, room, ignore_errors=True)
    else:  # the same one was met before
        shutil.rmtree(room, ignore_errors=True)
    return backbone
