"""The limited process itself: what it lays down, what it may not do, and how little it may use."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from disgorge_core.errors import BadModel
from disgorge_core.limited import child
from disgorge_core.limited.process import run_apart
from disgorge_core.models.backbones import apart, opened
from disgorge_core.models.backbones import backbone as backbones
from disgorge_core.models.backbones.backbone import Backbone, content_digest, write_about
from disgorge_core.models.backbones.pretrained import read_folder
from disgorge_core.models.bundle import folder_bytes
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import save_model
from disgorge_core.types import Dataset, Model
from tests.limited.here import run_here

MB = 2**20


@pytest.fixture
def truly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own."""
    monkeypatch.setattr(opened, "run_apart", run_apart)


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where rooms are made."""
    place = tmp_path / "rooms"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place


@pytest.fixture
def unmet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No backbone was met before."""
    monkeypatch.setattr(backbones, "_MET", type(backbones._MET)())


@pytest.fixture
def bert(bert_folder: Path, stories: Dataset) -> Model:
    return load_model(bert_folder, stories)


@pytest.mark.usefixtures("truly", "unmet")
def test_the_process_opens_what_this_one_would(
    bert_folder: Path,
    stories: Dataset,
    rooms: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "disgorge_core.limited.process")
    model = load_model(bert_folder, stories)
    peak = [int(r.getMessage().split()[-2]) for r in caplog.records][-1]
    assert 100 < peak < 1000  # MB, most of it the libraries
    monkeypatch.setattr(opened, "run_apart", run_here)
    here = load_model(bert_folder, stories)
    assert here.digest == model.digest
    assert np.array_equal(logits(here, stories.x[:5]), logits(model, stories.x[:5]))


@pytest.mark.usefixtures("truly", "unmet")
def test_a_backbone_that_comes_back_is_built_in_the_process_first(
    bert: Model, stories: Dataset, rooms: Path, tmp_path: Path
) -> None:
    (tmp_path / "ours.zip").write_bytes(folder_bytes(bert))
    backbones._MET.clear()
    again = load_model(tmp_path / "ours.zip", stories)
    assert again.digest == bert.digest
    found = again.preprocessing.backbone
    assert isinstance(found, Backbone) and rooms in found.folder.parents
    assert np.array_equal(logits(again, stories.x[:5]), logits(bert, stories.x[:5]))


@pytest.mark.usefixtures("unmet")
def test_its_files_go_with_the_backbone(
    bert_folder: Path, rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = opened.taken_apart(read_folder(bert_folder))
    second, *_ = opened.taken_apart(read_folder(bert_folder))
    assert second is first and len(list(rooms.iterdir())) == 1
    del first, second
    assert list(rooms.iterdir()) == []


@pytest.mark.usefixtures("truly")
def test_a_network_that_grows_ends_the_process_alone(
    bert_folder: Path, rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(
        opened.bounds(bert_folder), memory=-(2**29)
    )  # half a GB with what libraries may take
    monkeypatch.setattr(opened, "bounds", lambda folder: small)
    with pytest.raises(BadModel, match=r"stopped|memory|cannot be built"):
        opened.taken_apart(read_folder(bert_folder))
    assert list(rooms.iterdir()) == []


def test_large_weights_are_given_room(tmp_path: Path) -> None:
    """A BERT of 110 million numbers: in float16 it is half a file and the same network."""
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(440 * MB)
    found = opened.bounds(tmp_path)
    assert found.disk >= 2 * 440 * MB and found.memory >= 6 * 440 * MB
    assert 120 < found.cpu < found.wall


@pytest.mark.parametrize(
    "code",
    [
        "open('/tmp/mark-of-a-reader', 'w')", "open('x', 'a')", "import os; os.mkdir('/tmp/mark')",
        "import os; os.rename(inside, '/tmp/mark-of-a-reader')", "import os; os.remove('/etc/hostname')",
        "import os; os.open('/etc/hostname', os.O_RDWR)", "import os; os.link('/etc/hostname', inside + '2')",
        "from pathlib import Path; (Path(folder) / '..' / 'mark').write_text('')",
        "import os; os.symlink('/etc', folder + '/l'); open(folder + '/l/mark-of-a-reader', 'w')",
    ],
)  # fmt: skip
def test_the_process_writes_into_its_folder_only(code: str, tmp_path: Path) -> None:
    (tmp_path / "inside").write_text("")
    start = (
        f"import sys; sys.path.insert(0, {str(Path(child.__file__).parent)!r}); import child\n"
        f"folder = {str(tmp_path)!r}; inside = folder + '/inside'\n"
        "sys.addaudithook(child.inside(folder))\n"
        "open(folder + '/fine', 'w').close(); open('/dev/null', 'w').close(); open(inside).close()\n"
    )
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)
    assert "PermissionError: a reader of files writes into" in done.stderr, done.stderr
    assert (tmp_path / "fine").exists()


# --- a backbone that lies -----------------------------------------------------------------------

Change = Callable[[Path], None]


def says(**values: object) -> Change:
    """Its description says otherwise, with a digest that fits."""

    def change(folder: Path) -> None:
        path = folder / "backbone.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        said = {**json.loads(path.read_text()), "digest": content_digest(folder)}
        path.write_text(json.dumps(said))

    return change


def config(**values: object) -> Change:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        says()(folder)

    return change


def infinite(folder: Path) -> None:
    path = folder / "model.safetensors"
    state = safetensors.torch.load_file(path)
    next(iter(state.values()))[0] = float("inf")
    safetensors.torch.save_file(state, path, {"format": "pt"})
    says()(folder)


def another_digest(folder: Path) -> None:
    path = folder / "backbone.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "0" * 64}))


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


LIES: list[Change] = [
    says(width=33), says(width="32"), says(width=10**9), says(first="nowhere"), says(first=["a"]),
    says(first="bert"), says(head=[]), says(head="classifier.weight"), says(head=["classifier.weight"]),
    says(kind="image"), says(kind=["text"]), says(family="vit"), says(parameters=1), says(length=0),
    says(length=65), says(length=10**9), says(length=10.0), says(channels=-1), says(outputs=10**8),
    says(outputs=0), says(more=1), another_digest, says(format=2),
    config(num_hidden_layers=40), config(auto_map={"AutoModel": "own.M"}), config(vocab_size=10**6),
    config(model_type="no_such_kind"), config(architectures=["BertForMaskedLM"]), infinite,
    without("config.json"), without("model.safetensors"), without("tokenizer.json"),
]  # fmt: skip


@pytest.mark.usefixtures("unmet")
@pytest.mark.parametrize("number", range(len(LIES)))
def test_a_backbone_that_lies_is_refused(
    number: int, bert: Model, stories: Dataset, rooms: Path, tmp_path: Path
) -> None:
    folder = save_model(bert, tmp_path / "saved")
    shutil.rmtree(rooms), rooms.mkdir()
    LIES[number](folder / "backbone")
    backbones._MET.clear()
    with pytest.raises(BadModel) as error:
        load_model(folder, stories)
    assert error.value.remedy and len(str(error.value).splitlines()) == 1
    assert list(rooms.iterdir()) == []


@pytest.mark.usefixtures("unmet")
def test_only_known_files_of_a_backbone_are_taken(
    bert: Model, stories: Dataset, rooms: Path, tmp_path: Path
) -> None:
    folder = save_model(bert, tmp_path / "saved")
    backbones._MET.clear()
    (folder / "backbone" / "own.py").write_text("raise SystemExit\n")
    (folder / "backbone" / "deep").mkdir()
    model = load_model(folder, stories)
    found = model.preprocessing.backbone
    assert isinstance(found, Backbone) and rooms in found.folder.parents
    assert {p.name for p in found.folder.iterdir()} == {
        p.name for p in (folder / "backbone").iterdir()
    } - {"own.py", "deep"}


def test_a_description_that_is_true_is_taken(bert: Model, tmp_path: Path) -> None:
    """So that the refusals above are about the lies."""
    folder = save_model(bert, tmp_path / "saved") / "backbone"
    says()(folder)
    (tmp_path / "room").mkdir()
    found = bert.preprocessing.backbone
    assert isinstance(found, Backbone)
    from disgorge_core.models.backbones.again import copied

    copied(folder, tmp_path / "room")
    assert content_digest(tmp_path / "room" / apart.BACKBONE) == found.digest
    write_about(tmp_path / "room" / apart.BACKBONE, found.about)
    assert asdict(found.about)["width"] == 32
