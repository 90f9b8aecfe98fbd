"""Whatever good files hold comes out as other libraries read it: drawn tensors, tables and arrays."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from disgorge_core.data.reading.answer import answer
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.process import _found
from disgorge_core.models.reading.process import read_tensors
from disgorge_core.models.reading.state_dicts import write_plain

few = settings(max_examples=40, derandomize=True, deadline=None)
KINDS = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip
VIEWS = (
    lambda t: t, lambda t: t.T, lambda t: t[1:], lambda t: t[::2], lambda t: t[:1].expand(len(t), -1),
    lambda t: torch.nn.Parameter(t) if t.is_floating_point() else t,
)  # fmt: skip
names = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)


@st.composite
def states(draw: Any) -> dict[str, torch.Tensor]:
    """Tensors of all types, some of them views of one another."""
    found: dict[str, torch.Tensor] = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        shape = (draw(st.integers(1, 4)), draw(st.integers(0, 4)))
        base = torch.arange(shape[0] * shape[1]).reshape(shape).to(draw(st.sampled_from(KINDS)))
        found[name] = draw(st.sampled_from(VIEWS))(base)
    if draw(st.booleans()):
        found["tied"] = next(iter(found.values()))
    return found


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert torch.equal(found[name], value)


@few
@given(states())
def test_state_dicts_are_read_as_torch_reads_them(state: dict[str, torch.Tensor]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path, plain = Path(place, "m.pt"), Path(place, "plain")
        torch.save(state, path)
        write_plain(path, plain)
        same(read_tensors(plain)[0], torch.load(path, weights_only=True))


@few
@given(states(), st.dictionaries(names, st.text(max_size=9), max_size=2))
def test_safetensors_are_read_as_their_library_wrote_them(
    state: dict[str, torch.Tensor], about: dict[str, str]
) -> None:
    whole = {name: value.detach().clone().contiguous() for name, value in state.items()}
    with tempfile.TemporaryDirectory() as place:
        save_file(whole, Path(place, "m"), about)
        found, header = read_tensors(Path(place, "m"))
    same({name: found[name] for name in whole}, whole)
    assert header.about == about


words = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters='"'),
    min_size=1,
    max_size=6,
)
COLUMNS = (
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False, width=32),
    words.map(lambda word: f"w{word}"), st.booleans(),
)  # fmt: skip


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    """Columns of one kind each."""
    rows = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=4))
    return pd.DataFrame(
        {
            f"c{i}": draw(st.lists(kind, min_size=rows, max_size=rows))
            for i, kind in enumerate(kinds)
        }
    )


def read(name: str, content: bytes) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as place:
        room = Room(Path(place))
        Path(place, name).write_bytes(content)
        return _found(room, answer(Path(place, name), room)).frame


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


WRITERS = {
    "a.csv": lambda frame: frame.to_csv(index=False).encode(),
    "a.tsv": lambda frame: frame.to_csv(index=False, sep="\t").encode(),
    "a.jsonl": lambda f: f.to_json(orient="records", lines=True, double_precision=15).encode(),
    "a.parquet": parquet,
}


@pytest.mark.parametrize("name", WRITERS)
@few
@given(frame=frames())
def test_tables_come_back(name: str, frame: pd.DataFrame) -> None:
    found = read(name, WRITERS[name](frame))
    assert list(found) == list(frame)
    for column in frame:
        if frame[column].dtype.kind == "f":
            assert np.allclose(found[column].astype(float), frame[column], rtol=1e-12)
        else:
            assert list(found[column]) == list(frame[column])


@few
@given(
    st.sampled_from(("u1", "<i4", ">f8", "<f4", "<U3", "?")), st.integers(1, 5), st.integers(1, 4)
)
def test_arrays_come_back(kind: str, rows: int, width: int) -> None:
    x = np.arange(rows * width).reshape(rows, width).astype(kind)
    buffer = io.BytesIO()
    np.savez(buffer, x=x, y=np.arange(rows))
    found = read("a.npz", buffer.getvalue())
    assert np.array_equal(
        found[[f"x{i}" for i in range(width)]].to_numpy(dtype=x.dtype.newbyteorder("=")), x
    )
