"""A backbone in our own layout that comes back from elsewhere: copied, built, and held to what it says."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from disgorge_core import store
from disgorge_core.errors import BadModel
from disgorge_core.models.backbones import apart, pretrained
from disgorge_core.models.backbones.backbone import (
    ABOUT,
    About,
    Backbone,
    content_digest,
    read_backbone,
)
from disgorge_core.models.backbones.network import in_words
from disgorge_core.models.backbones.pretrained import MOST_LABELS, MOST_NUMBER
from disgorge_core.models.backbones.texts import LENGTH, Texts
from disgorge_core.models.reading.pretrained_zip import CONFIG, KEPT, LARGEST, MB, WEIGHTS

DAMAGED = ("The backbone of the model is damaged.", "Make or download the model again.")
BOUNDS = {  # least and most
    "length": (0, LENGTH), "channels": (0, 16), "outputs": (1, MOST_LABELS), "width": (1, MOST_NUMBER),
    "parameters": (0, 2**40),
}  # fmt: skip
NAME = 300  # signs of a weight's name


def copied(folder: Path, room: Path) -> None:
    """Lay down a copy in the room whose network was built and read a few records; raises BadModel."""
    target = room / apart.BACKBONE
    target.mkdir()
    for name in (ABOUT, CONFIG, WEIGHTS, *pretrained.kept_files(folder)):
        _copy(folder / name, target / name)
    about = _about(target)
    backbone = read_backbone(target)
    if content_digest(target) != backbone.digest:
        raise BadModel(*DAMAGED)
    with in_words("read a record"):
        network = backbone.network
        apart.check_finite(network)
        _check_says(about, network, backbone)


def _copy(source: Path, target: Path) -> None:
    """A file that is no larger than such a file can be."""
    most = {ABOUT: MB, WEIGHTS: LARGEST}.get(source.name) or KEPT[source.name]
    if not source.is_file() or not 0 < source.stat().st_size <= most:
        raise BadModel(*DAMAGED)
    shutil.copyfile(source, target)


def _about(folder: Path) -> About:
    """What it says of itself, if that is of the right types and within bounds; raises BadModel."""
    said = dict(store.read_json(folder / ABOUT))
    values: dict[str, Any] = {field.name: said.get(field.name) for field in fields(About)}
    if said.keys() - values.keys() != {"format", "digest"}:
        raise BadModel(*DAMAGED)
    texts = [said["digest"], *(values[name] for name in ("kind", "family", "first"))]
    head = values["head"]
    if (
        not all(_is_name(text) for text in texts)
        or not all(_is_within(values[name], *ends) for name, ends in BOUNDS.items())
        or not (isinstance(head, list) and head and all(_is_name(name) for name in head))
    ):
        raise BadModel(*DAMAGED)
    return About(**{**values, "head": tuple(head)})


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME and value.isprintable()


def _is_within(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _check_says(about: About, network: nn.Module, backbone: Backbone) -> None:
    """Raise BadModel where it says what is not so; `one` compares the width."""
    found, reader = pretrained.read_folder(backbone.folder), backbone.reader
    true = (found.kind, found.family, apart.parameters(network, about.head))
    whole = not isinstance(reader, Texts) or apart.reads_all(network, reader)
    if true != (about.kind, about.family, about.parameters) or not whole:
        raise BadModel(*DAMAGED)
    for record in apart.probes(network, reader):
        backbone.one(record)
