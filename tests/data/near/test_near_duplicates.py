"""Near-duplicates against slow definitions on small real data, and planted copies that must be found."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.fft import dctn

from disgorge_core import features
from disgorge_core.data.near import equal_content, near_duplicates, search
from disgorge_core.data.near.pictures import hashes
from disgorge_core.data.near.vectors import encoded
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.examples.shipped import example
from disgorge_core.types import Array
from tests.data.near.conftest import dataset


def slow_clusters(n: int, pairs: list[tuple[int, int]]) -> Array:
    """Each record takes the smallest number that a chain of pairs leads to, then these are numbered."""
    low = list(range(n))
    for _ in range(n):
        before = list(low)
        for i, j in pairs:
            low[i] = low[j] = min(low[i], low[j])
        if low == before:
            break
    firsts = sorted(set(low))
    return np.array([firsts.index(value) for value in low])


def as_set(pairs: Array) -> set[tuple[int, int]]:
    return set(map(tuple, pairs.tolist()))


# --- pictures ---------------------------------------------------------------------------------------


def slow_hash(picture: Array) -> Array:
    """64 bits by scipy's cosine transform: above the median of the lowest frequencies or not."""
    grey = picture.astype(float).mean(2)
    waves = dctn(grey, type=2)[:8, :8] / 4  # scipy's DCT-II is twice the sum, in each direction
    low = np.round(waves / grey.size, 3).ravel()
    return low > np.median(low[1:])


def shifted(picture: Array) -> list[Array]:
    right = np.concatenate([picture[:, :1], picture[:, :-1]], 1)
    down = np.concatenate([picture[:1], picture[:-1]], 0)
    return [picture, right, down]


def test_hash_is_that_of_scipys_cosine_transform(digits: Array) -> None:
    found = hashes(dataset("image", digits[:50], 50), np.arange(50))
    for way in range(3):
        bits = np.unpackbits(found.codes[way].view(np.uint8).reshape(50, 8), axis=1)
        wanted = np.array([slow_hash(shifted(picture)[way]) for picture in digits[:50]])
        assert (bits == wanted).mean() > 0.999  # a tie with the median may fall either way


@pytest.mark.parametrize("most", [2, 4, 6])
def test_alike_pictures_are_those_of_a_plain_double_loop(digits: Array, most: int) -> None:
    x = digits[:120]
    found = near_duplicates(dataset("image", x, 120), "perceptual", most)
    three = hashes(dataset("image", x, 120), np.arange(120)).codes.tolist()
    wanted = {}
    for i, j in itertools.combinations(range(120), 2):
        ways = [three[0][i] ^ three[way][j] for way in range(3)]
        ways += [three[way][i] ^ three[0][j] for way in range(3)]
        if (least := min(way.bit_count() for way in ways)) <= most:
            wanted[i, j] = least
    assert dict(zip(map(tuple, found.pairs.tolist()), found.distance, strict=True)) == wanted
    assert found.clusters.tolist() == slow_clusters(120, list(wanted)).tolist()
    assert found.notes[0].startswith("Exact")


def test_brighter_and_shifted_copies_are_found(digits: Array) -> None:
    copies = digits[:100]
    brighter = np.clip(copies.astype(int) + 12, 0, 255).astype(np.uint8)
    right = np.stack([shifted(picture)[1] for picture in copies])
    x = np.concatenate([digits, brighter, right])
    found = near_duplicates(dataset("image", x, len(x)))
    assert found.kind == "perceptual"
    rows = np.arange(100)
    for first in (500, 600):
        assert (found.clusters[rows] == found.clusters[rows + first]).mean() > 0.9
    assert np.bincount(found.clusters[:500]).max() < 20  # not everything in one heap


def test_most_clusters_of_skin_tones_and_equal_pictures_are_met() -> None:
    data = example("openmoji").dataset
    near = data.meta["near"].to_numpy()
    known = [np.flatnonzero(near == k) for k in np.flatnonzero(np.bincount(near) > 1)]
    found = near_duplicates(data)
    met = sum(len(set(found.clusters[rows])) < len(rows) for rows in known)
    assert met > 0.9 * len(known)
    assert (near[found.pairs[:, 0]] == near[found.pairs[:, 1]]).mean() > 0.7


# --- rows of a table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 2])
def test_rows_that_differ_in_few_columns_are_those_of_a_double_loop(
    people: pd.DataFrame, most: int
) -> None:
    x = people.iloc[:150]
    found = near_duplicates(dataset("table", x, 150), "rows", most)
    rows = x.astype("object").where(x.notna(), "missing").to_numpy().tolist()
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(150), 2)
        if sum(a != b for a, b in zip(rows[i], rows[j], strict=True)) <= most
    ]
    assert found.clusters.tolist() == slow_clusters(150, pairs).tolist()
    assert as_set(found.pairs) <= set(pairs)
    assert most == 0 or len(pairs) > 0


def test_a_row_with_one_changed_column_is_found(people: pd.DataFrame) -> None:
    copies = people.iloc[:40].copy()
    copies["age"] += 37
    found = near_duplicates(
        dataset("table", pd.concat([people, copies], ignore_index=True), 840), "rows", 1
    )
    assert {(i, 800 + i) for i in range(40)} <= as_set(found.pairs)


def slow_distance(x: pd.DataFrame, i: int, j: int) -> float:
    total = 0.0
    for name in x.columns:
        a, b, column = x[name][i], x[name][j], x[name]
        if pd.isna(a) or pd.isna(b):
            total += 0.0 if pd.isna(a) and pd.isna(b) else 1.0
        elif pd.api.types.is_numeric_dtype(column):
            total += ((a - b) / column.std(ddof=0)) ** 2
        else:
            total += float(a != b)
    return float(np.sqrt(total / len(x.columns)))


def test_distance_of_encoded_rows_is_that_of_its_definition(people: pd.DataFrame) -> None:
    x = people.iloc[:100]
    z = encoded(x)
    for i, j in itertools.combinations(range(0, 100, 7), 2):
        assert np.linalg.norm(z[i] - z[j]) == pytest.approx(slow_distance(x, i, j), abs=1e-5)


def test_close_rows_are_those_of_a_double_loop(people: pd.DataFrame) -> None:
    x = people.iloc[:90]
    found = near_duplicates(dataset("table", x, 90), "encoded", 0.4)
    apart = {(i, j): slow_distance(x, i, j) for i, j in itertools.combinations(range(90), 2)}
    assert as_set(found.pairs) == {pair for pair, d in apart.items() if d <= 0.4}
    assert 20 < len(found.pairs) < 3_000


# --- texts ----------------------------------------------------------------------------------------------


def runs(text: str) -> set[tuple[str, ...]]:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text.lower()).split()
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def jaccard(a: str, b: str) -> float:
    return 1 - len(runs(a) & runs(b)) / len(runs(a) | runs(b))


def as_texts(texts: list[str]) -> object:
    return dataset("text", pd.DataFrame({"text": pd.Series(texts, dtype="str")}), len(texts))


@pytest.mark.parametrize("most", [0.3, 0.6, 0.8])
def test_close_texts_are_those_of_a_double_loop(passages: list[str], most: float) -> None:
    texts = [*passages[:90], "", "one", "one", "One two"]
    found = near_duplicates(as_texts(texts), "token", most)
    apart = {(i, j): jaccard(texts[i], texts[j]) for i, j in itertools.combinations(range(94), 2)}
    wanted = {pair for pair, d in apart.items() if d <= most}
    assert as_set(found.pairs) == wanted
    assert most == 0.3 or len(wanted) > 20
    for pair, d in zip(found.pairs.tolist(), found.distance, strict=True):
        assert d == pytest.approx(apart[tuple(pair)])


def test_a_text_with_one_changed_word_is_found(passages: list[str]) -> None:
    changed = [text.split() for text in passages[:50]]
    for words in changed:
        words[15] = "elephant"
    texts = [*passages, *(" ".join(words) for words in changed)]
    found = near_duplicates(as_texts(texts))
    assert found.kind == "token"
    assert {(i, len(passages) + i) for i in range(50)} <= as_set(found.pairs)


# --- copies, vectors, sizes -----------------------------------------------------------------------------


def test_equal_content_joins_all_copies_and_nothing_else(digits: Array) -> None:
    x = np.concatenate([digits[:60], digits[10:30], digits[10:15]])
    data = dataset("image", x, len(x))
    same = [(i, j) for i, j in itertools.combinations(range(len(x)), 2) if (x[i] == x[j]).all()]
    assert equal_content(data).tolist() == slow_clusters(len(x), same).tolist()
    found = near_duplicates(data, "exact")
    assert found.clusters.tolist() == equal_content(data).tolist()
    assert found.together.sum() == len({row for pair in same for row in pair})


def test_alike_to_a_model_goes_by_the_cosine_of_its_features(digits: Array) -> None:
    z = digits[:80].reshape(80, -1).astype(np.float32)
    found = near_duplicates(dataset("image", digits[:80], 80), "embedding", 0.05, features=z)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    apart = 1 - unit.astype(float) @ unit.T.astype(float)
    wanted = {(i, j) for i, j in itertools.combinations(range(80), 2) if apart[i, j] <= 0.05}
    assert as_set(found.pairs) == wanted and wanted
    with pytest.raises(NotApplicable):
        near_duplicates(dataset("image", digits[:80], 80), "embedding")


@pytest.mark.parametrize(("kind", "most"), [("perceptual", 4), ("token", 0.5), ("embedding", 0.05)])
def test_above_the_limit_the_search_says_how_much_it_finds(
    kind: str, most: float, digits: Array, passages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = as_texts(passages) if kind == "token" else dataset("image", digits, 500)
    z = digits.reshape(500, -1).astype(np.float32)
    given = {"features": z, "neighbours": features.neighbours} if kind == "embedding" else {}
    whole = near_duplicates(data, kind, most, **given)
    for part in ("pictures", "texts", "vectors"):
        monkeypatch.setattr(f"disgorge_core.data.near.{part}.EXACT", 100)
    found = near_duplicates(data, kind, most, **given)
    assert found.notes[0].startswith("Approximate: recall about")
    assert as_set(found.pairs) <= as_set(whole.pairs)
    assert len(found.pairs) > 0.9 * len(whole.pairs) > 0


def test_too_many_pairs_are_refused_in_words(
    people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_PAIRS", 50)
    with pytest.raises(BadParam, match="smaller distance"):
        near_duplicates(dataset("table", people, 800), "rows", 2)
    with pytest.raises(BadParam, match="between 0 and"):
        near_duplicates(dataset("table", people, 800), "rows", 9)
    with pytest.raises(BadParam, match="Known are"):
        near_duplicates(dataset("table", people, 800), "perceptual")
