"""Models of texts in folders: their words are part of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from disgorge_core import training
from disgorge_core.data.preprocessing import fit
from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.models.loading import chosen_preprocessing
from disgorge_core.models.saved import export, load_model_folder, save_model
from disgorge_core.types import Member, Model, Recipe
from tests.training.small_texts import texts


@pytest.fixture(scope="module")
def model() -> Model:
    recipe = Recipe(epochs=2, lr=0.1, batch=16)
    return training.fit(texts(), "text_mean", recipe, settings={"width": 3})


@pytest.mark.parametrize(("word", "value"), [("length", 255), ("columns", [["story", ["a"]]])])
def test_a_folder_that_reads_other_words_is_damaged(tmp_path, model: Model, word, value) -> None:
    place = save_model(model, tmp_path / "m") / "model.json"
    about = json.loads(place.read_text())
    about["members"][0][word] = value
    place.write_text(json.dumps(about))
    with pytest.raises(BadModel):
        load_model_folder(tmp_path / "m")


def test_the_length_is_part_of_the_digest(model: Model) -> None:
    shorter = replace(model.preprocessing, length=5)
    assert replace(model, members=(Member(model.network, shorter),)).digest != model.digest


def test_a_file_of_weights_would_lack_the_words(tmp_path, model: Model) -> None:
    with pytest.raises(NotApplicable, match="words that this model knows"):
        export(model, tmp_path / "m.safetensors")


def test_words_that_are_not_stated_are_those_of_the_training_records() -> None:
    data = texts()
    p, notes = chosen_preprocessing(data, None)
    assert p.columns == fit(data, data.rows("train")).columns
    assert "were assumed" in notes[0]
