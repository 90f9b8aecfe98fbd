"""A Hugging Face folder taken apart: built once, looked at, and laid down as files of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones import pretrained
from disgorge_core.models.backbones.backbone import About, last_place, of_pieces, write_about
from disgorge_core.models.backbones.head import Head, head_layers
from disgorge_core.models.backbones.network import built, in_words
from disgorge_core.models.backbones.pictures import Pictures, read_pictures
from disgorge_core.models.backbones.pretrained import Pretrained
from disgorge_core.models.backbones.texts import Texts, read_tokenizer, stated_length
from disgorge_core.models.reading.pretrained_zip import PICTURES, WEIGHTS

BACKBONE, HEAD = "backbone", "head.safetensors"  # in the limited process's folder
PROBES = (
    "One.",
    "Two words, or three.",
    "And here is a sentence that is a little longer: so be it!",
)


def laid_down(found: Pretrained, room: Path) -> Head:
    """The head of a folder, whose weights now lie in the room beside the backbone; raises BadModel."""
    staged = room / "staged"
    staged.mkdir()
    (staged / WEIGHTS).symlink_to((found.folder / WEIGHTS).resolve())
    network = built(staged, found, found.outputs)
    check_finite(network)
    with in_words("read a record"):
        reader = _reader(found, network)
        head, width = _head(network, reader)
    state = {name: network.state_dict()[name].contiguous() for name in head.weights}
    safetensors.torch.save_file(state, room / HEAD)
    _write(room / BACKBONE, found, network, head, width, reader)
    return head


def check_finite(network: nn.Module) -> None:
    """Raise BadModel for weights that are infinite or not a number."""
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise BadModel(
                f"The weights {name[:80]!a} hold values that are infinite or not a number.",
                "Take a checkpoint from before the training diverged.",
            )


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
        if reads_all(network, reader):
            return reader
    raise BadModel("The network cannot read as many pieces as it says.", "Save the folder again.")


def reads_all(network: nn.Module, reader: Texts) -> bool:
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
    inputs = [given(reader, one) for one in probes(network, reader)]
    head = head_layers(network, inputs)
    seen: list[Tensor] = []
    handle = network.get_submodule(head.first).register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    with torch.inference_mode():
        network(**inputs[0])
    handle.remove()
    return head, int(last_place(seen[0]).shape[1])


def probes(network: nn.Module, reader: Texts | Pictures) -> list[Any]:
    """A few records that every network of the kind should read: texts, or pictures of its own size."""
    if isinstance(reader, Texts):
        return list(PROBES)
    side = getattr(network.config, "image_size", None) or 64
    sides = side if isinstance(side, list | tuple) else (side, side)
    rng, channels = np.random.default_rng(0), reader.channels
    return list(rng.integers(0, 256, (len(PROBES), *map(int, sides), channels), dtype=np.uint8))


def given(reader: Texts | Pictures, record: Any) -> dict[str, Tensor]:
    """The network's arguments for a record."""
    if isinstance(reader, Texts):
        return of_pieces(reader.numbers(record))
    return {"pixel_values": torch.from_numpy(reader.pixels(record))[None]}


def _write(
    folder: Path, found: Pretrained, network: Any, head: Head, width: int, reader: Texts | Pictures
) -> None:
    """The backbone: neither the weights of the head nor a file without use."""
    own = set(head.weights)
    state = {name: value for name, value in network.state_dict().items() if name not in own}
    network.save_pretrained(str(folder), state_dict=state)
    for name in pretrained.kept_files(found.folder):
        (folder / name).write_bytes(pretrained.read_bytes(found.folder / name))
    about = About(
        kind=found.kind, family=found.family, width=width, first=head.first, outputs=found.outputs,
        parameters=parameters(network, head.weights), head=head.weights,
        length=reader.length if isinstance(reader, Texts) else 0,
        channels=reader.channels if isinstance(reader, Pictures) else 0,
    )  # fmt: skip
    write_about(folder, about)


def parameters(network: nn.Module, but: tuple[str, ...]) -> int:
    """How many numbers the network is, without the weights of these names."""
    return sum(value.numel() for name, value in network.named_parameters() if name not in but)
