"""Hostile folders and zips: refused in one sentence, nothing of them run, nothing allocated for them."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones import network
from disgorge_core.models.loading import load_model, read_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import save_model

MARK = "raise SystemExit('code of the folder ran')\n"


def config(folder: Path, **change: Any) -> str:
    said = json.loads((folder / "config.json").read_text())
    return json.dumps({k: v for k, v in {**said, **change}.items() if v != "leave out"})


@pytest.fixture
def unbuilt(monkeypatch):
    """Refused before transformers is asked for anything."""
    monkeypatch.setattr(network, "transformers", lambda: pytest.fail("a network was built"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"auto_map": {"AutoConfig": "own.Config"}}, "code of its own"),
        ({"architectures": ["BertForMaskedLM"]}, "BertForMaskedLM"),
        ({"architectures": "leave out"}, "does not sort"),
        ({"architectures": []}, "does not sort"),
        ({"model_type": 7}, "does not sort"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"problem_type": "multi_label_classification"}, "multi label"),
        ({"hidden_size": 10**9}, "1,000,000,000"),
        ({"num_hidden_layers": 10**6}, "1,000,000"),
        ({"vocab_size": 10**7}, "10,000,000"),
        ({"intermediate_size": 10**5}, "100,000"),
        ({"layer_norm_eps": float("inf")}, "inf"),
        ({"deep": [[[[[[[[[[[1]]]]]]]]]]]}, "nested"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label"),
        ({"id2label": {"0": "a\x1b[31m", "1": "b"}}, "id2label"),
        ({"id2label": {str(i): f"c{i}" for i in range(2000)}}, "id2label"),
    ],
)
def test_configurations(change, said, changed, bert_folder, unbuilt):
    folder = changed(config__json=config(bert_folder, **change))
    with pytest.raises(BadModel, match=said):
        read_model(folder)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config__json": "{"}, "not JSON"),
        ({"config__json": "[]"}, "no JSON object"),
        ({"config__json": "[" * 100_000}, "not JSON"),
        (
            {"tokenizer_config__json": '{"auto_map": {"AutoTokenizer": ["own.T", null]}}'},
            "auto_map",
        ),
        ({"tokenizer_config__json": '{"a": {"auto_map": 1}}'}, "auto_map"),
        ({"tokenizer__json": None, "vocab__txt": None}, "tokenizer.json"),
        ({"model__safetensors": None}, "no model.safetensors"),
        (
            {"model__safetensors": None, "pytorch_model__bin": b"\x80\x04."},
            r"pickled \('pytorch_model",
        ),
        ({"model__safetensors": None, "model__pt": b"PK"}, "save_pretrained"),
        ({"model__safetensors": b"\x00" * 8}, "safetensors"),
        ({"model__safetensors": b"\xff" * 64}, "safetensors"),
        (
            {
                "model__safetensors": (40).to_bytes(8, "little")
                + b'{"a":{"dtype":"F32","shape":[999999999]}}'
            },
            "safetensors",
        ),
    ],
)
def test_files(files, said, changed, unbuilt):
    with pytest.raises(BadModel, match=said):
        read_model(changed(**files))


def test_too_large_a_tokenizer_is_not_read(changed, stories):
    folder = changed()
    with (folder / "tokenizer.json").open("ab") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(BadModel, match="MB"):
        load_model(folder, stories)


@pytest.mark.parametrize(
    "change",
    [
        {"num_hidden_layers": 37},
        {"hidden_size": 48, "num_attention_heads": 3},
        {"hidden_size": 32, "num_attention_heads": 5},
        {"num_attention_heads": 0},
        {"max_position_embeddings": 10**6},
        {"hidden_act": "__import__('os').system('true')"},
        {"hidden_size": "32"},
        {"model_type": "roberta"},
        {"model_type": "no_such_kind"},
        {"model_type": "clip", "architectures": ["CLIPForImageClassification"]},
        {"type_vocab_size": -1},
        {"hidden_dropout_prob": "high"},
        {"id2label": {"0": "a", "1": "b", "2": "c"}},
    ],
)
def test_configurations_that_do_not_fit_the_weights(
    change, changed, bert_folder, stories, tmp_path
):
    folder = changed(config__json=config(bert_folder, **change))
    with pytest.raises(BadModel):
        load_model(folder, stories)


def test_entries_that_steer_the_library_are_not_passed_on(changed, bert_folder, stories):
    """They would fetch kernels, load other files, or change what the network gives."""
    change = {
        "_attn_implementation": "someone/kernels", "attn_implementation": "someone/kernels",
        "transformers_weights": "../../etc/other.safetensors", "fusion_config": {"x": True},
        "return_dict": False, "output_hidden_states": True, "torchscript": True, "dtype": "float16",
        "forward": "gone", "__class__": "gone", "to_dict": 1, "_name_or_path": "someone/else",
        "generation_config": {"a": 1}, "label2id": {"x": 10**6}, "auto_class": "x",
    }  # fmt: skip
    folder = changed(config__json=config(bert_folder, **change))
    (folder / "own.py").write_text(MARK)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    plain = load_model(bert_folder, stories)
    assert np.array_equal(logits(load_model(folder, stories), stories.x), logits(plain, stories.x))
    assert any("own.py" in note for note in read_model(folder).notes)


@pytest.mark.parametrize(
    ("tokenizer", "said"),
    [
        ("{}", "tokenizer.json is damaged"),
        ("not json", "tokenizer.json is damaged"),
        ('{"version": "1.0", "model": {"type": "Pickle", "vocab": {}}}', "damaged"),
        ("larger ids", "cannot read"),
    ],
)
def test_tokenizers(tokenizer, said, changed, bert_folder, stories):
    if tokenizer == "larger ids":
        plain = json.loads((bert_folder / "tokenizer.json").read_text())
        plain["model"]["vocab"] = {k: v + 10**6 for k, v in plain["model"]["vocab"].items()}
        tokenizer = json.dumps(plain)
    with pytest.raises(BadModel, match=said):
        load_model(changed(tokenizer__json=tokenizer), stories)


def test_weights_that_are_no_numbers(changed, bert_folder, stories):
    state = safetensors.torch.load_file(bert_folder / "model.safetensors")
    state["bert.pooler.dense.weight"][0, 0] = float("nan")
    content = safetensors.torch.save(state, {"format": "pt"})
    with pytest.raises(BadModel, match="not a number"):
        load_model(changed(model__safetensors=content), stories)


def test_weights_that_lack_one_or_hold_another(changed, bert_folder, stories, tmp_path):
    state = safetensors.torch.load_file(bert_folder / "model.safetensors")
    del state["bert.pooler.dense.weight"]
    folder = changed(model__safetensors=safetensors.torch.save(state, {"format": "pt"}))
    with pytest.raises(BadModel, match="pooler"):
        load_model(folder, stories)
    state["bert.pooler.dense.weight"] = torch.zeros(32, 32)
    state["bert.more.weight"] = torch.zeros(3)
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(state, {"format": "pt"}))
    with pytest.raises(BadModel, match="more"):
        load_model(folder, stories)


# --- zips ---------------------------------------------------------------------------------------


def packed(folder: Path, target: Path, top: str = "model/") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for path in folder.iterdir():
            out.write(path, f"{top}{path.name}")
    return target


@pytest.mark.parametrize("top", ["", "model/"])
def test_a_zip_is_the_folder(top, bert_folder, stories, tmp_path):
    path = packed(bert_folder, tmp_path / "m.zip", top)
    model = load_model(path, stories)
    path.unlink()
    plain = load_model(bert_folder, stories)
    assert model.digest == plain.digest
    assert np.array_equal(logits(model, stories.x), logits(plain, stories.x))


def test_our_own_zip_with_a_backbone_comes_back(bert_folder, stories, tmp_path):
    from disgorge_core.models.backbones import backbone as module
    from disgorge_core.models.bundle import folder_bytes

    model = load_model(bert_folder, stories)
    (tmp_path / "ours.zip").write_bytes(folder_bytes(model))
    module._MET.clear()
    again = load_model(tmp_path / "ours.zip", stories)
    assert again.digest == model.digest and again.preprocessing.backbone is not None
    assert np.array_equal(logits(again, stories.x), logits(model, stories.x))


@pytest.mark.parametrize("name", ["model/../../evil.txt", "/etc/evil", "model/a.zip", "C:evil"])
def test_names_in_a_zip(name, bert_folder, tmp_path, unbuilt):
    path = packed(bert_folder, tmp_path / "m.zip")
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(name, MARK)
    with pytest.raises(BadModel):
        read_model(path)


def test_links_in_a_zip(bert_folder, tmp_path):
    path = packed(bert_folder, tmp_path / "m.zip")
    link = zipfile.ZipInfo("model/merges.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(link, "/etc/passwd")
    with pytest.raises(BadModel, match="link"):
        read_model(path)


def test_a_zip_that_swells(bert_folder, tmp_path):
    path = packed(bert_folder, tmp_path / "m.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("model/merges.txt", bytes(20 * 2**20))
    with pytest.raises(BadModel, match=r"merges\.txt is too large"):
        read_model(path)


def test_a_saved_model_with_another_backbone_is_refused(bert_folder, stories, tmp_path):
    """A folder of ours whose backbone was exchanged: its own digests give it away."""
    folder = save_model(load_model(bert_folder, stories), tmp_path / "saved")
    about = folder / "backbone" / "backbone.json"
    said = json.loads(about.read_text())
    about.write_text(json.dumps({**said, "digest": "0" * 64}))
    with pytest.raises(BadModel, match="damaged"):
        load_model(folder, stories)
