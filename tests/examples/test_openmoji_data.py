"""The vendored OpenMoji data: complete, free of names, and split without leaks."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "openmoji"
ROW = re.compile(r"^\| (Artist \d+) \| (.+?)(?: \(also credited as (.+)\))? \| (\d+) \|$", re.M)


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "openmoji.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def credits() -> list[tuple[str, str, str, str]]:
    return ROW.findall((FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8"))


def named(data: dict[str, np.ndarray], column: str) -> np.ndarray:
    return data[f"{column}_names"][data[column]]


def test_shapes_and_types(data):
    n = len(data["ids"])
    assert data["x"].shape == (n, 32, 32, 3) and data["x"].dtype == np.uint8
    for name in ("label", "owner", "subgroup", "near", "split"):
        assert data[name].shape == (n,) and data[name].dtype == np.int16
    for name in ("ids", "title", "label_names", "owner_names", "subgroup_names", "split_names"):
        assert data[name].dtype.kind == "U"
    assert (FOLDER / "openmoji.npz").stat().st_size < 2_500_000


@pytest.mark.parametrize("column", ["label", "owner", "subgroup", "split"])
def test_codes_count_from_zero_into_distinct_names(data, column):
    names = data[f"{column}_names"]
    assert len(set(names)) == len(names)
    assert sorted(set(data[column].tolist())) == list(range(len(names)))


def test_ids_are_unique(data):
    assert len(set(data["ids"])) == len(data["ids"]) == 4495


def test_no_cluster_crosses_splits(data):
    pairs = set(zip(data["near"].tolist(), data["split"].tolist(), strict=True))
    assert len(pairs) == len(set(data["near"].tolist())) == data["near"].max() + 1


def test_equal_pixels_share_a_cluster(data):
    cluster: dict[bytes, int] = {}
    for pixels, near in zip(data["x"], data["near"].tolist(), strict=True):
        assert cluster.setdefault(pixels.tobytes(), near) == near


def test_skin_tone_variants_share_a_cluster(data):
    cluster: dict[str, int] = {}
    for hexcode, near in zip(data["ids"].tolist(), data["near"].tolist(), strict=True):
        assert cluster.setdefault(re.sub("-?1F3F[B-F]", "", hexcode), near) == near or (
            hexcode in {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}  # the swatches themselves
        )
    near_of = dict(zip(data["ids"].tolist(), data["near"].tolist(), strict=True))
    assert near_of["1F44B"] == near_of["1F44B-1F3FB"] == near_of["1F44B-1F3FF"]
    assert near_of["1F44B"] != near_of["1F600"]


def test_some_near_duplicates_cross_artists(data):
    held_by = Counter(near for near, _ in set(zip(data["near"], data["owner"], strict=True)))
    assert sum(artists > 1 for artists in held_by.values()) == 44


@pytest.mark.parametrize(
    ("hexcode", "label"),
    [
        ("1F600", "smileys-emotion"),
        ("1F34E", "food-drink"),
        ("1F436", "animals-nature"),
        ("1F44B-1F3FD", "people-body"),
        ("1F1EB-1F1F7", "flags"),
        ("2708", "travel-places"),
        ("2648", "symbols"),
        ("1F528", "objects"),
        ("26BD", "activities"),
        ("E000", "animals-nature"),  # OpenMoji's own, by its subgroup
        ("E040", "extras"),
    ],
)
def test_known_pictures_have_their_label(data, hexcode, label):
    (row,) = np.flatnonzero(data["ids"] == hexcode)
    assert named(data, "label")[row] == label


def test_class_counts(data):
    assert Counter(named(data, "label").tolist()) == {
        "people-body": 2434,
        "flags": 346,
        "symbols": 340,
        "objects": 285,
        "extras": 266,
        "travel-places": 242,
        "smileys-emotion": 175,
        "animals-nature": 171,
        "food-drink": 151,
        "activities": 85,
    }


def test_every_label_is_split_70_10_20(data):
    for label in range(len(data["label_names"])):
        counts = np.bincount(data["split"][data["label"] == label], minlength=3)
        assert np.abs(counts / counts.sum() - [0.7, 0.1, 0.2]).max() < 0.02


def test_pictures_are_drawn_on_white(data):
    corners = data["x"][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 250).all(axis=(1, 2)).mean() > 0.99
    assert (data["x"] < 200).any(axis=(1, 2, 3)).mean() > 0.99


def test_attribution_lists_every_artist_and_count(data, credits):
    listed = {code: int(count) for code, _, _, count in credits}
    assert listed == Counter(named(data, "owner").tolist())
    assert list(listed.values()) == sorted(listed.values(), reverse=True)
    notice = (FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in notice and "creativecommons.org/licenses/by-sa/4.0/legalcode" in notice


def test_no_real_name_outside_the_attribution(data, credits):
    texts = [" ".join(a.ravel().tolist()) for a in data.values() if a.dtype.kind == "U"]
    texts += [(FOLDER / f).read_text(encoding="utf-8") for f in ("README.md", "derive.py")]
    text = "\n".join(texts).casefold()
    names = [name for _, *names, _ in credits for name in names if name]
    assert len(names) >= 119
    assert [name for name in names if name.casefold() in text] == []


def test_digest_stands_in_the_readme(data):
    total = hashlib.sha256()
    for name in sorted(data):
        array = np.ascontiguousarray(data[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    assert total.hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")
