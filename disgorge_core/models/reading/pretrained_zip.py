"""A zip of a Hugging Face folder: the files that are read come out, of all others the names only."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from disgorge_core.data.reading.archive import opened
from disgorge_core.data.reading.limits import Limits
from disgorge_core.errors import BadModel
from disgorge_core.models.reading.tensors import header_of

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZER, VOCABULARY, TOKENIZER_CONFIG = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
PICTURES = "preprocessor_config.json"
MB = 2**20
LARGEST = 2 * 2**30  # bytes of everything
KEPT = {  # files that are read besides the weights, and the most bytes of each
    CONFIG: 4 * MB, TOKENIZER: 64 * MB, VOCABULARY: 16 * MB, TOKENIZER_CONFIG: 4 * MB, PICTURES: MB,
    "special_tokens_map.json": MB, "added_tokens.json": 4 * MB, "vocab.json": 16 * MB,
    "merges.txt": 16 * MB,
}  # fmt: skip
DEEPEST = 2  # parts of config.json's name: the folder itself may be packed


def top_of(names: Iterable[str]) -> PurePosixPath | None:
    """The folder in a zip that holds config.json; None where it is not near the top."""
    found = [PurePosixPath(name) for name in names if PurePosixPath(name).name == CONFIG]
    near = [path.parent for path in found if len(path.parts) <= DEEPEST]
    return min(near, key=lambda folder: len(folder.parts), default=None)


def unpacked(path: Path, folder: Path) -> Path:
    """The files beside config.json in a new folder; raises BadModel, BadData and what is broken."""
    folder.mkdir()
    with opened(path, Limits(disk=LARGEST)) as (archive, members):
        top = top_of(member.filename for member in members)
        for member in members:
            name = PurePosixPath(member.filename)
            if name.parent == top:
                _write(archive, member, folder / name.name)
    if (folder / WEIGHTS).exists():
        header_of(folder / WEIGHTS)
    return folder


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if target.name != WEIGHTS and target.name not in KEPT:
        target.touch()
        return
    if member.file_size > KEPT.get(target.name, LARGEST):
        raise BadModel(f"{target.name} is too large.", "Pack what save_pretrained wrote.")
    with archive.open(member) as packed, target.open("xb") as file:
        shutil.copyfileobj(packed, file, MB)
