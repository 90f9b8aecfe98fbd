"""Derive `digits.npz` from scikit-learn's digits: python assets/examples/digits/derive.py

The 1,797 pictures (8x8, 0..16) are kept as they are, times 15 so that they fill 0..240. Added are: ids, a
seeded split stratified by digit (exact duplicates: none), a *style* within each digit (three k-means
clusters of its pictures, the largest first), and, for `digits-mislabelled`, a second label in which 5 % of
the training records are wrong, drawn with a fixed seed.
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

SEED = 20230
TRAIN, VALIDATION = 1_000, 297
WRONG = 0.05


def styles(x: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Number 1..3 of the style of each picture within its digit, by falling size."""
    style = np.zeros(len(x), dtype=np.int8)
    for digit in range(10):
        rows = np.flatnonzero(label == digit)
        found = KMeans(3, n_init=10, random_state=SEED).fit_predict(x[rows].reshape(len(rows), -1))
        rank = np.argsort(np.argsort(-np.bincount(found, minlength=3), kind="stable"))
        style[rows] = rank[found] + 1
    return style


def splits(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codes 0 train, 1 validation, 2 test, spread evenly over the digits."""
    order = rng.permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    position = np.empty(len(label))
    position[order] = (np.arange(len(label)) + 0.5) / len(label)
    slots = (position * len(label)).astype(int)
    code = np.full(len(label), 2, dtype=np.int8)
    shuffled = np.argsort(np.modf(slots * 0.6180339887498949)[0], kind="stable")
    code[shuffled[:TRAIN]] = 0
    code[shuffled[TRAIN : TRAIN + VALIDATION]] = 1
    return code


def mislabel(label: np.ndarray, split: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels of which 5 % in training are another digit."""
    wrong = label.copy()
    rows = rng.choice(np.flatnonzero(split == 0), int(WRONG * TRAIN), replace=False)
    wrong[rows] = (label[rows] + rng.integers(1, 10, len(rows))) % 10
    return wrong


def main() -> None:
    """Write the file and print its digest."""
    digits = load_digits()
    rng = np.random.default_rng(SEED)
    label = digits.target.astype(np.int8)
    x = (digits.images * 15).astype(np.uint8)[..., None]
    split = splits(label, rng)
    arrays = {
        "ids": np.array([f"digit-{row:04d}" for row in range(len(x))]),
        "x": x,
        "label": label,
        "style": styles(digits.images, label),
        "split": split,
        "noisy_label": mislabel(label, split, rng),
    }
    np.savez_compressed(Path(__file__).with_name("digits.npz"), **arrays)
    sha = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values()))
    print(sha.hexdigest())
    print(
        np.bincount(split),
        [np.bincount(label[split == s], minlength=10).tolist() for s in range(3)],
    )


if __name__ == "__main__":
    main()
