"""One process that feeds one reader: by what reaches new lines (atheris), or a number of drawn changes.

    python -m tests.fuzz.worker data-csv FOLDER --seconds 60     coverage-guided; needs atheris
    python -m tests.fuzz.worker data-csv FOLDER --inputs 200     the same changes for the same --seed
    python -m tests.fuzz.worker data-csv FOLDER --file INPUT     one file

Findings go to FOLDER/findings/<target>/, one file for each kind; the last line is a JSON summary.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
MEMORY = 12 * 2**30  # address space; torch alone takes several GB of it
LARGEST = 2**16  # bytes of an input
SLOW = 10  # seconds


class Feeder:
    """Feeds a target and keeps one input, made small, for each kind of finding."""

    def __init__(self, target: Any, bench: Any, found: Path) -> None:
        self.target, self.bench, self.found = target, bench, found / target.name
        self.fed = self.read = 0
        self.kinds: dict[str, Path] = {}

    def feed(self, content: bytes) -> str:
        """The kind of finding that an input makes, "" for none."""
        from tests.fuzz.oracle import Finding

        self.fed += 1
        signal.alarm(SLOW)
        try:
            self.read += not self.bench.trial(self.target.read, self.target.file, content)
        except Finding as finding:
            return str(finding)
        except TooSlow:
            return "too slow"
        finally:
            signal.alarm(0)
        return ""

    def keep(self, content: bytes) -> None:
        """Feed an input; a finding of a new kind is written down."""
        kind = self.feed(content)
        if kind and kind not in self.kinds:
            small = self._smaller(content, kind)
            self.found.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(kind.encode()).hexdigest()[:12]
            self.kinds[kind] = self.found / name
            self.kinds[kind].write_bytes(small)
            (self.found / f"{name}.txt").write_text(kind)

    def _smaller(self, content: bytes, kind: str) -> bytes:
        """Parts taken out as long as the same is found, for some seconds."""
        end, size = time.monotonic() + 5, max(1, len(content) // 2)
        while size and time.monotonic() < end:
            at = 0
            while at < len(content) and time.monotonic() < end:
                less = content[:at] + content[at + size :]
                if self.feed(less) == kind:
                    content = less
                else:
                    at += size
            size //= 2
        return content


class TooSlow(BaseException):
    """An input took too long."""


def _too_slow(*_: Any) -> None:
    raise TooSlow


def main() -> None:
    """Do what the command line says."""
    asked = _asked()
    place = Path(asked.folder).resolve()
    logging.disable()
    signal.signal(signal.SIGALRM, _too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with _instrumented(bool(asked.seconds)):
        from tests.fuzz.oracle import bench
        from tests.fuzz.targets import all_targets

        targets = all_targets()
    chosen = targets if asked.target == "all" else {asked.target: targets[asked.target]}
    scratch = place / f"scratch-{asked.target}"  # the input that ends this process stays there
    scratch.mkdir(parents=True, exist_ok=True)
    work = bench(scratch)
    for target in chosen.values():
        _fed(Feeder(target, work, place / "findings"), asked, place)
    shutil.rmtree(scratch)


def _fed(feeder: Feeder, asked: argparse.Namespace, place: Path) -> None:
    if asked.file:
        print(feeder.feed(Path(asked.file).read_bytes()) or "no finding")
        return
    first = feeder.target.seeds(Path(tempfile.mkdtemp(dir=feeder.bench.folder)))
    first += [p.read_bytes() for p in sorted((CORPUS / feeder.target.name).glob("*"))]
    for content in first:
        feeder.keep(content)
    if asked.seconds:
        _guided(feeder, first, asked, place / "corpus" / feeder.target.name)
    else:
        _drawn(feeder, first, asked.inputs, asked.seed)
    _summary(feeder)


def _summary(feeder: Feeder) -> None:
    about = {"target": feeder.target.name, "inputs": feeder.fed, "read": feeder.read,
             "findings": sorted(feeder.kinds)}  # fmt: skip
    print("\n" + json.dumps(about), flush=True)


def _drawn(feeder: Feeder, first: list[bytes], inputs: int, seed: int) -> None:
    from tests.fuzz.mutate import mutated, plain_havoc

    draw = random.Random(f"{feeder.target.name} {seed}")
    havoc = plain_havoc(draw)
    for _ in range(inputs):
        content = draw.choice(first)
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            content = mutated(content, draw, havoc)
        feeder.keep(content[:LARGEST])


def _guided(feeder: Feeder, first: list[bytes], asked: argparse.Namespace, corpus: Path) -> None:
    import atheris

    from tests.fuzz.mutate import mutated, plain_havoc

    corpus.mkdir(parents=True, exist_ok=True)
    for content in first:
        (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)

    def change(content: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        theirs = lambda some: atheris.Mutate(some, len(some) + 64)  # noqa: E731
        havoc = theirs if draw.random() < 0.5 else plain_havoc(draw)
        return mutated(content, draw, havoc)[:most]

    end = time.monotonic() + asked.seconds

    def once(content: bytes) -> None:
        feeder.keep(content)
        if time.monotonic() > end:
            _summary(feeder)
            shutil.rmtree(feeder.bench.folder)
            os._exit(0)  # libFuzzer would take any other end for a crash

    options = [
        f"-seed={asked.seed + 1}", f"-max_len={LARGEST}", "-handle_alrm=0", "-rss_limit_mb=3000",
        f"-artifact_prefix={feeder.found.parent.parent}/crash-{feeder.target.name}-", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], str(corpus), *options], once, custom_mutator=change)
    atheris.Fuzz()


def _instrumented(guided: bool) -> Any:
    if not guided:
        return contextlib.nullcontext()
    import atheris

    return atheris.instrument_imports(include=["disgorge_core"])


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--inputs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
