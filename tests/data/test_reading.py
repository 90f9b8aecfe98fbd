"""The limited process: what ends it, floods it or lies to it costs one sentence, nothing else."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from disgorge_core.data.loading import read_file
from disgorge_core.data.reading.limits import GB, Limits
from disgorge_core.data.reading.process import read_apart
from disgorge_core.errors import DisgorgeError
from disgorge_core.limited import child
from tests.data.pictures import encoded, zipped
from tests.data.refusals import refused

RNG = np.random.default_rng(0)


def table(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(n), "b": [f"text {i}" for i in range(n)], "c": n * [True]})


def parquet() -> bytes:
    buffer = io.BytesIO()
    table().to_parquet(buffer)
    return buffer.getvalue()


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Path:
    """A file, and a reader that does this with it within its limits."""
    folder = str(Path(child.__file__).parent)
    limited = (
        f"import sys, json; sys.path.insert(0, {folder!r}); import child; from pathlib import Path\n"
        "asked = json.loads(sys.argv[1]); child.limit(asked['limits'])\n"
    )
    path = tmp_path / "reader.py"
    path.write_text(limited + code)
    monkeypatch.setattr(child, "__file__", str(path))
    (tmp_path / "file").write_text("a,b\n1,2\n")
    return tmp_path / "file"


def test_the_process_imports_neither_torch_nor_pandas(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.argv = ['', '{{}}']; sys.path.insert(0, {str(Path(child.__file__).parent)!r})\n"
        "import child; child.light()\n"
        "from disgorge_core.registry import DATA_FORMATS\n"
        "import disgorge_core.data.reading.answer\n"
        "assert len(DATA_FORMATS) >= 3\n"
        "print([m for m in ('torch', 'pandas', 'scipy', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_table_comes_back_memory_mapped_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = pa.total_allocated_bytes()
    found = read_apart(tmp_path / "a.parquet", scratch=scratch)
    assert pa.total_allocated_bytes() == before
    assert list(scratch.iterdir()) == []
    pd.testing.assert_frame_equal(found.frame, table())
    assert found.pictures is None


def test_each_format_is_read_within_the_limits(tmp_path: Path) -> None:
    """As much memory as the smallest machine gives, and no more than a second of work."""
    frame, x = table(), np.zeros((4, 8, 8, 3), np.uint8)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(4))
    zipped(tmp_path / "a.zip", {f"{i % 2}/{i}.png": encoded(x[i]) for i in range(4)})
    for path in sorted(tmp_path.glob("a.*")):
        found = read_apart(path, Limits(memory=2**29, table=2**20, disk=2**24, cpu=5))
        if path.suffix in (".npz", ".zip"):
            assert np.array_equal(found.pictures, x)
        else:
            pd.testing.assert_frame_equal(found.frame, frame)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.abort()", "damaged: its reader stopped"),
        ("raise RuntimeError('strange')", "damaged: its reader stopped"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "more memory than there is"),
        ("while True: pass", "took too long"),
        ("import time; time.sleep(60)", "took too long"),
        ("bytearray(2**34)", "damaged: its reader stopped"),
    ],
)
def test_a_reader_that_does_not_end_well_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, says: str
) -> None:
    path = program(tmp_path, monkeypatch, code)
    assert says in refused(path, Limits(memory=GB, cpu=1, wall=3))


def test_a_reader_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "Path(asked['folder'], 'large').write_bytes(bytes(10**7))"
    assert "reader stopped" in refused(program(tmp_path, monkeypatch, code), Limits(disk=10**6))


@pytest.mark.skipif(sys.platform != "linux", reason="the system knows no limit of memory")
def test_a_file_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 2_000_000)
    assert "more memory" in refused(path, Limits(memory=-GB + 350 * 2**20))


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.99])
def test_a_cut_parquet_file_is_refused(tmp_path: Path, keep: float) -> None:
    content, path = parquet(), tmp_path / "a.parquet"
    path.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    assert "damaged" in refused(path)


def test_a_damaged_parquet_file_never_does_worse_than_refuse(tmp_path: Path) -> None:
    content, path = bytearray(parquet()), tmp_path / "a.parquet"
    for place in RNG.integers(4, len(content), 5):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_file(path)
        except DisgorgeError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array([[1], [2]]), "'b' holds list"),
        (pa.array([{"x": 1}, {"x": 2}]), "'b' holds struct"),
        (pa.array([b"\x89PNG", b"x"]), "'b' holds binary"),
        (pa.array([b"ab", b"cd"], pa.binary(2)), "'b' holds fixed_size_binary"),
    ],
)
def test_columns_of_more_than_one_value_are_refused(
    tmp_path: Path, column: pa.Array, says: str, read_here: None
) -> None:
    pq.write_table(pa.table({"a": [1, 2], "b": column}), tmp_path / "a.parquet")
    assert says in refused(tmp_path / "a.parquet")


def test_a_small_parquet_file_of_a_huge_table_is_refused(tmp_path: Path, read_here: None) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": pa.array(["x" * 10_000] * 20_000), "n": [1] * 20_000}), path)
    assert path.stat().st_size < 100_000
    assert "0.1 GB of memory" in refused(path, Limits(table=10**8))
    assert "20,000 rows of 2 columns" in refused(path, Limits(cells=39_999))


def test_delta_encoded_texts_are_refused(tmp_path: Path, read_here: None) -> None:
    path = tmp_path / "a.parquet"
    how = {"text": "DELTA_BYTE_ARRAY"}
    texts = pa.table({"text": ["aaa", "aab"], "n": [1, 2]})
    pq.write_table(texts, path, use_dictionary=False, column_encoding=how)
    assert "delta-encoded" in refused(path)
