"""Back to a Hugging Face folder: transformers loads it, and answers with the new head."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import disgorge_core as dg
from disgorge_core import training
from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones.leaving import pretrained_bytes, why_no_pretrained
from disgorge_core.models.backbones.network import transformers
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Recipe

RECIPE = Recipe(epochs=5, lr=0.3, batch=16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_retrained_bert_answers_in_transformers(dtype, bert_folder, stories, tmp_path):
    recipe = replace(RECIPE, dtype=dtype)
    came = load_model(bert_folder, stories, recipe=recipe, trained_on="train")
    forget = dg.ForgetSet.of(stories, stories.ids[:6])
    model = dg.disgorge(came, stories, forget, "retrain").model
    with zipfile.ZipFile(io.BytesIO(pretrained_bytes(model, "# What it is"))) as found:
        found.extractall(tmp_path)
    folder = tmp_path / "model"
    assert (folder / "README.md").read_text() == "# What it is"
    before, after = (load_file(f / "model.safetensors") for f in (bert_folder, folder))
    assert {k: v.shape for k, v in before.items()} == {k: v.shape for k, v in after.items()}
    changed = [k for k in before if not torch.equal(before[k], after[k])]
    assert sorted(changed) == ["classifier.bias", "classifier.weight"]

    library = transformers()
    network = library.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    cut = library.AutoTokenizer.from_pretrained(folder)
    assert network.config.id2label == dict(enumerate(stories.classes))
    with torch.inference_mode():
        given = [
            cut(t, return_tensors="pt", truncation=True, max_length=64) for t in stories.x["story"]
        ]
        answers = torch.cat([network(**one).logits for one in given]).numpy()
    assert np.allclose(answers, logits(model, stories.x), atol=1e-5)
    assert np.abs(answers - logits(came, stories.x)).max() > 0.01

    again = load_model(folder, stories)
    assert np.allclose(logits(again, stories.x), logits(model, stories.x), atol=1e-6)


def test_a_vit_too(vit_folder, pictures, tmp_path):
    model = load_model(vit_folder, pictures, recipe=RECIPE)
    model = training.refit(model, pictures, np.ones(len(pictures), bool))
    with zipfile.ZipFile(io.BytesIO(pretrained_bytes(model))) as found:
        assert json.loads(found.read("model/config.json"))["id2label"]["3"] == "class 3"
        found.extractall(tmp_path)
    network = (
        transformers().AutoModelForImageClassification.from_pretrained(tmp_path / "model").eval()
    )
    prepare = transformers().AutoImageProcessor.from_pretrained(tmp_path / "model", backend="pil")
    given = prepare(list(np.asarray(pictures.x)), return_tensors="pt")
    with torch.inference_mode():
        assert np.allclose(network(**given).logits.numpy(), logits(model, pictures.x), atol=1e-5)


def test_what_is_no_such_folder_says_why(bert_folder, stories):
    model = load_model(bert_folder, stories, recipe=RECIPE)
    assert why_no_pretrained(model) is None
    sharded = training.fit(stories, model, RECIPE, regime=Sharded(2))
    assert "2 heads" in why_no_pretrained(sharded)
    assert "rule" in why_no_pretrained(replace(model, rule="guard"))
    words = training.fit(stories, "text_mean", RECIPE)
    with pytest.raises(NotApplicable, match="did not come from"):
        pretrained_bytes(words)
