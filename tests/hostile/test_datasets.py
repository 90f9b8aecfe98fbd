"""Dataset files that want to fill the memory, the disk or the time."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.process import read_apart
from tests.data.pictures import encoded, zipped
from tests.hostile.conftest import Refuse, dataset

SMALL = encoded(np.zeros((4, 4), np.uint8))


def array(shape: str, content: bytes = b"", kind: str = "<f8", version: int = 1) -> bytes:
    """An array file whose header says this."""
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + content


# --- arrays -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (array("(1152921504606846976,)"), "does not fit its content"),
        (array("(4294967296, 4294967296, 4294967296)"), "does not fit its content"),
        (array("(-1,)", bytes(8)), "does not fit its content"),
        (array("(2,)", bytes(8)), "does not fit its content"),
        (array("(1,)", bytes(8), "|O"), "holds Python objects"),
        (array("(1,)", bytes(8), "<f16"), "does not fit"),
        (array("(1,)", bytes(8), [("a", "<f8")]), "holds"),
        (array("(" * 200 + ")" * 200, bytes(8)), "damaged"),
        (array("__import__('os').getpid()", bytes(8)), "damaged"),
        (array("(1,)", bytes(8), version=3), "unknown version"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff{", "damaged"),
        (b"not an array", "damaged"),
    ],
)
def test_array_headers_that_lie(tmp_path: Path, refuse: Refuse, content: bytes, says: str) -> None:
    path = zipped(tmp_path / "a.npz", {"x.npy": content, "y.npy": array("(1,)", bytes(8))})
    assert says in refuse(dataset, path).text


def test_a_long_header_that_is_packed_well_stays_small(tmp_path: Path, refuse: Refuse) -> None:
    """200 MB of spaces in 200 KB: too little for a bomb's ratio, too much for a header."""
    head = b"\x93NUMPY\x02\0" + struct.pack("<I", 200 * 2**20)
    path = zipped(tmp_path / "a.npz", {"x.npy": head + b" " * (200 * 2**20)})
    found = refuse(dataset, path)
    assert "damaged" in found.text and found.peak < 600


# --- pictures -----------------------------------------------------------------------------------


def declared(width: int, height: int) -> bytes:
    """A PNG that claims this size and holds one row."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + b","


def webp(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sizes
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "picture",
    [declared(60_000, 60_000), declared(2**31 - 1, 2**31 - 1), declared(1, 2**26 + 1),
     gif(65_535, 65_535), webp(16_383, 16_383), declared(8000, 8000)],
    ids=["large", "largest", "long", "gif", "webp", "empty inside"],
)  # fmt: skip
def test_pictures_that_claim_to_be_huge(tmp_path: Path, refuse: Refuse, picture: bytes) -> None:
    path = zipped(tmp_path / "a.zip", {"a/0.png": SMALL, "a/1.png": picture})
    found = refuse(dataset, path)
    assert "'a/1.png'" in found.text and found.peak < 500


def test_texts_in_a_picture_are_not_unpacked_without_end(tmp_path: Path) -> None:
    """A PNG with 300 MB of packed remarks: Pillow's own limit ends it, or they are never unpacked."""
    whole = b"zTXt" + b"remark\0\0" + zlib.compress(bytes(300 * 2**20), 9)
    chunk = struct.pack(">I", len(whole) - 4) + whole + struct.pack(">I", zlib.crc32(whole))
    path = zipped(
        tmp_path / "a.zip", {"a/0.png": SMALL[:33] + chunk + SMALL[33:], "b/1.png": SMALL}
    )
    limits = Limits(memory=2**28, table=2**20, disk=2**26)
    try:
        assert len(read_apart(path, limits).pictures) == 2
    except Exception as error:
        assert "damaged" in str(error) or "memory" in str(error)


def test_a_film_of_many_frames_gives_its_first(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("L", (8, 8), i % 256) for i in range(600)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = read_apart(zipped(tmp_path / "a.zip", {"a/0.gif": buffer.getvalue(), "b/1.png": SMALL}))
    assert found.pictures.shape[0] == 2
    assert any("first frame" in note for note in found.notes)


# --- tables as text -----------------------------------------------------------------------------


def test_a_line_of_a_gigabyte(tmp_path: Path, refuse: Refuse) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": "')
        file.truncate(2**30)  # the rest is zeros, which take no room on the disk
    found = refuse(dataset, path)
    assert "longer than 16 MB" in found.text and found.peak < 300


def test_a_field_of_many_megabytes(tmp_path: Path, refuse: Refuse) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,label\n" + b"x" * (64 * 2**20) + b",1\n")
    found = refuse(dataset, path)
    assert "longer than 8 MB" in found.text and found.peak < 400


def test_a_million_columns(tmp_path: Path, refuse: Refuse) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b",".join(b"c%d" % i for i in range(10**6)) + b"\n" + b"1," * (10**6 - 1) + b"1\n"
    )
    found = refuse(dataset, path)
    assert "1,000,000 columns" in found.text and found.peak < 400


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "Line 2 is not JSON"),
        ('{"a": ' + '{"b": ' * 5000 + "1" + "}" * 5001, "Line 2 is not JSON"),
        ('{"a": NaN}', "Line 2 is not JSON"),
        ('{"a": -Infinity}', "Line 2 is not JSON"),
        ('{"a": "\\ud800"}', "Line 2 is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "line 2 "),
        ('{"a": 18446744073709551615}', "too many digits"),
        ('{"a": {"b": 1}}', "more than one value"),
        ('["a"]', "not a JSON object"),
    ],
    ids=range(9),
)
def test_json_beyond_reason(tmp_path: Path, refuse: Refuse, line: str, says: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"a": 1, "label": "x"}}\n{line}\n')
    assert says.lower() in refuse(dataset, path).text.lower()


@pytest.mark.usefixtures("here")
def test_a_key_that_comes_twice_takes_its_last_value(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "a": 2, "label": "x"}\n{"a": 3, "label": "y"}\n')
    assert list(read_apart(path).frame["a"]) == [2, 3]


# --- columns ------------------------------------------------------------------------------------


def parquet(path: Path, **how: object) -> bytes:
    pq.write_table(pa.table({"a": pa.array(range(5000)), "t": ["x"] * 5000}), path, **how)
    return path.read_bytes()


def test_a_row_count_that_lies(tmp_path: Path, refuse: Refuse) -> None:
    """Every 5000 of the footer, as the format writes numbers, becomes another one."""
    path = tmp_path / "a.parquet"
    content = parquet(path)
    number = b"\x90N"  # 5000 as a zigzag varint
    footer = int.from_bytes(content[-8:-4], "little") + 8
    assert number in content[-footer:]
    for other, says in ((b"\x92N", "says 5,001 rows and holds 5,000"), (b"\0\0", "damaged")):
        path.write_bytes(content[:-footer] + content[-footer:].replace(number, other))
        assert says in refuse(dataset, path).text


def test_shards_whose_lengths_lie(tmp_path: Path, refuse: Refuse) -> None:
    buffer = io.BytesIO()
    rows = pa.table({"n": pa.array([0.5] * 771), "label": ["a", "b", "c"] * 257})
    with pa.ipc.new_stream(buffer, rows.schema) as out:
        out.write_table(rows)
    content = buffer.getvalue()
    counted = struct.pack("<q", 771)
    assert counted in content
    for lie in (2**40, 2**62, -1, 772 * 8):
        folder = tmp_path / f"d{lie}"
        folder.mkdir()
        (folder / "data-00000-of-00001.arrow").write_bytes(
            content.replace(counted, struct.pack("<q", lie))
        )
        found = refuse(dataset, folder)
        assert found.peak < 400


@pytest.mark.usefixtures("here")
def test_a_few_bytes_that_stand_for_many_numbers(tmp_path: Path, refuse: Refuse) -> None:
    """A constant column in packed differences: rows are counted, not bytes."""
    path = tmp_path / "a.parquet"
    rows = pa.table({"a": np.zeros(3_000_000, np.int64), "b": np.zeros(3_000_000, np.int64)})
    how = {"a": "DELTA_BINARY_PACKED", "b": "DELTA_BINARY_PACKED"}
    pq.write_table(rows, path, use_dictionary=False, column_encoding=how)
    assert path.stat().st_size < 200_000
    small = Limits(table=2**24, cells=10**9)
    assert "0.0 GB" in refuse(lambda p: read_apart(p, small), path).text


def test_features_that_are_nested_without_end(tmp_path: Path, refuse: Refuse) -> None:
    rows = pa.table({"n": [1.5, 2.5], "label": [0, 1]})
    deep = b'{"info": ' * 50_000 + b"1" + b"}" * 50_000
    pq.write_table(rows.replace_schema_metadata({b"huggingface": deep}), tmp_path / "a.parquet")
    refuse(dataset, tmp_path / "a.parquet")


def test_a_zip_in_a_zip_in_a_zip(tmp_path: Path, refuse: Refuse) -> None:
    content = bytes(2**24)
    for _ in range(3):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/inner.zip", content)
        content = buffer.getvalue()
    (tmp_path / "a.zip").write_bytes(content)
    found = refuse(dataset, tmp_path / "a.zip")
    assert "holds another archive" in found.text and found.peak < 300


def test_a_folder_with_links_out_of_it_is_the_owners_choice_but_loops_end(
    tmp_path: Path, refuse: Refuse
) -> None:
    (tmp_path / "d" / "a").mkdir(parents=True)
    (tmp_path / "d" / "a" / "loop").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert "no pictures" in refuse(dataset, tmp_path / "d").text
