"""Models from files: good ones answer as before, bad ones are refused in words, nothing runs."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from disgorge_core.data.address import addressed
from disgorge_core.data.preprocessing import fixed_pixels
from disgorge_core.errors import BadModel
from disgorge_core.models.blueprint import plain_layers
from disgorge_core.models.fit_check import apply_class_order, class_order_check
from disgorge_core.models.loading import load_model, open_model, read_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.reading import words
from disgorge_core.models.saved import export, save_model
from disgorge_core.models.wrap import wrap
from disgorge_core.registry import MODEL_FORMATS
from disgorge_core.types import Dataset, Layer, Recipe, Roles

CLASSES = ("ant", "bee", "cat")
pytestmark = pytest.mark.usefixtures("read_here")


def pictures(n: int = 90) -> Dataset:
    """Three classes, told apart by the brightest channel."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = rng.integers(0, 100, (n, 4, 4, 3)).astype(np.uint8)
    x[np.arange(n), :, :, y] += 120
    return addressed(
        Dataset(
            name="p", kind="image", task="classification", ids=np.array([f"r{i}" for i in range(n)]),
            x=x, y=y, classes=CLASSES, split=(np.arange(n) % 5 == 0).astype(np.int8) * 2,
            meta=pd.DataFrame(index=range(n)), roles=Roles(), digest="",
        )
    )  # fmt: skip


DATA = pictures()


def network() -> nn.Sequential:
    """Global mean of each channel, then the identity: right for every record."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        net[1].weight.zero_()
        net[1].bias.zero_()
        for channel in range(3):
            net[1].weight[channel, 16 * channel : 16 * channel + 16] = 1.0
        net[3].weight.copy_(torch.eye(3, 6))
        net[3].bias.zero_()
    return net


def torch_file(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def accuracy(model: Any) -> float:
    return float((logits(model, DATA.x).argmax(1) == DATA.y).mean())


def expected(net: nn.Module) -> np.ndarray:
    with torch.no_grad():
        x = torch.from_numpy(DATA.x.transpose(0, 3, 1, 2).astype(np.float64) / 255).float()
        return net(x).numpy()


def refused(call: Callable[..., Any], *arguments: Any, **how: Any) -> str:
    with pytest.raises(BadModel) as error:
        call(*arguments, **how)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    assert error.value.remedy
    return message


# --- good files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1, "state": {}}},
        lambda state: {"model": dict(state), "args": [1, "x", None, True]},
        lambda state: {"checkpoint": 1, "model": {"state_dict": state}},
    ],
)
def test_state_dicts_and_checkpoints_answer_as_before(tmp_path: Path, wrapped: Callable) -> None:
    net = network()
    path = torch_file(tmp_path / "m.pt", wrapped(net.state_dict()))
    found = open_model(path, DATA)
    assert np.allclose(logits(found.model, DATA.x), expected(net), atol=1e-5)
    assert found.proposal is not None
    assert accuracy(found.model) == 1.0
    assert found.model.lineage.origin == "uploaded"
    assert found.model.lineage.trained_on == "unknown"
    assert found.model.seen is None
    assert any("'raw' was assumed" in note for note in found.notes)


def test_safetensors_answer_as_before(tmp_path: Path) -> None:
    net = network()
    save_file(net.state_dict(), tmp_path / "m.safetensors")
    model = load_model(
        tmp_path / "m.safetensors", DATA, trained_on="train", recipe=Recipe(epochs=2)
    )
    assert np.allclose(logits(model, DATA.x), expected(net), atol=1e-5)
    assert model.seen == tuple(sorted(DATA.ids[DATA.rows("train")]))
    assert model.lineage.trained_on == "stated"
    assert model.recipe == Recipe(epochs=2)


def test_an_exported_file_opens_without_questions(tmp_path: Path) -> None:
    net = network()
    net[2] = nn.Tanh()
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    model = load_model(path, DATA, architecture={"activation": "tanh"})
    assert np.allclose(logits(model, DATA.x), expected(net), atol=1e-5)
    found = open_model(export(model, tmp_path / "out.safetensors"), DATA)
    assert found.proposal is None
    assert found.model.digest == model.digest
    back = torch.load(export(model, tmp_path / "out.pt"), weights_only=True)
    assert list(back) == list(net.state_dict())


def test_a_layer_list_beside_the_file_or_in_the_call_is_used(tmp_path: Path) -> None:
    net = network()
    net[2] = nn.GELU()
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    layers = (
        Layer("flatten"), Layer("linear", "1", {"inputs": 48, "outputs": 6}), Layer("gelu"),
        Layer("linear", "3", {"inputs": 6, "outputs": 3}),
    )  # fmt: skip
    given = load_model(path, DATA, architecture=layers)
    (tmp_path / "m.layers.json").write_text(json.dumps(plain_layers(layers)))
    beside = open_model(path, DATA)
    assert beside.proposal is None
    for model in (given, beside.model):
        assert np.allclose(logits(model, DATA.x), expected(net), atol=1e-5)


def test_a_registered_architecture_and_a_proposal_are_used(tmp_path: Path) -> None:
    net = network()
    renamed = {
        k.replace("1.", "hidden.0.").replace("3.", "head."): v for k, v in net.state_dict().items()
    }
    path = torch_file(tmp_path / "m.pt", renamed)
    model = load_model(path, DATA, architecture="mlp", settings={"width": 6})
    assert np.allclose(logits(model, DATA.x), expected(net), atol=1e-5)
    assert model.architecture == "mlp"
    proposal = open_model(path, DATA).proposal
    assert np.allclose(logits(load_model(path, DATA, architecture=proposal), DATA.x), expected(net))
    assert "no weights 'hidden.1.weight'" in refused(
        load_model, path, DATA, architecture="mlp", settings={"width": 6, "depth": 2}
    )


def test_our_folder_is_a_model_of_its_own(tmp_path: Path) -> None:
    model = load_model(torch_file(tmp_path / "m.pt", network().state_dict()), DATA)
    assert load_model(save_model(model, tmp_path / "m"), DATA).digest == model.digest


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_and_said(tmp_path: Path, kind: torch.dtype) -> None:
    path = torch_file(tmp_path / "m.pt", network().to(kind).state_dict())
    found = open_model(path, DATA)
    assert any("4 tensors in half precision" in note for note in found.notes)
    assert all(p.dtype == torch.float32 for p in found.model.network.parameters())
    assert accuracy(found.model) == 1.0


def test_tied_weights_and_transposed_tensors_come_in_whole(tmp_path: Path) -> None:
    shared = torch.randn(3, 3)
    state = {"0.weight": shared.t(), "0.bias": shared[0], "1.weight": shared, "1.bias": shared[1]}
    found = read_model(torch_file(tmp_path / "m.pt", state))
    assert all(torch.equal(found.state[key], value) for key, value in state.items())


def test_stated_pixels_are_used(tmp_path: Path) -> None:
    net = network()
    p = fixed_pixels(3, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    found = open_model(path, DATA, preprocessing=p)
    assert found.model.preprocessing is p
    assert found.notes == ()
    standard = load_model(path, DATA, preprocessing="standard")
    assert standard.preprocessing.fitted


def test_a_table_model_meets_its_columns(tmp_path: Path) -> None:
    x = pd.DataFrame({"a": np.linspace(-1, 3, 50), "b": pd.Categorical(["u", "v"] * 25)})
    data = replace(DATA, kind="table", x=x, meta=x, y=DATA.y[:50],
                      ids=DATA.ids[:50], split=DATA.split[:50])  # fmt: skip
    net = nn.Linear(3, 3)
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    raw = load_model(path, data, preprocessing="raw")
    encoded = np.column_stack([x["a"], x["b"] == "u", x["b"] == "v"]).astype(np.float32)
    with torch.no_grad():
        assert np.allclose(logits(raw, x), net(torch.from_numpy(encoded)).numpy(), atol=1e-6)
    rows = data.rows("train")
    z = (encoded - encoded[rows].mean(0)) / encoded[rows].std(0)
    with torch.no_grad():
        said = net(torch.from_numpy(z.astype(np.float32))).numpy()
    assert np.allclose(logits(load_model(path, data), x), said, atol=1e-4)
    wide = torch_file(tmp_path / "w.pt", nn.Linear(4, 3).state_dict())
    assert "takes 4 numbers, but 3 arrive" in refused(load_model, wide, data)


# --- class order --------------------------------------------------------------------------------


def test_permuted_classes_are_found_and_put_right(tmp_path: Path) -> None:
    net = network()
    order = [2, 0, 1]  # output 0 is class 2 ...
    with torch.no_grad():
        net[3].weight.copy_(net[3].weight[order].clone())
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    model = load_model(path, DATA)
    found = class_order_check(model, DATA)
    assert found.accuracy == 0.0
    assert found.best == 1.0
    assert found.suggested
    assert accuracy(apply_class_order(model, found.order)) == 1.0
    assert accuracy(model) == 0.0
    stated = load_model(path, DATA, classes=[CLASSES[k] for k in order])
    assert accuracy(stated) == 1.0
    assert not class_order_check(stated, DATA).suggested


def test_a_model_that_knows_nothing_is_not_offered_another_order() -> None:
    torch.manual_seed(0)
    model = wrap(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), DATA)
    with torch.no_grad():
        model.network[1].weight.zero_()
    found = class_order_check(model, DATA)
    assert found.best < 0.5
    assert not found.suggested


def test_class_lists_and_orders_are_checked(tmp_path: Path) -> None:
    path = torch_file(tmp_path / "m.pt", network().state_dict())
    says = refused(load_model, path, DATA, classes=["ant", "bee", "dog"])
    assert "cat, dog" in says
    assert "ant, bee, cat" in says
    assert "one class twice" in refused(
        load_model, path, DATA, classes=["ant", "bee", "cat", "cat"]
    )
    assert "each of the 3 outputs" in refused(apply_class_order, load_model(path, DATA), [0, 0, 1])


# --- what does not fit --------------------------------------------------------------------------


def test_what_does_not_fit_the_dataset_is_said_in_numbers(tmp_path: Path) -> None:
    four = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    says = refused(load_model, torch_file(tmp_path / "a.pt", four.state_dict()), DATA)
    assert "gives 4 numbers, the dataset needs 3" in says
    small = nn.Sequential(nn.Flatten(), nn.Linear(50, 3))
    says = refused(load_model, torch_file(tmp_path / "b.pt", small.state_dict()), DATA)
    assert "takes 50 numbers, but 48 arrive" in says
    model = load_model(torch_file(tmp_path / "c.pt", network().state_dict()), DATA)
    folder = save_model(model, tmp_path / "m")
    other = replace(DATA, classes=("x", "y", "z"))
    assert "(ant, bee, cat), the dataset 3 (x, y, z)" in refused(load_model, folder, other)
    assert "no preprocessing 'x'" in refused(load_model, tmp_path / "c.pt", DATA, preprocessing="x")
    assert "names no records" in refused(load_model, tmp_path / "c.pt", DATA, trained_on="some")
    says = refused(load_model, tmp_path / "c.pt", DATA, trained_on=["r1", "nobody"])
    assert "1 of the 2 ids are not in the dataset, such as 'nobody'" in says


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    net = network()
    with torch.no_grad():
        net[3].bias[1] = value
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    assert "'3.bias' hold values that are infinite or not a number" in refused(
        load_model, path, DATA
    )


def test_weights_of_other_types_are_named(tmp_path: Path) -> None:
    state = {"0.weight": torch.ones(3, 48, dtype=torch.int8)}
    assert "'0.weight' are int8" in refused(read_model, torch_file(tmp_path / "m.pt", state))


# --- hostile files ------------------------------------------------------------------------------


class Payload:
    """Pickled, it asks the reader to make a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def zipped(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".safetensors", ".bin", ""])
def test_payloads_never_run(tmp_path: Path, suffix: str) -> None:
    mark = tmp_path / "mark"
    bare = tmp_path / f"bare{suffix}"
    bare.write_bytes(pickle.dumps({"0.weight": Payload(mark)}))
    inside = torch_file(
        tmp_path / f"inside{suffix}", {"0.weight": torch.ones(3, 48), "x": Payload(mark)}
    )
    old = tmp_path / f"old{suffix}"
    torch.save({"x": Payload(mark)}, old, _use_new_zipfile_serialization=False)
    newest = zipped(
        tmp_path / f"newest{suffix}", {"a/data.pkl": pickle.dumps(Payload(mark), protocol=4)}
    )
    for path in (bare, inside, old, newest):
        says = refused(load_model, path, DATA)
        assert not mark.exists()
        if suffix != ".safetensors":
            assert "torch.save(model.state_dict(), 'model.pt')" in says
    with pytest.raises(
        FileNotFoundError
    ):  # the payload is real: reading it the careless way does run
        pickle.loads(pickle.dumps(Payload(mark / "deep")))  # noqa: S301


def test_a_whole_module_is_refused_by_name(tmp_path: Path) -> None:
    says = refused(load_model, torch_file(tmp_path / "m.pt", network()), DATA)
    assert "torch.nn.modules.container.Sequential" in says
    assert "a whole module" in says


@pytest.mark.filterwarnings("ignore")
def test_torchscript_and_export_are_refused_by_name(tmp_path: Path) -> None:
    torch.jit.script(network()).save(str(tmp_path / "script.pt"))
    assert "TorchScript" in refused(load_model, tmp_path / "script.pt", DATA)
    program = torch.export.export(network(), (torch.rand(2, 3, 4, 4),))
    torch.export.save(program, tmp_path / "program.pt2")
    assert "torch.export" in refused(load_model, tmp_path / "program.pt2", DATA)


@pytest.mark.parametrize("keep", [0, 1, 2, 3, 50, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_cut_files_are_refused(tmp_path: Path, keep: float, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    torch_file(path, network().state_dict()) if suffix == ".pt" else save_file(
        network().state_dict(), path
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    says = refused(load_model, path, DATA)
    assert "is empty" in says if keep == 0 else "file" in says


def test_damaged_files_never_do_worse_than_refuse(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    torch_file(tmp_path / "m.pt", network().state_dict())
    save_file(network().state_dict(), tmp_path / "m.safetensors")
    for path in (tmp_path / "m.pt", tmp_path / "m.safetensors"):
        content = path.read_bytes()
        for place in rng.integers(0, len(content), 150):
            flipped = bytes([content[place] ^ rng.integers(1, 256)])
            path.write_bytes(content[:place] + flipped + content[place + 1 :])
            try:
                load_model(path, DATA)
            except BadModel as error:
                assert len(str(error).splitlines()) == 1


def test_a_compressed_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    members = {"a/data.pkl": b"\x80\x02}.", "a/data/0": b"\0" * 50_000_000}
    path = zipped(tmp_path / "bomb.pt", members, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "compressed" in refused(load_model, path, DATA)


def test_views_that_claim_more_than_the_file_holds_are_refused(tmp_path: Path) -> None:
    huge = torch.zeros(1).expand(10**6, 10**6)
    path = torch_file(tmp_path / "m.pt", {"0.weight": huge})
    assert path.stat().st_size < 10_000
    assert "claim more numbers than the file holds" in refused(load_model, path, DATA)
    many = torch.zeros(10_000)
    path = torch_file(tmp_path / "n.pt", {f"{i}.weight": many for i in range(50)})
    assert "claim more numbers than the file holds" in refused(load_model, path, DATA)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "holds no weights"),
        ([1, 2], "no dictionary of tensors"),
        ({"a": 1}, "no dictionary of tensors"),
        ({"0.weight": torch.ones(2, 2).to_sparse()}, "holds"),
        ({"0.weight": torch.ones(2), "a\nb": torch.ones(2)}, "A tensor is named 'a\\nb'"),
        ({"weight": bytearray(5)}, "holds"),
        ({"x": np.ones(3)}, "holds numpy"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, says: str) -> None:
    assert says in refused(load_model, torch_file(tmp_path / "m.pt", content), DATA)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "no state dict"),
        ({"readme.txt": b"hello"}, "no state dict"),
        ({"a/data.pkl": b""}, "damaged"),
        ({"a/data.pkl": b"\x80\x02c__builtin__\neval\n."}, "__builtin__.eval"),
        ({"a/data.pkl": b"\x80\x02cbuiltins\nbytearray\n."}, "builtins.bytearray"),
        ({"a/data.pkl": b"\x80\x02}.", "a/version": b"3"}, "holds no weights"),
    ],
)
def test_zips_that_are_no_state_dict_are_refused(
    tmp_path: Path, members: dict[str, bytes], says: str
) -> None:
    assert says in refused(load_model, zipped(tmp_path / "m.pt", members), DATA)


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = torch_file(tmp_path / "m.pt", network().state_dict())
    assert "the limit is 0.0 MB" in refused(load_model, path, DATA, limit=1000)
    monkeypatch.setattr(words, "LARGEST", 10)
    assert "list of tensors in the file is too long" in refused(load_model, path, DATA)
    monkeypatch.setattr("disgorge_core.models.weights.MOST_TENSORS", 3)
    save_file(network().state_dict(), tmp_path / "m.safetensors")
    assert "holds 4 tensors" in refused(load_model, tmp_path / "m.safetensors", DATA)


def test_a_bad_layer_list_in_a_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for layers, says in (("{", "not JSON"), ("[" * 99_999, "not JSON"), ("[]", "not a list")):
        save_file(network().state_dict(), path, {"layers": layers})
        assert says in refused(load_model, path, DATA)


def test_other_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "no model of a known kind" in refused(load_model, tmp_path / "notes.txt", DATA)
    assert "The folder is no model" in refused(load_model, tmp_path, DATA)
    assert "no such file" in refused(load_model, tmp_path / "none.pt", DATA)
    (tmp_path / "m.pt").write_text("hello")
    assert "no PyTorch state dict" in refused(load_model, tmp_path / "m.pt", DATA)


def test_every_format_describes_itself() -> None:
    assert {"folder", "safetensors", "skops", "state_dict"} <= set(MODEL_FORMATS)
    for kind in MODEL_FORMATS.values():
        assert kind.title
        assert kind.__doc__


# --- wrapped ------------------------------------------------------------------------------------


def test_a_wrapped_module_answers_as_before_and_is_a_copy() -> None:
    net = network()
    model = wrap(net, DATA, Recipe(epochs=2), name="mine", trained_on=["r1", "r2"])
    before = logits(model, DATA.x)
    assert np.allclose(before, expected(net), atol=1e-5)
    with torch.no_grad():
        net[3].weight.zero_()
    assert np.array_equal(logits(model, DATA.x), before)
    assert model.layers is None
    assert model.seen == ("r1", "r2")
    assert model.lineage.trained_on == "stated"


class Broken(nn.Module):
    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer(x)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: x, "one row of numbers for each record"),
        (lambda x: x.flatten(1)[:, :2], "gives 2 numbers for a record, the dataset needs 3"),
        (lambda x: x.flatten(1)[:1, :3], "one row of numbers for each record"),
        (lambda x: x.mean(), "cannot read a record"),
        (lambda x: (x, x), "cannot read a record"),
        (lambda x: x @ x.flatten(1), "cannot read a record"),
        (lambda x: x.flatten(1)[:, :3] / 0 - x.flatten(1)[:, :3] / 0, "infinite or not a number"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(answer: Callable, says: str) -> None:
    assert says in refused(wrap, Broken(answer), DATA)


def test_only_modules_are_wrapped() -> None:
    assert "A dict is no network" in refused(wrap, network().state_dict() and {}, DATA)


def test_scaling_is_fitted_to_the_records_that_were_seen(tmp_path: Path) -> None:
    """A reference that never saw some records must not know their pixels either."""
    net = network()
    path = torch_file(tmp_path / "m.pt", net.state_dict())
    seen = [str(name) for name in DATA.ids[DATA.rows("train")[10:]]]
    model = load_model(path, DATA, preprocessing="standard", trained_on=seen)
    own = DATA.x[[DATA.row_of[name] for name in seen]].astype(np.float64)
    assert np.allclose(model.preprocessing.shift, own.mean((0, 1, 2)))
    assert np.allclose(model.preprocessing.scale, 1 / own.std((0, 1, 2)))
    assert wrap(net, DATA, preprocessing="standard", trained_on=seen).preprocessing.shift == (
        pytest.approx(own.mean((0, 1, 2)))
    )
