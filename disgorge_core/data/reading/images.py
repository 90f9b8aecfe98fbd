"""Picture files of any size → one array: sizes are read from the headers before anything is decoded."""

from __future__ import annotations

import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.picture_file import PictureFile, Pixels
from disgorge_core.errors import BadData

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
MOST_PIXELS = 2**26  # of one picture
MOST_BYTES = 2**27  # of one file
LONGEST_SIDE = 64  # unless a size is chosen
GREY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L")
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
PHOTOGRAPHS = ("JPEG", "WEBP")  # kinds that cameras turn; asking a PNG would decode it
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    ArithmeticError,
)

Files = Callable[[], Iterator[tuple[str, bytes]]]  # names and contents, the same at each call


@dataclass(frozen=True)
class About:
    """What a picture's header says."""

    size: tuple[int, int]  # width, height
    grey: bool
    clear: bool  # has transparent parts
    moving: bool


@dataclass(frozen=True)
class Plan:
    """The shape that all pictures get."""

    size: tuple[int, int]
    channels: int


def write_pictures(files: Files, room: Room) -> tuple[str, ...]:
    """Write the pictures of the room in one size, and give notes on what was changed; raises BadData."""
    about = [_about(name, content) for name, content in files()]
    plan = _plan(about, room.size)
    width, height = plan.size
    with PictureFile(room, (len(about), height, width, plan.channels)) as out:
        for name, content in files():
            out.write(_pixels(name, content, plan))
    return _notes(about, plan)


@contextmanager
def _opened(name: str, content: bytes) -> Iterator[Image.Image]:
    if len(content) > MOST_BYTES:
        raise BadData(f"The picture {_shown(name)} has more than 128 MB.", "Make it smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pictures that are refused or read whole
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                yield image
    except Image.DecompressionBombError:
        raise _too_large(name, "too many") from None
    except BROKEN:
        raise BadData(
            f"The picture {_shown(name)} is damaged, or none of {', '.join(FORMATS)}.",
            "Take it out or save it again.",
        ) from None


def _too_large(name: str, pixels: str) -> BadData:
    return BadData(f"The picture {_shown(name)} has {pixels} pixels.", "Make it smaller.")


def _shown(name: str) -> str:
    return ascii(name[-60:])


def _about(name: str, content: bytes) -> About:
    with _opened(name, content) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise _too_large(name, f"{width * height:,}")
        turned = image.format in PHOTOGRAPHS and image.getexif().get(ORIENTATION) in TURNED
        return About(
            size=(height, width) if turned else (width, height),
            grey=image.mode in GREY,
            clear=_is_clear(image),
            moving=bool(getattr(image, "is_animated", False)),
        )


def _is_clear(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _plan(about: list[About], longest: int) -> Plan:
    """The most common size, or the middle one where no size is common; its longer side is bounded."""
    sizes = Counter(one.size for one in about)
    size, times = sizes.most_common(1)[0]
    if times < len(about) / 2:
        widths, heights = zip(*sizes.elements(), strict=True)
        size = round(statistics.median(widths)), round(statistics.median(heights))
    side = max(size)
    wanted = longest or min(side, LONGEST_SIDE)
    width, height = (max(1, round(edge * wanted / side)) for edge in size)
    return Plan((width, height), 1 if all(one.grey for one in about) else 3)


def _pixels(name: str, content: bytes, plan: Plan) -> Pixels:
    with _opened(name, content) as image:
        image.draft(
            None, (2 * plan.size[0], 2 * plan.size[1])
        )  # a JPEG need not be decoded in full
        upright = ImageOps.exif_transpose(image) if image.format in PHOTOGRAPHS else image
        flat = _flat(upright, "L" if plan.channels == 1 else "RGB")
        if flat.size != plan.size:
            flat = flat.resize(plan.size, Image.Resampling.BICUBIC)
        return np.asarray(flat, dtype=np.uint8).reshape(plan.size[1], plan.size[0], plan.channels)


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """Without transparency, in grey or colour of 8 bits."""
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert(mode)
    if _is_clear(image):
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert(mode)
    return image.convert(mode)


def _notes(about: list[About], plan: Plan) -> tuple[str, ...]:
    n = len(about)
    resized = sum(one.size != plan.size for one in about)
    clear, moving = sum(one.clear for one in about), sum(one.moving for one in about)
    width, height = plan.size
    notes = {
        f"Resized to {width} x {height}: {resized:,} of {n:,} pictures.": resized,
        f"Laid on white, for a layer of transparency: {clear:,} of {n:,} pictures.": clear,
        f"Only the first frame was read: {moving:,} of {n:,} pictures.": moving,
    }
    return tuple(note for note, count in notes.items() if count)
