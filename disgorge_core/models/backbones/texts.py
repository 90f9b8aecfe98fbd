"""Texts as a Hugging Face model reads them: numbers of pieces, by a tokenizer that is data only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.pretrained import read_bytes, read_json
from disgorge_core.models.reading.pretrained_zip import TOKENIZER, TOKENIZER_CONFIG, VOCABULARY

LENGTH = 512  # pieces read of a record, where the model reads more
MOST_GROWTH = 256  # times that replacements may make a text longer
STOPS = (
    "Exception",
    "PanicException",
)  # how the library ends; the second is no Exception of Python's
REMEDY = "Save it again: AutoTokenizer.from_pretrained('folder').save_pretrained('folder')."


@dataclass(frozen=True, eq=False)
class Texts:
    """Cuts texts into at most `length` pieces that the model knows."""

    tokenizer: Any
    pieces: int  # numbers below this are known to the model
    length: int

    def numbers(self, text: str) -> list[int]:
        """Numbers of a text's pieces, those of its frame ([CLS], [SEP]) too; raises BadModel."""
        return self.cut(text)[0]

    def cut(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Numbers of the pieces, and where each stands in the text: (0, 0) for the frame."""
        found = asked(self.tokenizer.encode, text)
        if not 0 < len(found.ids) <= self.length or max(found.ids) >= self.pieces:
            raise BadModel("The tokenizer makes pieces that the model cannot read.", REMEDY)
        offsets = zip(found.offsets, found.special_tokens_mask, strict=True)
        return found.ids, [(0, 0) if special else span for span, special in offsets]

    def is_cut_short(self, text: str) -> bool:
        """Whether a text has more pieces than are read."""
        return bool(asked(self.tokenizer.encode, text).overflowing)


def asked(call: Callable[..., Any], *given: Any) -> Any:
    """What the library answers; raises BadModel where it stops."""
    try:
        return call(*given)
    except BaseException as error:
        if type(error).__name__ not in STOPS:
            raise
        raise BadModel("The tokenizer stops at a text.", REMEDY) from None


def read_tokenizer(folder: Path, pieces: int, length: int) -> Texts:
    """The tokenizer of a folder, cutting after `length` pieces; raises BadModel."""
    known = (folder / TOKENIZER).is_file()
    tokenizer = _parsed(read_bytes(folder / TOKENIZER)) if known else _word_pieces(folder)
    tokenizer.no_padding()
    asked(lambda: tokenizer.enable_truncation(max_length=length))
    return Texts(tokenizer, pieces, length)


def stated_length(folder: Path, positions: int) -> int:
    """Pieces that the model reads at most, of those it has positions for (0: any number)."""
    path = folder / TOKENIZER_CONFIG
    said = read_json(path).get("model_max_length") if path.is_file() else None
    limits = [LENGTH, positions or LENGTH]
    if isinstance(said, int | float) and said >= 1:
        limits.append(int(min(said, LENGTH)))
    return min(limits)


def _parsed(content: bytes) -> Any:
    from tokenizers import Tokenizer

    try:
        made = asked(Tokenizer.from_str, content.decode("utf-8"))
    except (BadModel, ValueError):
        raise BadModel(f"{TOKENIZER} is damaged.", REMEDY) from None
    if made.normalizer is not None:
        _check_growth(json.loads(made.normalizer.__getstate__()))
    return made


def _check_growth(normalizer: Any) -> None:
    """Raise BadModel for replacements that would make a bomb of a text."""
    growth = 1
    for step in _steps(normalizer):
        growth *= 1 + len(str(step.get("content") or "")) + len(str(step.get("prepend") or ""))
        if growth > MOST_GROWTH:
            raise BadModel("The tokenizer makes texts far longer.", REMEDY)


def _steps(normalizer: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(normalizer, dict):
        yield normalizer
        for step in normalizer.get("normalizers") or ():
            yield from _steps(step)


def _word_pieces(folder: Path) -> Any:
    """The tokenizer of BERT's own kind from its list of pieces, one a line."""
    from tokenizers import BertWordPieceTokenizer

    lines = read_bytes(folder / VOCABULARY).decode("utf-8", errors="replace").splitlines()
    vocabulary = {piece: number for number, piece in enumerate(lines)}
    missing = [piece for piece in ("[UNK]", "[CLS]", "[SEP]") if piece not in vocabulary]
    if missing:
        raise BadModel(f"{VOCABULARY} has no {missing[0]}.", f"Save {TOKENIZER} beside the model.")
    settings = _settings(folder)
    made = BertWordPieceTokenizer(
        vocabulary,
        lowercase=bool(settings.get("do_lower_case", True)),
        strip_accents=settings.get("strip_accents"),
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
    )
    return _parsed(made.to_str().encode())


def _settings(folder: Path) -> Mapping[str, Any]:
    path = folder / TOKENIZER_CONFIG
    return read_json(path) if path.is_file() else {}
