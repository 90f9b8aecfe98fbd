"""Model files that want to run something, or to fill the memory or the time."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from disgorge_core.limited import child
from disgorge_core.models.loading import layers_from_json
from tests.fuzz import seeds
from tests.hostile.conftest import Refuse, model

STATE = {"0.weight": torch.ones(3, 4), "0.bias": torch.zeros(3)}


def torch_zip(path: Path, words: bytes, **members: bytes) -> Path:
    """A file as `torch.save` lays it out, with a pickle of our own making."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", words)
        for name, content in members.items():
            archive.writestr(f"a/data/{name.removeprefix('_')}", content)
    return path


# --- pickles ------------------------------------------------------------------------------------

CALLS = {
    "GLOBAL and REDUCE": b"\x80\x02cos\nsystem\nX\x0a\0\0\0touch mark\x85R.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0atouch mark\x85R.",
    "INST": b"(S'touch mark'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch mark'\no.",
    "NEWOBJ": b"\x80\x02cos\nsystem\nX\x0a\0\0\0touch mark\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0atouch mark\x85}\x92.",
    "EXT1": b"\x80\x02\x82\x01)R.",
    "EXT2": b"\x80\x02\x83\x01\0)R.",
    "EXT4": b"\x80\x02\x84\x01\0\0\0)R.",
    "PERSID": b"Pos.system\n.",
    "BINPERSID of a name": b"\x80\x02(X\x07\0\0\0storagecos\nsystem\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ.",
    "BINPERSID of nothing": b"\x80\x02NQ.",
    "an allowed name, called with a name": b"\x80\x02ccollections\nOrderedDict\ncos\nsystem\n\x85R.",
    "a method of an allowed name": b"\x80\x02ctorch\nSize.__class__\n)R.",
    "BUILD of a tensor's state": b"\x80\x02ctorch\nSize\n}X\x0c\0\0\0__setstate__cos\nsystem\nsb.",
    "a reduce inside a checkpoint": b"\x80\x02}X\x05\0\0\0modelcposix\nsystem\nX\x0a\0\0\0touch mark\x85Rs.",
    "a buffer from outside": b"\x80\x05\x97.",
    "an array of bytes": b"\x80\x05\x96\x01\0\0\0\0\0\0\0a.",
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("bare", [False, True])
def test_no_word_of_a_pickle_runs_anything(
    tmp_path: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, way: str, bare: bool
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    path = tmp_path / "m.pt"
    path.write_bytes(CALLS[way]) if bare else torch_zip(path, CALLS[way])
    said = refuse(model, path).text
    assert "torch.save(model.state_dict(), 'model.pt')" in said
    assert list((tmp_path / "cwd").iterdir()) == []


def test_the_payload_is_real(tmp_path: Path) -> None:
    """The careless way does run it, so the test above could fail."""
    (tmp_path / "p").write_bytes(CALLS["GLOBAL and REDUCE"])
    code = "import pickle; pickle.load(open('p', 'rb'))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (b"\x80\x02" + b"]" * (7 * 2**20) + b".", "damaged"),
        (b"\x80\x02]" + b"r\xff\xff\xff\x7f" + b".", "dictionary of tensors"),
        (b"\x80\x02" + b"(" * 2**20 + b".", "damaged"),
        (b"\x80\x02)" + b"\x85" * 2**20 + b".", "dictionary of tensors"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x02]" + b"2" * 2**20 + b".", ""),
    ],
    ids=[
        "many lists",
        "a far place in memory",
        "many marks",
        "a deep tuple",
        "a long number",
        "many copies",
    ],
)
def test_pickles_that_grow_stay_small(
    tmp_path: Path, refuse: Refuse, words: bytes, says: str
) -> None:
    found = refuse(model, torch_zip(tmp_path / "m.pt", words))
    assert says in found.text and found.peak < 1000


def tensor(offset: bytes, shape: bytes, strides: bytes, count: bytes = b"K\x04") -> bytes:
    """The words of {"w": a tensor over storage 0 of float32}."""
    storage = (
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" + count + b"tQ"
    )
    view = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + strides + b"\x89N"
    return b"\x80\x02}X\x01\0\0\0w" + view + b"tRs."


FOUR = b"K\x04\x85"
ONE = b"K\x01\x85"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (tensor(b"K\x01", FOUR, ONE), "claim more numbers"),
        (tensor(b"K\0", FOUR, b"K\x02\x85"), "claim more numbers"),
        (tensor(b"K\0", b"J\xff\xff\xff\xff\x85", ONE), "damaged"),
        (tensor(b"K\0", FOUR, b"J\xff\xff\xff\xff\x85"), "damaged"),
        (tensor(b"J\xff\xff\xff\xff", FOUR, ONE), "damaged"),
        (tensor(b"K\0", b"\x8a\x08\0\0\0\0\0\0\0\x10\x85", b"K\0\x85"), "damaged"),
        (tensor(b"K\0", b"K\x04K\x04\x86", ONE), "damaged"),
        (tensor(b"K\0", b"K\x64\x85", ONE, b"K\x64"), "not as large"),
        (tensor(b"G?\xf0\0\0\0\0\0\0", FOUR, ONE), "damaged"),
        (tensor(b"K\0", b"(" + b"K\x01" * 70 + b"t", b"(" + b"K\x01" * 70 + b"t"), "no state dict"),
    ],
    ids=range(10),
)
def test_tensors_that_reach_beyond_their_storage(
    tmp_path: Path, refuse: Refuse, words: bytes, says: str
) -> None:
    path = torch_zip(tmp_path / "m.pt", words, _0=np.arange(4, dtype="<f4").tobytes())
    assert says in refuse(model, path).text


def test_the_storage_itself_is_read(tmp_path: Path) -> None:
    """The hand-made file is good where it does not lie."""
    path = torch_zip(
        tmp_path / "m.pt", tensor(b"K\0", FOUR, ONE), _0=np.arange(4, dtype="<f4").tobytes()
    )
    assert model(path).state["w"].tolist() == [0, 1, 2, 3]


def test_a_storage_that_many_tensors_share_is_read_once(tmp_path: Path) -> None:
    """2,000 views of 8 MB: as copies of the whole they would be 16 GB of reading."""
    base = torch.arange(2_000_000.0)
    path = tmp_path / "m.pt"
    torch.save({f"{i}.weight": base[i : i + 3] for i in range(2_000)}, path)
    found = model(path)
    assert found.state["77.weight"].tolist() == [77, 78, 79]


def test_the_process_knows_no_torch() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(child.__file__).parent)!r}); import child\n"
        "child.light(); import disgorge_core.models.reading.answer\n"
        "print([m for m in ('torch', 'pandas', 'safetensors', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['true'])", "import os; os.system('true')", "import os; os.fork()",
        "import socket; socket.socket().connect(('127.0.0.1', 9))",
        "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    ],
)  # fmt: skip
def test_the_process_gives_up_what_no_reader_needs(code: str) -> None:
    start = f"import sys; sys.path.insert(0, {str(Path(child.__file__).parent)!r}); import child\n"
    hook = "sys.addaudithook(child.refuse)\n"
    done = subprocess.run(
        [sys.executable, "-c", start + hook + code], capture_output=True, text=True
    )
    assert "PermissionError: a reader of files may not" in done.stderr


# --- safetensors --------------------------------------------------------------------------------


def tensors(header: Any, body: bytes = bytes(48), length: int | None = None) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(head) if length is None else length).to_bytes(8, "little") + head + body


def one(kind: Any = "F32", shape: Any = (3, 4), places: Any = (0, 48)) -> dict[str, Any]:
    return {"w": {"dtype": kind, "shape": shape, "data_offsets": places}}


@pytest.mark.parametrize(
    "content",
    [
        tensors(one(), length=2**60), tensors(one(), length=2**64 - 1), tensors(one(), length=0),
        tensors(one(shape=(2**30, 2**30))), tensors(one(shape=(10**30,))), tensors(one(shape=(-3, -4))),
        tensors(one(shape=(3, 4, 1) * 9)), tensors(one(shape=[[3]])), tensors(one(shape=(3.0, 4.0))),
        tensors(one(shape=(True, 12))), tensors(one(places=(-48, 0))), tensors(one(places=(48, 0))),
        tensors(one(places=(0, 2**60))), tensors(one(places=(4, 52))), tensors(one("F64")),
        tensors(one("U8", (48,), (0, 24))), tensors(one(["F32"])), tensors(one("F8_E4M3")),
        tensors(one(None)),
        tensors({**one(), "v": one()["w"]}), tensors({**one(), "v": one("U8", (1,), (49, 50))["w"]}),
        tensors({**one(), "v": 3}), tensors({"w": {**one()["w"], "more": 1}}),
        tensors({"__metadata__": {"a": 1}, **one()}), tensors({"__metadata__": [], **one()}),
        tensors(b'{"w": 1, "w": 2}'), tensors(b"[" * 100_000), tensors(b'{"a":' * 100_000),
        tensors(b'{"w": ' + b"9" * 100_000 + b"}"), tensors(b"{\xff}"), tensors(b"{}"), tensors(b"[]"),
        tensors(one(), bytes(49)), tensors(one(), bytes(47)), b"\x01", b"{",
        tensors({str(i): one("U8", (0,), (0, 0))["w"] for i in range(10_001)}, b""),
    ],
    ids=range(37),
)  # fmt: skip
def test_headers_of_safetensors_that_lie(tmp_path: Path, refuse: Refuse, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    said = refuse(model, path).text
    assert (
        "safetensors" in said
        or "unknown type" in said
        or "10,001 tensors" in said
        or "no weights" in said
    )


def test_a_header_of_many_lists_takes_little_memory(tmp_path: Path) -> None:
    """The reader runs where the app runs, so its memory is looked at from a process of its own."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(tensors(b'{"w": [' + b"[]," * (2**21 + 2**19) + b"[]]}"))
    code = (
        "import sys, resource; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(child.__file__).parent)!r}); import child; child.light()\n"
        "from disgorge_core.models.reading.tensors import header_of\n"
        "from disgorge_core.errors import BadModel\n"
        "before = child.peak()\n"
        f"try: header_of(Path({str(path)!r}))\n"
        "except BadModel: print((child.peak() - before) // 2**20)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400


# --- layer lists --------------------------------------------------------------------------------


def nested(depth: int) -> list[Any]:
    found: list[Any] = [{"kind": "relu"}]
    for _ in range(depth):
        found = [{"kind": "residual", "options": {"layers": found}}]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "[" * 100_000 + "]" * 100_000, json.dumps(nested(5)), json.dumps(nested(300)),
        json.dumps([{"kind": "relu"}] * 1001), json.dumps(nested(1) * 600), "[NaN]", "9" * 5000, "{}", "null",
        json.dumps([{"kind": "linear", "options": {"inputs": 2**40, "outputs": 1}}]),
        json.dumps([{"kind": "conv2d", "options": {"inputs": 1, "outputs": 1, "padding": 10**9}}]),
        json.dumps([{"kind": "linear", "options": {"inputs": [[1]], "outputs": 1}}]),
        json.dumps([{"kind": "linear", "options": {"__class__": 1}}]),
        json.dumps([{"kind": "residual", "options": {"layers": [], "other": []}}]),
        json.dumps([{"kind": ["linear"]}]), json.dumps([{"kind": {"a": 1}}]), json.dumps(["os.system"]),
    ],
    ids=range(18),
)  # fmt: skip
def test_layer_lists_beyond_reason(tmp_path: Path, refuse: Refuse, text: str) -> None:
    path = tmp_path / "layers.json"
    path.write_text(text)
    refuse(lambda p: layers_from_json(p.read_bytes()), path)


# --- our own folder, as a zip -------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a saved model."""
    content = seeds.folders(tmp_path_factory.mktemp("seeds"))[0]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def about(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **changes}).encode()


def objects(_: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        inside = io.BytesIO()
        np.save(inside, np.array([{"a": 1}], object), allow_pickle=True)
        archive.writestr("shift/0.npy", inside.getvalue())
    return buffer.getvalue()


def bomb(_: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        inside = io.BytesIO()
        np.save(inside, np.zeros(2**24))
        archive.writestr("shift/0.npy", inside.getvalue() + b"0")
    return buffer.getvalue()


JSON, WEIGHTS, ARRAYS = "model/model.json", "model/weights.safetensors", "model/arrays.npz"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        (ARRAYS, objects), (ARRAYS, bomb), (ARRAYS, lambda c: c[:-30]), (ARRAYS, lambda c: b""),
        (WEIGHTS, lambda c: save(STATE)), (WEIGHTS, lambda c: tensors(one(), length=2**60)),
        (WEIGHTS, lambda c: c[:-1]), (JSON, lambda c: b"[" * 100_000), (JSON, lambda c: b"{}"),
        (JSON, lambda c: b"[]"), (JSON, about(digest="0" * 64)), (JSON, about(rule="os.system")),
        (JSON, about(format=[1])), (JSON, about(classes="abc")), (JSON, about(classes={"a": 1})),
        (JSON, about(members=[{}] * 3)), (JSON, about(members="x")), (JSON, about(members=[[]])),
        (JSON, about(recipe={"epochs": 10**30})), (JSON, about(recipe=[1])), (JSON, about(lineage=[])),
        (JSON, about(lineage={"origin": 1})), (JSON, about(layers=nested(40))), (JSON, about(layers={})),
        (JSON, about(layers=None, architecture="os:system")), (JSON, about(seen=7)),
        (JSON, about(seen=[[]] * 200_000)), (JSON, about(members=[{"kind": "backbone", "columns": []}])),
        (JSON, about(task=["classification"])), (JSON, about(name="x" * 2**20, digest=3)),
    ],
    ids=range(30),
)  # fmt: skip
def test_a_saved_model_that_lies(
    tmp_path: Path,
    refuse: Refuse,
    good: dict[str, bytes],
    name: str,
    change: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(seeds.zipped({**good, name: change(good[name])}))
    refuse(model, path)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"model/../../evil": b"x"}, "leads out"), ({"/evil": b"x"}, "leads out"),
        ({"a.zip": b"x"}, "archive"), ({"other/model.json": b"{}"}, "no model that was downloaded"),
        ({"model/model.json/x": b""}, "damaged"),
        ({"model/" + "q" * 300: b"x"}, "damaged"),
    ],
)  # fmt: skip
def test_a_zip_of_a_model_that_leads_out(
    tmp_path: Path, refuse: Refuse, good: dict[str, bytes], more: dict[str, bytes], says: str
) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(seeds.zipped({**good, **more}))
    assert says in refuse(model, path).text


def test_a_zip_bomb_of_a_model_is_never_unpacked(
    tmp_path: Path, refuse: Refuse, good: dict[str, bytes]
) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in good.items():
            archive.writestr(name, content)
        with archive.open("model/large", "w", force_zip64=True) as file:
            for _ in range(40):
                file.write(bytes(2**24))
    found = refuse(model, path)
    assert "would unpack to" in found.text and found.peak < 300


def test_a_list_of_files_without_end_is_not_read_here(tmp_path: Path, refuse: Refuse) -> None:
    """The end of the zip claims a directory of 1 GB: the app itself does not go through it."""
    path = tmp_path / "m.zip"
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (2**30).to_bytes(4, "little") + bytes(6)
    path.write_bytes(b"PK\x03\x04" + bytes(1000) + end)
    assert "zip" in refuse(model, path).text


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 not a zip", b"\0" * 1000, pickle.dumps(nn.ReLU())]
)
def test_a_zip_that_is_none(tmp_path: Path, refuse: Refuse, content: bytes) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(content)
    refuse(model, path)
