"""Pages below a limit of bytes: embedded sounds and pictures are compressed, then left out."""

import base64
import io
import re

from PIL import Image

from wordbrush.errors import optional_packages
from wordbrush.report.figures import data_uri

with optional_packages():
    import soundfile

EMBEDDED = re.compile(r"data:(image/png|audio/flac);base64,([A-Za-z0-9+/=]+)")
PLAYERS = re.compile(r"<audio\b[^>]*></audio>")
PICTURES = re.compile(r"<img\b[^>]*>")
LEFT_OUT = "<small>(left out: the page would be too large)</small>"
QUALITY = 80  # of WebP, in percent
COMPRESSION = 0.9  # of MP3, from 0 to 1: about 37 kbit/s of speech


def fitted(page: str, limit: int) -> str:
    """The page in at most `limit` bytes, if its text allows.

    A page that is too large gets compressed sounds and pictures. If it is still too large, the last
    sounds are left out, then the last pictures.
    """
    if len(page.encode()) <= limit:
        return page
    page = EMBEDDED.sub(_compressed, page)
    for elements in (PLAYERS, PICTURES):
        excess = len(page.encode()) - limit
        for element in reversed(list(elements.finditer(page))):
            if excess <= 0:
                return page
            page = page[: element.start()] + LEFT_OUT + page[element.end() :]
            excess -= len(element[0].encode()) - len(LEFT_OUT)
    return page


def _compressed(found: re.Match) -> str:
    """A PNG as WebP, or FLAC as MP3; as it is where that is no smaller."""
    data = base64.b64decode(found[2])
    smaller = data_uri(*(_webp(data) if found[1] == "image/png" else _mp3(data)))
    return min(found[0], smaller, key=len)


def _webp(data: bytes) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "WEBP", quality=QUALITY)
    return "image/webp", buffer.getvalue()


def _mp3(data: bytes) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    sound, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    soundfile.write(buffer, sound, rate, format="MP3", compression_level=COMPRESSION)
    return "audio/mpeg", buffer.getvalue()
