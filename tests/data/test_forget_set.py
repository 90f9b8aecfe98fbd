"""Forget sets: how they are made, combined, written, read and checked."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data import forget_set as fs
from disgorge_core.errors import BadForgetSet, BadQuery, StoreError
from disgorge_core.types import Dataset, ForgetSet, Roles


def people(digest: str = "d" * 64) -> Dataset:
    """Ten records: 0-5 train, 6-7 validation, 8-9 test; class "c" has one training record (5)."""
    owner = [f"Artist {i % 3}" for i in range(10)]
    y = np.array([0, 1, 0, 1, 0, 2, 0, 1, 0, 2])
    return Dataset(
        name="people", kind="table", task="classification", ids=np.array([f"r{i}" for i in range(10)]),
        x=pd.DataFrame({"a": np.arange(10.0)}), y=y, classes=("a", "b", "c"),
        split=np.array([0] * 6 + [1] * 2 + [2] * 2, np.int8), meta=pd.DataFrame({"owner": owner}),
        roles=Roles(id="person"), digest=digest,
    )  # fmt: skip


DATA = people()


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(BadForgetSet) as error:
        call(*arguments)  # type: ignore[operator]
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_a_query_makes_a_set_that_says_so() -> None:
    forget = fs.where(DATA, " owner == 'Artist 1' ", name="opt-out", author="A", reason="GDPR 17")
    assert forget.ids == ("r1", "r4", "r7")
    assert forget.made == ("where owner == 'Artist 1'",)
    assert (forget.name, forget.author, forget.reason) == ("opt-out", "A", "GDPR 17")
    assert not forget.by_looking
    assert forget.mask(DATA).tolist() == [i in (1, 4, 7) for i in range(10)]
    with pytest.raises(BadQuery):
        fs.where(DATA, "ownr == 1")


def test_ids_are_sorted_and_unique() -> None:
    assert fs.of(DATA, ["r9", "r1", "r9"]).ids == ("r1", "r9")
    assert fs.of(DATA, ["r9", "r1"]).digest == fs.of(DATA, ["r1", "r9"]).digest


def test_looking_at_the_model_is_remembered() -> None:
    mask = np.zeros(10, bool)
    mask[3] = True
    looked = fs.from_mask(DATA, mask, "lasso (5 corners)", by_looking=True)
    blind = fs.of(DATA, ["r1"])
    assert (looked | blind).by_looking
    assert (blind - looked).by_looking
    assert not (blind | fs.of(DATA, ["r2"])).by_looking


def test_algebra_is_that_of_sets() -> None:
    a, b = fs.of(DATA, ["r1", "r2", "r3"], author="A"), fs.of(DATA, ["r3", "r4"], author="B")
    assert (a | b).ids == fs.union(a, b).ids == ("r1", "r2", "r3", "r4")
    assert (a & b).ids == fs.intersection(a, b).ids == ("r3",)
    assert (a - b).ids == fs.difference(a, b).ids == ("r1", "r2")
    assert (a | b).made == ("3 ids", "or (2 ids)")
    assert (a | b).author == "A; B"
    assert fs.union(a) is a
    assert "different datasets" in refused(lambda: a | fs.of(people("e" * 64), ["r1"]))


def test_a_file_brings_back_the_same_set(tmp_path: Path) -> None:
    forget = fs.where(DATA, "owner == 'Artist 1'", reason="é") | fs.of(DATA, ["r9"])
    fs.save(forget, tmp_path / "f.json")
    again = fs.load(tmp_path / "f.json")
    assert asdict(again) == asdict(forget)
    assert again.digest == forget.digest


def test_a_changed_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    fs.save(fs.of(DATA, ["r1"]), path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "ids": ["r1", "r2"]}))
    assert "was changed" in refused(fs.load, path)
    for foreign in ("[]", "{}", '{"digest": 1, "ids": [], "made": [], "x": 1}', "3"):
        path.write_text(foreign)
        assert "no forget set" in refused(fs.load, path)
    path.write_text("{")
    with pytest.raises(StoreError):
        fs.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"r1\nr4\n",
        b"\xef\xbb\xbfr1\r\nr4\r\n\r\n",
        b"  r1 \nr4",
        b"id\nr1\nr4\n",
        b"person\nr4\nr1\n",
        b"why,person\nGDPR,r1\n\"asked, twice\",r4\n",
        b"r1,because\nr4,because\n",
    ],
)  # fmt: skip
def test_ids_are_read_from_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ids").write_bytes(content)
    forget = fs.from_file(DATA, tmp_path / "ids", name="uploaded")
    assert forget.ids == ("r1", "r4")
    assert forget.made == ("2 ids from a file",)
    assert forget.name == "uploaded"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no ids"),
        (b"id\n", "holds no ids"),
        (b"r1\nr77\n", "1 record of the list is not in this dataset: 'r77'"),
        (b"x1\nx2\nx3\nx4\n", "4 records of the list are not in this dataset: 'x1', 'x2', 'x3'."),
        (b"\xff\xfer\x001\x00", "not UTF-8"),
        (b'a,b\n"unclosed,r1\n', "no CSV"),
        (b"PK\x03\x04\x00\x00", "not in this dataset"),
        (b"r1\n" + b"y" * 200_000, "not in this dataset"),
        (b"r1,x\n" + b"y" * 200_000 + b",\n", "no CSV"),
    ],
)
def test_bad_files_of_ids_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "ids").write_bytes(content)
    message = refused(fs.from_file, DATA, tmp_path / "ids")
    assert says in message
    assert len(message) < 400


def test_a_huge_file_of_ids_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fs, "LARGEST_FILE", 3)
    (tmp_path / "ids").write_bytes(b"r1\nr4")
    assert "above 256 MB" in refused(fs.from_file, DATA, tmp_path / "ids")


@pytest.mark.parametrize("mask", [np.zeros(9, bool), np.zeros(10), np.zeros((10, 1), bool)])
def test_a_wrong_mask_is_refused(mask: np.ndarray) -> None:
    assert "for each of the 10 records" in refused(fs.from_mask, DATA, mask, "drawn")


def test_check_counts_by_split_and_warns() -> None:
    standing = fs.check(DATA, fs.of(DATA, ["r1", "r6", "r8", "r9"]))
    assert (standing.train, standing.validation, standing.test) == (1, 1, 2)
    assert standing.warnings == ("1 record of validation and 2 of test are taken out there too.",)


def test_check_warns_when_a_class_goes_whole() -> None:
    (warning,) = fs.check(DATA, fs.of(DATA, ["r5"])).warnings
    assert "No training record of the class 'c' is left" in warning
    assert fs.check(DATA, fs.of(DATA, ["r0"])).warnings == ()


@pytest.mark.parametrize(
    ("forget", "says"),
    [
        (ForgetSet((), DATA.digest), "is empty"),
        (ForgetSet(tuple(map(str, DATA.ids)), DATA.digest), "every training record"),
        (ForgetSet(tuple(f"r{i}" for i in range(6)), DATA.digest), "every training record"),
        (ForgetSet(("r7", "r8"), DATA.digest), "None of the 2 chosen records is in the training"),
        (ForgetSet(("nobody",), DATA.digest), "'nobody'"),
        (ForgetSet(("r1",), "e" * 64), "another dataset"),
    ],
)
def test_check_refuses(forget: ForgetSet, says: str) -> None:
    assert says in refused(fs.check, DATA, forget)


def test_a_regression_has_no_classes_to_lose() -> None:
    data = replace(people(), task="regression", classes=(), y=np.arange(10.0))
    assert fs.check(data, fs.of(data, ["r5"])).warnings == ()
