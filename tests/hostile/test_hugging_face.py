"""Hugging Face folders that want to run something, to fill the memory or the time, or to lie."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from disgorge_core.models.loading import load_model
from tests.fuzz import seeds
from tests.hostile.conftest import Refuse

Files = dict[str, bytes]
REGEX = {
    "type": "Split",
    "pattern": {"Regex": "(\\w+\\s?)*$"},
    "behavior": "Isolated",
    "invert": False,
}
TWICE = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 9}
WORD = {"content": "sea", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
        "special": False}  # fmt: skip
MANY = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 600


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a BERT that is read."""
    content = seeds.bert(tmp_path_factory.mktemp("bert"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {Path(name).name: archive.read(name) for name in archive.namelist()}


def laid(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def fitted(path: Path) -> Any:
    return load_model(path, seeds.stories())


def deep(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"a": [value]}
    return value


CONFIGS: list[dict[str, Any]] = [
    {"hidden_size": 10**12}, {"hidden_size": 10**400}, {"num_hidden_layers": 10**5}, {"vocab_size": -1},
    {"vocab_size": float("nan")}, {"layer_norm_eps": float("nan")}, {"initializer_range": float("inf")},
    {"max_position_embeddings": 2**31}, {"hidden_size": 4.5}, {"hidden_size": "4"}, {"hidden_size": None},
    {"hidden_size": [4]}, {"num_attention_heads": 0}, {"num_attention_heads": -1}, {"type_vocab_size": 0},
    {"model_type": "no_such_kind"}, {"model_type": "../bert"}, {"model_type": ["bert"]},
    {"model_type": "encoder-decoder"}, {"model_type": "vit"}, {"model_type": "llama"},
    {"auto_map": {"AutoConfig": "own.Config"}}, deep({"auto_map": 1}, 2), {"x": [[{"auto_map": 1}]]},
    {"text_config": {"auto_map": {"AutoModel": "own.M"}}}, deep(1, 400), {"x": [0] * 30_000},
    {"id2label": {"0": "a"}}, {"id2label": [["a"]]}, {"id2label": {"0": 1, "1": 2}},
    {"hidden_act": "os.system"}, {"hidden_act": {"a": 1}}, {"pad_token_id": 10**6},
    {"num_labels": 10**9, "id2label": {"0": "a", "1": "b", "2": "c"}}, {"architectures": ["os.system"]},
]  # fmt: skip


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_configurations(tmp_path: Path, refuse: Refuse, good: Files, number: int) -> None:
    said = {**json.loads(good["config.json"]), **CONFIGS[number]}
    content = json.dumps(said).replace(str(10**400), "1" + "0" * 400).encode()
    refuse(fitted, laid(tmp_path / "m", {**good, "config.json": content}))


def tokenizer(**changes: Any) -> Callable[[Any], Any]:
    return lambda said: {**said, **changes}


def model(**changes: Any) -> Callable[[Any], Any]:
    return lambda said: {**said, "model": {**said["model"], **changes}}


TOKENIZERS: list[Callable[[Any], Any]] = [
    tokenizer(pre_tokenizer=REGEX), tokenizer(normalizer={**TWICE, "pattern": {"Regex": "(\\w+\\s?)*$"}}),
    tokenizer(pre_tokenizer={**REGEX, "pattern": {"Regex": "("}}),
    tokenizer(normalizer={"type": "Sequence", "normalizers": [TWICE] * 9}),
    tokenizer(normalizer={"type": "Prepend", "prepend": "x" * 10**6}),
    tokenizer(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAAAAA="}),
    tokenizer(normalizer=deep("x", 200)), tokenizer(normalizer=7), tokenizer(added_tokens=7),
    tokenizer(added_tokens=[{**WORD, "id": -1}]),
    tokenizer(post_processor={"type": "TemplateProcessing", "single": MANY, "pair": MANY,
              "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}}),
    tokenizer(model={"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]] * 10_000}),
    tokenizer(model={"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}),
    tokenizer(model={"type": "BPE", "vocab": {"a": 0, "aa": 2**32 - 1}, "merges": [["a", "a"]],
              "continuing_subword_prefix": "a" * 10}),
    tokenizer(model={"type": "BPE", "vocab": {str(i): i for i in range(20_000)},
              "merges": [[str(i), str(i + 1)] for i in range(19_999)]}),
    tokenizer(model={"type": "Unigram", "unk_id": 9, "vocab": [["a", 0.0]]}),
    tokenizer(model=None), tokenizer(model={"type": "Pickle"}), model(vocab=[]), model(vocab={"a": -1}),
    model(vocab={"a": 2**40}), model(vocab={"a": "0"}), model(unk_token=1), lambda said: [said],
]  # fmt: skip


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("number", range(len(TOKENIZERS)))
def test_tokenizers(tmp_path: Path, refuse: Refuse, good: Files, number: int) -> None:
    content = json.dumps(TOKENIZERS[number](json.loads(good["tokenizer.json"]))).encode()
    said = refuse(fitted, laid(tmp_path / "m", {**good, "tokenizer.json": content})).text
    assert "tokenizer" in said.lower() or "network cannot" in said.lower(), said


def test_a_tokenizer_that_ends_its_process_ends_no_other(
    tmp_path: Path, refuse: Refuse, good: Files
) -> None:
    """A table that claims 8 GB: the library cannot but abort, in a process of its own."""
    said = json.loads(good["tokenizer.json"])
    said["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "/////w=="}
    files = {**good, "tokenizer.json": json.dumps(said).encode()}
    assert "reader stopped" in refuse(fitted, laid(tmp_path / "m", files)).text


# --- weights and files --------------------------------------------------------------------------


def header(**changes: Any) -> Callable[[bytes], bytes]:
    """The first tensor's entry says otherwise."""

    def change(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + length])
        first = next(name for name in said if name != "__metadata__")
        said[first] = {**said[first], **changes}
        head = json.dumps(said).encode()
        return len(head).to_bytes(8, "little") + head + content[8 + length :]

    return change


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "change",
    [
        header(shape=[2**40]), header(shape=[-1]), header(dtype="F64"), header(dtype="F8_E4M3"),
        header(dtype="U8"), header(data_offsets=[0, 2**60]), header(data_offsets=[-4, 0]),
        lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[:9], lambda c: b"", lambda c: b"PK\x03\x04" + c,
        lambda c: (2**63).to_bytes(8, "little") + c[8:],
        lambda c: c[:-64] + b"\xff" * 64,
    ],
    ids=range(14),
)  # fmt: skip
def test_weights_that_lie(
    tmp_path: Path, refuse: Refuse, good: Files, change: Callable[[bytes], bytes]
) -> None:
    files = {**good, "model.safetensors": change(good["model.safetensors"])}
    refuse(fitted, laid(tmp_path / "m", files))


@pytest.mark.usefixtures("here")
def test_links_that_loop_or_lead_to_devices(tmp_path: Path, refuse: Refuse, good: Files) -> None:
    """Links are how its own cache lays a folder down; what is no file at their end is none."""
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        for target in ("/dev/zero", "/proc/self/mem", name, "/nowhere"):
            folder = laid(tmp_path / f"{name}{target.replace('/', '_')}", good)
            (folder / "vocab.txt").unlink()  # which could stand in for the tokenizer
            (folder / name).unlink()
            (folder / name).symlink_to(target)
            refuse(fitted, folder)


@pytest.mark.usefixtures("here")
def test_a_folder_of_links_is_read(tmp_path: Path, good: Files) -> None:
    blobs, folder = laid(tmp_path / "blobs", good), tmp_path / "snapshot"
    folder.mkdir()
    for path in blobs.iterdir():
        (folder / path.name).symlink_to(path)
    assert fitted(folder).digest == fitted(blobs).digest
