"""Hugging Face: a folder that transformers wrote, or a zip of one. Its weights must be safetensors."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zipfile
from pathlib import Path, PurePosixPath

from disgorge_core.data.reading import archive
from disgorge_core.data.reading.limits import Limits
from disgorge_core.errors import BadData, BadModel
from disgorge_core.models.backbones.pretrained import CONFIG, KEPT, WEIGHTS, Pretrained, read_folder
from disgorge_core.models.reading.names import names_of
from disgorge_core.models.weights import LARGEST
from disgorge_core.registry import MODEL_FORMATS

DEEPEST = 2  # parts of config.json's name in a zip: the folder itself may be packed
AGAIN = "Pack the folder that save_pretrained wrote."


@MODEL_FORMATS.register
class HuggingFace:
    """A folder or .zip with config.json, model.safetensors and the tokenizer or image processor."""

    name = "huggingface"
    title = "Hugging Face folder"
    suffixes = (".zip",)
    order = 12

    def sniff(self, path: Path) -> bool:
        """Is there a config.json?"""
        if path.is_dir():
            return (path / CONFIG).is_file()
        return _top(list(names_of(path))) is not None

    def read(self, path: Path) -> Pretrained:
        """What the folder says of itself; raises BadModel."""
        if path.is_dir():
            return read_folder(path)
        place = Path(tempfile.mkdtemp(prefix="disgorge-unpacked-"))
        try:
            found = read_folder(_unpacked(path, place))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        weakref.finalize(found, shutil.rmtree, place, ignore_errors=True)
        return found


def _top(names: list[str]) -> PurePosixPath | None:
    """The folder in a zip that holds config.json; None where there is none near the top."""
    found = [PurePosixPath(name) for name in names if PurePosixPath(name).name == CONFIG]
    near = [path.parent for path in found if len(path.parts) <= DEEPEST]
    return min(near, key=lambda folder: len(folder.parts), default=None)


def _unpacked(path: Path, place: Path) -> Path:
    """The known files of the zip in a folder of our own; of others the names only."""
    try:
        with archive.opened(path, Limits(disk=LARGEST)) as (found, members):
            top = _top([member.filename for member in members])
            for member in members:
                name = PurePosixPath(member.filename)
                if name.parent == top:
                    _write(found, member, place / name.name)
    except (BadData, zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError) as error:
        if isinstance(error, BadData):
            raise BadModel(error.problem, error.remedy) from None
        raise BadModel("The zip is damaged or cut short.", AGAIN) from None
    return place


def _write(found: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Unpack a file that is read; of another an empty one, so that it can be named."""
    if target.name != WEIGHTS and target.name not in KEPT:
        target.touch()
        return
    if member.file_size > KEPT.get(target.name, LARGEST):
        raise BadModel(f"{target.name} is too large.", AGAIN)
    with found.open(member) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 2**20)
