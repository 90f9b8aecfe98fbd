"""From a Hugging Face folder to a head behind a backbone: built once, looked at, and laid down as our own."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.data.preprocessing import behind
from disgorge_core.errors import BadModel
from disgorge_core.models.backbones import pretrained
from disgorge_core.models.backbones.backbone import (
    About,
    Backbone,
    last_place,
    of_pieces,
    read_backbone,
    write_about,
)
from disgorge_core.models.backbones.beside import check_beside, in_words_of
from disgorge_core.models.backbones.head import Head, head_layers
from disgorge_core.models.backbones.network import bounded_memory, built, in_words
from disgorge_core.models.backbones.pictures import Pictures, read_pictures
from disgorge_core.models.backbones.pretrained import Pretrained
from disgorge_core.models.backbones.texts import Texts, read_tokenizer, stated_length
from disgorge_core.models.reading.pretrained_zip import PICTURES, WEIGHTS
from disgorge_core.models.weights import Weights
from disgorge_core.types import Dataset

PROBES = (
    "One.",
    "Two words, or three.",
    "And here is a sentence that is a little longer: so be it!",
)
TRIAL = 2**31  # bytes that a first pass may take


def matched(found: Pretrained, data: Dataset) -> Weights:
    """The weights of the head, its layers, and the backbone before it; raises BadModel."""
    check_beside(found, data)
    backbone, head, state = taken_apart(found)
    return Weights(
        state, ordered=True, layers=head.layers, notes=(*found.notes, HISTORY),
        preprocessing=behind(backbone), classes=in_words_of(data, found.labels),
    )  # fmt: skip


HISTORY = (
    "Only the head is trained here. What the backbone was trained on is unknown and stays in it."
)


def taken_apart(found: Pretrained) -> tuple[Backbone, Head, Mapping[str, Tensor]]:
    """Backbone, head, and the weights of the head under the names that they came with."""
    place = Path(tempfile.mkdtemp(prefix="disgorge-backbone-"))
    try:
        staged = place / "staged"
        staged.mkdir()
        (staged / WEIGHTS).symlink_to((found.folder / WEIGHTS).resolve())
        network = built(staged, found, found.outputs)
        _check_finite(network)
        with in_words("read a record"), bounded_memory(TRIAL):
            reader = _reader(found, network)
            head, width = _head(network, reader)
        state = {name: network.state_dict()[name].clone() for name in head.weights}
        backbone = _laid_down(place / "backbone", found, network, head, width, reader)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if backbone.folder.parent == place:
        backbone.__dict__.setdefault("network", network)
        weakref.finalize(backbone, shutil.rmtree, place, ignore_errors=True)
    else:  # the same one was met before
        shutil.rmtree(place, ignore_errors=True)
    return backbone, head, state


def _check_finite(network: nn.Module) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise BadModel(
                f"The weights {name[:80]!a} hold values that are infinite or not a number.",
                "Take a checkpoint from before the training diverged.",
            )


# --- how records are read -----------------------------------------------------------------------


def _reader(found: Pretrained, network: nn.Module) -> Texts | Pictures:
    if found.kind == "image":
        said = pretrained.read_json(found.folder / PICTURES)
        return read_pictures(said, int(getattr(network.config, "num_channels", 3)))
    pieces = int(network.get_input_embeddings().num_embeddings)  # type: ignore[operator]
    positions = int(getattr(network.config, "max_position_embeddings", 0) or 0)
    length = stated_length(found.folder, positions)
    padding = int(getattr(network.config, "pad_token_id", 0) or 0)
    for tried in (length, length - padding - 1):  # some count positions from behind the padding
        reader = read_tokenizer(found.folder, pieces, tried)
        if _reads_all(network, reader):
            return reader
    raise BadModel("The network cannot read as many pieces as it says.", "Save the folder again.")


def _reads_all(network: nn.Module, reader: Texts) -> bool:
    """Whether the network takes a text of the full length."""
    numbers = reader.numbers(PROBES[1])
    longest = [numbers[0], *[numbers[len(numbers) // 2]] * (reader.length - 2), numbers[-1]]
    try:
        with torch.inference_mode():
            network(**of_pieces(longest))
    except (IndexError, RuntimeError):
        return False
    return True


def _head(network: nn.Module, reader: Texts | Pictures) -> tuple[Head, int]:
    """The head, and how many numbers it reads."""
    probes = _probes(network, reader)
    head = head_layers(network, probes)
    seen: list[Tensor] = []
    handle = network.get_submodule(head.first).register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    with torch.inference_mode():
        network(**probes[0])
    handle.remove()
    return head, int(last_place(seen[0]).shape[1])


def _probes(network: nn.Module, reader: Texts | Pictures) -> list[dict[str, Tensor]]:
    if isinstance(reader, Texts):
        return [of_pieces(reader.numbers(text)) for text in PROBES]
    side = getattr(network.config, "image_size", None) or 64
    sides = side if isinstance(side, list | tuple) else (side, side)
    rng, channels = np.random.default_rng(0), reader.channels
    pictures = rng.integers(0, 256, (len(PROBES), *map(int, sides), channels), dtype=np.uint8)
    return [{"pixel_values": torch.from_numpy(reader.pixels(one))[None]} for one in pictures]


# --- as our own folder --------------------------------------------------------------------------


def _laid_down(
    folder: Path, found: Pretrained, network: Any, head: Head, width: int, reader: Texts | Pictures
) -> Backbone:
    """The backbone, in a folder that holds neither the weights of the head nor a file without use."""
    own = set(head.weights)
    state = {name: value for name, value in network.state_dict().items() if name not in own}
    network.save_pretrained(str(folder), state_dict=state)
    for name in pretrained.kept_files(found.folder):
        (folder / name).write_bytes(pretrained.read_bytes(found.folder / name))
    about = About(
        kind=found.kind, family=found.family, width=width, first=head.first, outputs=found.outputs,
        parameters=sum(p.numel() for name, p in network.named_parameters() if name not in own),
        head=head.weights,
        length=reader.length if isinstance(reader, Texts) else 0,
        channels=reader.channels if isinstance(reader, Pictures) else 0,
    )  # fmt: skip
    write_about(folder, about)
    return read_backbone(folder)
