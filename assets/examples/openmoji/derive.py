"""Derive openmoji.npz and ATTRIBUTION.md from the npm package `openmoji`.

Needs npm, Python 3.11 or later, and: pip install resvg-py==0.5.0 pillow==13.0.0 numpy==2.4.6
Run:   python assets/examples/openmoji/derive.py [--tarball openmoji-17.0.0.tgz]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

HERE = Path(__file__).resolve().parent
PACKAGE, VERSION = "openmoji", "17.0.0"
SHA512 = "EBnYrNGdcdw+OSXmENeNE1yBNRu6tOraTmoOyUbJkTmvT/+XETp8RZLSJFzD3lrPc5N9CzsyPnRTk0Vp4UaI9w=="

SIDE, OVERSAMPLING = 32, 9  # rendered at 288x288, then every 9x9 block becomes its mean
ALMOST_EQUAL = 0.01  # squared pixel distance, as a share of the fainter picture's squared ink
SPLITS = {"train": 0.7, "validation": 0.1, "test": 0.2}
SEED = 0

TONES = re.compile("-?1F3F[B-F]")
REST = "extras"
LABEL_OF_SUBGROUP = {  # for pictures whose own group is `component` or `extras-*`
    "hair-style": "people-body",
    "skin-tone": "symbols",
    "flags": "flags",
    "subdivision-flag": "flags",
    "queer-symbols": "flags",
    "people": "people-body",
    "regional-indicator": "symbols",
    "symbol-other": "symbols",
    "symbols": "symbols",
    "animals-nature": "animals-nature",
    "food-drink": "food-drink",
    "objects": "objects",
    "smileys-emotion": "smileys-emotion",
    "travel-places": "travel-places",
}

NOTICE = """# Attribution

The pictures in `openmoji.npz` are [OpenMoji](https://openmoji.org/), version {version}: "All emojis
designed by OpenMoji \N{EN DASH} the open-source emoji and icon project. License: CC BY-SA 4.0". Source:
<https://github.com/hfg-gmuend/openmoji>, npm package `openmoji`.

- **Licence**: Creative Commons Attribution-ShareAlike 4.0 International
  (<https://creativecommons.org/licenses/by-sa/4.0/>, full text:
  <https://creativecommons.org/licenses/by-sa/4.0/legalcode>), without warranties of any kind.
- **Changes made**: each colour picture was drawn on a white background, reduced to {side}x{side}
  pixels and stored as an array; group, subgroup and title were taken over, `component` and
  `extras` groups were assigned to labels, near-duplicates were numbered, and the records were
  divided into train, validation and test. `derive.py` holds every step.
- **ShareAlike**: `openmoji.npz` is an adaptation and is offered under the same licence.
- Some pictures show brands; the licence gives no rights to anybody's trademarks.
- OpenMoji and its artists do not endorse this project.

In the data and in the app an artist is a number, ordered by number of pictures. This table is
the only place where the names stand.

| in the data | artist | pictures |
| --- | --- | ---: |
"""

Record = dict[str, str]


def main() -> None:
    """Build both files and print the counts and the digest for the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tarball", type=Path, help="the npm package, if already downloaded")
    given = parser.parse_args().tarball
    with tempfile.TemporaryDirectory() as folder:
        package = unpack(given or download(Path(folder)), Path(folder))
        records = json.loads((package / "data" / "openmoji.json").read_text(encoding="utf-8"))
        x = np.stack([picture(package / f"color/svg/{r['hexcode']}.svg") for r in records])
    people, owner = artists(records)
    arrays = assemble(records, x, owner)
    np.savez_compressed(HERE / "openmoji.npz", **arrays)
    (HERE / "ATTRIBUTION.md").write_text(attribution(people, owner), encoding="utf-8")
    print(report(arrays))


def download(folder: Path) -> Path:
    """Fetch the pinned package with npm into the folder."""
    subprocess.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / f"{PACKAGE}-{VERSION}.tgz"


def unpack(tarball: Path, folder: Path) -> Path:
    """Check the tarball against the recorded sha512 and extract it."""
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != SHA512:
        raise SystemExit(f"{tarball.name} is not {PACKAGE} {VERSION}: its sha512 is {found}")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def picture(svg: Path) -> np.ndarray:
    """Draw one SVG on white and reduce it to SIDE x SIDE RGB by area."""
    size = SIDE * OVERSAMPLING
    png = resvg_py.svg_to_bytes(
        svg_path=str(svg), width=size, height=size, background="white", skip_system_fonts=True
    )
    image = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    return np.asarray(image.reduce(OVERSAMPLING), dtype=np.uint8)


def assemble(records: list[Record], x: np.ndarray, owner: np.ndarray) -> dict[str, np.ndarray]:
    """Put together the arrays of the npz file."""
    ids, near = [r["hexcode"] for r in records], clusters(records, x)
    label = coded("label", [label_of(r) for r in records])
    return {
        "x": x,
        "ids": np.array(ids),
        "title": np.array([r["annotation"] for r in records]),
        **label,
        **coded("subgroup", [r["subgroups"] for r in records]),
        "owner": owner,
        "owner_names": np.array([artist_code(i) for i in range(owner.max() + 1)]),
        "near": near,
        "split": splits(ids, near, label["label"]),
        "split_names": np.array(list(SPLITS)),
    }


def coded(column: str, values: list[str]) -> dict[str, np.ndarray]:
    """Write a column as codes that count from 0 into its sorted names."""
    names, codes = np.unique(np.array(values), return_inverse=True)
    return {column: codes.astype(np.int16), f"{column}_names": names}


def label_of(record: Record) -> str:
    """Give the emoji group, or for component and extras pictures the group they belong to."""
    group = record["group"]
    if group == "component" or group.startswith("extras-"):
        return LABEL_OF_SUBGROUP.get(record["subgroups"], REST)
    return group


def artists(records: list[Record]) -> tuple[list[list[str]], np.ndarray]:
    """List every artist's spellings, most pictures first, and each record's artist."""
    names = [clean(r["openmoji_author"]) for r in records]
    count = Counter(names)
    chief: dict[str, str] = {}
    for name in count:
        close = [other for other in count if one_letter_apart(name, other)]
        chief[name] = max([name, *close], key=lambda n: count[n])
    pictures = Counter(chief[name] for name in names)
    order = [name for name, _ in pictures.most_common()]
    people = [[name, *(n for n in count if chief[n] == name and n != name)] for name in order]
    return people, np.array([order.index(chief[n]) for n in names], dtype=np.int16)


def clean(name: str) -> str:
    """Write a name in one Unicode form without stray spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def one_letter_apart(a: str, b: str) -> bool:
    """Tell whether one name is the other with a single letter more (a slip of the pen)."""
    short, long = sorted((a, b), key=len)
    return len(long) == len(short) + 1 and any(
        long[:i] + long[i + 1 :] == short for i in range(len(long))
    )


def artist_code(number: int) -> str:
    """Name the artist with this code in the data and in the app."""
    return f"Artist {number + 1:02d}"


def clusters(records: list[Record], x: np.ndarray) -> np.ndarray:
    """Number the near-duplicate clusters: other skin tones, and almost equal pixels."""
    root = list(range(len(records)))
    first: dict[str, int] = {}
    for i, record in enumerate(records):
        unite(root, i, first.setdefault(without_tone(record), i))
    for i, j in almost_equal(x):
        unite(root, i, j)
    roots = [find(root, i) for i in range(len(root))]
    number = {r: k for k, r in enumerate(dict.fromkeys(roots))}
    return np.array([number[r] for r in roots], dtype=np.int16)


def without_tone(record: Record) -> str:
    """Give the hexcode of the picture that this one varies by skin tone (or its own)."""
    return TONES.sub("", record["skintone_base_hexcode"] or record["hexcode"])


def almost_equal(x: np.ndarray) -> Iterable[tuple[int, int]]:
    """List the pairs whose pixels differ by at most ALMOST_EQUAL of the fainter one's ink."""
    ink = 255 - x.reshape(len(x), -1).astype(np.float64)  # sums of integers: exact in float64
    square = (ink**2).sum(1)
    distance = square[:, None] + square[None] - 2 * ink @ ink.T
    close = distance <= ALMOST_EQUAL * np.minimum(square[:, None], square[None])
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(close, 1))]


def find(root: list[int], i: int) -> int:
    """Follow the links to the cluster's first record, shortening them."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


def unite(root: list[int], i: int, j: int) -> None:
    """Join the clusters of two records under the earlier first record."""
    low, high = sorted((find(root, i), find(root, j)))
    root[high] = low


def splits(ids: list[str], near: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Deal whole clusters to the splits, label by label, in an order drawn from SEED."""
    split = np.zeros(len(ids), dtype=np.int16)
    share = np.array(list(SPLITS.values()))
    firsts = np.unique(near, return_index=True)[1]
    dealt = np.zeros((int(label.max()) + 1, len(share)))
    for i in sorted(firsts, key=lambda i: hashlib.sha256(f"{SEED}:{ids[i]}".encode()).digest()):
        members, counts = near == near[i], dealt[label[i]]
        wanted = share * (counts.sum() + members.sum()) - counts
        split[members] = wanted.argmax()
        counts[wanted.argmax()] += members.sum()
    return split


def attribution(people: list[list[str]], owner: np.ndarray) -> str:
    """Write the licence notice and the table of artists."""
    text = NOTICE.format(version=VERSION, side=SIDE)
    for number, (name, *others) in enumerate(people):
        also = "".join(f" (also credited as {other})" for other in others)
        text += f"| {artist_code(number)} | {name}{also} | {(owner == number).sum()} |\n"
    return text


def digest(arrays: dict[str, np.ndarray]) -> str:
    """Hash names, types, shapes and bytes of all arrays."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def report(arrays: dict[str, np.ndarray]) -> str:
    """Write the counts and the digest as they stand in the README."""
    near, owner = arrays["near"], arrays["owner"]
    members = np.bincount(near)
    shared = np.array([len(set(owner[near == k])) > 1 for k in range(len(members))])
    equal = [(i, j) for i, j in almost_equal(arrays["x"]) if owner[i] != owner[j]]
    lines = [
        f"{len(near)} pictures, {owner.max() + 1} artists, digest {digest(arrays)}",
        f"{len(members)} clusters; {(members > 1).sum()} with several pictures, which hold "
        f"{members[members > 1].sum()} pictures; the largest holds {members.max()}",
        f"{shared.sum()} clusters cross artists and hold {members[shared].sum()} pictures; "
        f"{len(equal)} pairs ({len({i for p in equal for i in p})} pictures) "
        "are almost equal and by different artists",
    ]
    return "\n".join([*lines, table("label", arrays, 12), table("owner", arrays, 12)])


def table(column: str, arrays: dict[str, np.ndarray], rows: int) -> str:
    """Count the records of each value by split, as a Markdown table."""
    lines = [
        f"| {column} | all | train | validation | test |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for code in range(min(rows, len(arrays[f"{column}_names"]))):
        of_split = np.bincount(arrays["split"][arrays[column] == code], minlength=len(SPLITS))
        cells = " | ".join(str(n) for n in (of_split.sum(), *of_split))
        lines.append(f"| {arrays[f'{column}_names'][code]} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
