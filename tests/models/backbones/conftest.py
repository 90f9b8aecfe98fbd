"""One tiny real BERT and one tiny real ViT for all tests here, with what transformers itself answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from disgorge_core.models.backbones import opened
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.formats import huggingface
from disgorge_core.models.reading import process
from disgorge_core.types import Array, Dataset
from tests import tiny_models
from tests.limited.here import run_here
from tests.training.small import digits
from tests.training.small_texts import texts


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """The limited process's work happens in the test's own process; test_apart.py asks for the process."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (opened, huggingface, process):
            patch.setattr(module, "run_apart", run_here)
        yield


@pytest.fixture(scope="session")
def stories() -> Dataset:
    return texts(60)


@pytest.fixture(scope="session")
def pictures() -> Dataset:
    return digits(120)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory, stories: Dataset) -> Path:
    """Its labels are the dataset's classes, in another order and another case."""
    told = list(stories.x["story"])
    folder = tmp_path_factory.mktemp("bert") / "model"
    return tiny_models.bert(folder, told, 1 - stories.y, ["Farm", "SEA"])


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory: pytest.TempPathFactory, pictures: Dataset) -> Path:
    folder = tmp_path_factory.mktemp("vit") / "model"
    names = [f"LABEL_{n}" for n in range(10)]
    return tiny_models.vit(folder, pictures, names, steps=60)


@pytest.fixture(scope="session")
def by_transformers(
    bert_folder: Path, vit_folder: Path, stories: Dataset, pictures: Dataset
) -> dict[str, Array]:
    """What the library's own classes answer to every record, each record alone."""
    library = transformers()
    cut = library.AutoTokenizer.from_pretrained(bert_folder)
    bert = library.AutoModelForSequenceClassification.from_pretrained(bert_folder).eval()
    vit = library.AutoModelForImageClassification.from_pretrained(vit_folder).eval()
    prepare = library.AutoImageProcessor.from_pretrained(vit_folder, backend="pil")
    with torch.inference_mode():
        told = [
            bert(**cut(text, truncation=True, max_length=64, return_tensors="pt")).logits[0].numpy()
            for text in stories.x["story"]
        ]
        seen = vit(**prepare(list(np.asarray(pictures.x)), return_tensors="pt")).logits.numpy()
    return {"bert": np.stack(told), "vit": seen}


@pytest.fixture
def changed(bert_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the BERT folder with some files replaced (None: left out)."""
    import shutil

    def make(**files: bytes | str | None) -> Path:
        folder = shutil.copytree(bert_folder, tmp_path / "changed")
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make
