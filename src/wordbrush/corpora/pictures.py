"""Any picture that Pillow or resvg reads, upright, opaque, and not larger than is needed."""

import codecs
import gzip
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from wordbrush.corpora.records import Unusable
from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    from PIL import Image, ImageColor, ImageOps

if TYPE_CHECKING:
    from PIL.Image import Image as Pillow

SMALLEST = 8  # pixels of the shorter side
LONGEST_RATIO = 10  # of the sides
DPI = 96.0  # of drawings measured in points or centimetres, as CSS has it
BACKGROUND = "white"  # behind what is transparent, where nobody chooses another
LARGEST_SVG = 1 << 26  # bytes, unpacked
# A link of an SVG to another file, which resvg would open.
LINK = re.compile(rb"""<(image|feImage|use)\b[^>]*\bhref\s*=\s*["']\s*(?!#|data:)[^"'\s]""")
TYPES = {  # what a suffix promises, in the words of Pillow
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".png": ("PNG",),
    ".gif": ("GIF",),
    ".webp": ("WEBP",),
    ".bmp": ("BMP",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".svg": ("SVG",),
    ".svgz": ("SVG",),
}
LARGEST_BYTES = 64 << 20  # of a file in a folder that somebody shows
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")
QUALITY = 95  # of JPEG: what is lost cannot be seen


@dataclass(frozen=True)
class Look:
    """How pictures are imported.

    side: pixels that the shorter side has at most; drawings (SVG) have so many. background: the
    colour behind what is transparent, as CSS names it.
    """

    side: int
    background: str

    def colour(self) -> tuple[int, ...]:
        """Red, green and blue. Raises WordbrushError where there is no such colour."""
        try:
            return ImageColor.getrgb(self.background)[:3]
        except ValueError:
            raise WordbrushError(
                f"--background {self.background!r} is no colour: give one such as white or #808080."
            ) from None


@dataclass(frozen=True)
class Picture:
    """Pixels uint8 [H, W, 3]; of what form the file was, and what was odd."""

    pixels: np.ndarray
    form: str
    notes: tuple[tuple[str, str], ...]

    def encoded(self) -> tuple[bytes, str]:
        """A file without metadata, and its suffix: PNG, or JPEG of what had lost detail already."""
        buffer, lossy = io.BytesIO(), self.form.partition(" ")[0] in LOSSY
        picture = Image.fromarray(self.pixels)
        if lossy:
            picture.save(buffer, "JPEG", quality=QUALITY)
        else:
            picture.save(buffer, "PNG")
        return buffer.getvalue(), ".jpg" if lossy else ".png"


def load(data: bytes, name: str, look: Look) -> Picture:
    """The picture of a file with this content; of several frames the first.

    Raises Unusable: it is empty, truncated, too small or too narrow, or nothing that can be read.
    """
    if not data:
        raise Unusable("empty file", f"{name!r} has no bytes")
    if data[:2] == b"\x1f\x8b":
        data = _unzipped(data, name)
    head = data[: 1 << 16].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith(b"<") and b"<svg" in head:
        pixels, form = _drawn(data, name, look), "SVG"
    else:
        pixels, form = _decoded(data, name, look)
    expected = TYPES.get(PurePath(name).suffix.lower())
    odd = expected is not None and form.partition(" ")[0] not in expected
    notes = (("other type than its name", f"{name!r} is {form}"),) if odd else ()
    return Picture(pixels, form, notes)


def pictures_in(folder: Path, look: Look) -> Iterator[tuple[bytes, str]]:
    """Every picture of a folder, in the order of their names, as `Picture.encoded` gives it.

    Raises WordbrushError, which names the file, for one that is too large or cannot be read.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TYPES and path.is_file():
            yield picture_at(path, look).encoded()


def picture_at(path: Path, look: Look) -> Picture:
    """Raises WordbrushError, which names the file, where it is too large or cannot be read."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise WordbrushError(
                f"{path} has more than {LARGEST_BYTES >> 20} MB: scale it down, or take it away."
            )
        return load(path.read_bytes(), path.name, look)
    except OSError as error:
        raise WordbrushError(f"{path} cannot be read ({error.strerror}).") from None
    except Unusable as error:
        raise WordbrushError(
            f"{path} cannot be shown: {error.detail}. Mend it, or take it away."
        ) from None


def _decoded(data: bytes, name: str, look: Look) -> tuple[np.ndarray, str]:
    unreadable = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as picture:
            form = f"{picture.format} {picture.mode}"
            size = _scaled(picture.size, look.side, name)
            picture.draft("RGB", size)  # a JPEG is decoded at a fraction of its size
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if upright.size != picture.size:
                size = size[::-1]
            opaque = _opaque(upright, name, look)
    except unreadable as error:
        kind = "truncated" if "truncated" in str(error).lower() else "unreadable picture"
        raise Unusable(kind, f"{name!r}: {_reason(error)}") from None
    if opaque.size != size:
        opaque = opaque.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(opaque), form


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "its content is of no known type" if "cannot identify" in text else text


def _scaled(size: tuple[int, int], side: int, name: str) -> tuple[int, int]:
    """Width and height of which the shorter is at most `side`."""
    short, long = min(size), max(size)
    if short < SMALLEST or long > LONGEST_RATIO * short:
        raise Unusable("odd size", f"{name!r} has {size[0]}×{size[1]} pixels")
    if short <= side:
        return size
    width, height = (max(side, round(length * side / short)) for length in size)
    return width, height


def _opaque(picture: "Pillow", name: str, look: Look) -> "Pillow":
    """In RGB, before the background where it is transparent."""
    if picture.mode.startswith("I"):  # 16 bits of grey, or 32 that hold them
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise Unusable("unreadable picture", f"{name!r} has values beyond 16 bits")
        return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise Unusable(
            "unreadable picture", f"{name!r} has pixels of floats: which range is white?"
        )
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    behind = Image.new("RGBA", picture.size, (*look.colour(), 255))
    return Image.alpha_composite(behind, picture.convert("RGBA")).convert("RGB")


def _unzipped(data: bytes, name: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(LARGEST_SVG + 1)
    except (OSError, EOFError) as error:
        raise Unusable("truncated", f"{name!r}: {_reason(error)}") from None
    if len(content) > LARGEST_SVG:
        raise Unusable("too large", f"{name!r} unpacks to more than {LARGEST_SVG:,} bytes")
    return content


def _drawn(data: bytes, name: str, look: Look) -> np.ndarray:
    """An SVG, its shorter side of `look.side` pixels. System fonts differ, so none is used."""
    if LINK.search(data):
        raise Unusable("outside of the source", f"{name!r} links to another file")
    try:
        text = data.decode("utf-8-sig")
        wide = _rendered(text, name, look, width=look.side)
        height, width, _ = wide.shape
        if max(width, height) > LONGEST_RATIO * min(width, height):
            raise Unusable("odd size", f"{name!r} has {width}×{height} pixels")
        return wide if width <= height else _rendered(text, name, look, height=look.side)
    except UnicodeDecodeError:
        raise Unusable("unreadable picture", f"{name!r} is not in UTF-8") from None


def _rendered(
    text: str, name: str, look: Look, width: int | None = None, height: int | None = None
) -> np.ndarray:
    with optional_packages():
        import resvg_py
    background = "#{:02x}{:02x}{:02x}".format(*look.colour())
    try:
        png: Any = resvg_py.svg_to_bytes(
            svg_string=text,
            background=background,
            width=width,
            height=height,
            dpi=DPI,
            skip_system_fonts=True,
        )
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise Unusable("unreadable picture", f"{name!r}: {_reason(error)}") from None
    with Image.open(io.BytesIO(bytes(png))) as picture:
        return np.asarray(picture.convert("RGB"))
