"""open: cases of plain files, examples and the user's own network, whose code comes from no upload."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from disgorge_core.__main__ import main
from disgorge_core.cases import Cases
from disgorge_core.errors import BadModel
from disgorge_core.models import own_code
from disgorge_core.models.prediction import logits
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe
from tests.commands.conftest import Call

CODE = """
import torch
from torch import nn

class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(3, 8), nn.Linear(3, 8), nn.Linear(8, 2)
    def forward(self, x):
        return self.out(torch.tanh(self.a(x)) * torch.sigmoid(self.b(x)))

def build():
    return Gate()

def number():
    return 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the user's package, table and weights; the current folder."""
    (tmp_path / "ownnets.py").write_text(CODE)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["u", "v", "w"])
    frame["label"] = np.where(frame["u"] > 0, "yes", "no")
    frame["id"] = [f"p{i}" for i in range(60)]
    frame.to_parquet(tmp_path / "people.parquet")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISGORGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(own_code.ALLOWED, "")
    save_file({k: v.contiguous() for k, v in network().state_dict().items()}, "w.safetensors")
    return tmp_path


def network() -> nn.Module:
    torch.manual_seed(4)
    return own_code.build("ownnets:build")


def open_it(*more: str) -> int:
    given = ["open", "--model", "ownnets:build", "--weights", "w.safetensors", "--data"]
    return main([*given, "people.parquet", "--label", "label", "--id", "id", "--only-make", *more])


def test_the_case_holds_the_network_with_its_weights(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ("--trained-on", "train", "--recipe-epochs", "7", "--recipe-lr", "0.1")
    assert open_it("--preprocessing", "raw", *known) == 0
    cases = Cases(Workspace(own / "home"))
    case = cases.list()[0]
    assert f"/explore?case={case.id}" in capsys.readouterr().out
    model, data = cases.model(case.models[0]), cases.dataset(case.dataset)
    with torch.no_grad():
        wanted = network()(torch.tensor(data.x.to_numpy(np.float32))).numpy()
    assert np.allclose(logits(model, data.x), wanted, atol=1e-6)
    assert model.recipe == Recipe(epochs=7, lr=0.1)
    assert model.seen is not None and len(model.seen) == len(data.rows("train"))


def test_what_was_not_said_of_it_is_unknown(own: Path) -> None:
    assert open_it() == 0
    cases = Cases(Workspace(own / "home"))
    model = cases.model(cases.list()[0].models[0])
    assert model.recipe is None and model.seen is None


def test_its_code_is_not_imported_unless_the_owner_said_so(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_it()
    cases = Cases(Workspace(own / "home"))
    monkeypatch.setenv(own_code.ALLOWED, "")
    with pytest.raises(BadModel, match="own code"):
        cases.model(cases.list()[0].models[0])


def test_problems_are_one_sentence_and_exit_status_2(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["open", "--model", "ownnets:missing", "--data", "people.parquet", "--only-make"]
    assert main([*wrong, "--quiet"]) == 2
    assert main([*wrong[:2], "ownnets:number", *wrong[3:], "--quiet"]) == 2
    save_file({"a.weight": torch.zeros(2, 2)}, "w.safetensors")
    assert open_it("--quiet") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3
    assert "cannot be imported" in lines[0] and "do not fit" in lines[2]


def test_plain_files_make_a_case(own: Path, call: Call) -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    torch.save(net.state_dict(), "plain.pt")
    words = ["open", "--data", "people.parquet", "--label", "label", "--only-make", "--json"]
    status, said, _ = call(
        *words, "--model", "plain.pt", "--preprocessing", "raw", "--name", "Mine"
    )
    assert status == 0
    cases = Cases(Workspace(own / "home"))
    case = cases.get(json.loads(said)["case"])
    assert case.name == "Mine"
    model, data = cases.model(case.models[0]), cases.dataset(case.dataset)
    with torch.no_grad():
        wanted = net(torch.tensor(data.x.to_numpy(np.float32))).numpy()
    assert np.allclose(logits(model, data.x), wanted, atol=1e-6)
    assert call(*words)[0] == 0  # data alone
    assert cases.list()[0].models == ()


def test_an_example_or_nothing_at_all(own: Path, call: Call) -> None:
    status, said, _ = call("open", "--example", "digits", "--only-make")
    assert status == 0 and said.strip() == "http://127.0.0.1:8501/explore?case=digits"
    assert Cases(Workspace(own / "home")).get("digits").example == "digits"
    assert call("open", "--only-make", "--port", 9000)[1].strip() == "http://127.0.0.1:9000/"
    status, _, problem = call("open", "--model", "plain.pt", "--only-make")
    assert status == 2 and "A model needs its data" in problem


def test_a_port_that_is_taken_is_said(own: Path, call: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, problem = call("open", "--port", taken.getsockname()[1])
    assert status == 2 and "is in use. Choose another with --port." in problem
