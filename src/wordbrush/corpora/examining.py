"""One picture or sound, looked at: what it is, or why it cannot be used. This runs in workers."""

import hashlib
from dataclasses import dataclass

import numpy as np

from wordbrush.corpora import pictures, sounds
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.records import Media, Unusable


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture or a sound.

    stamp: size and time of change of its file. sha256: of its file. content: hash of the samples or
    pixels that are imported, which files of other tags or packing may share. form: such as "WAV
    PCM_16". size: width and height as imported. seconds, rate: of a sound. notes: what is odd,
    though it can be used. unusable: why it cannot; the other facts are then empty.
    """

    stamp: tuple[int, int]
    sha256: str = ""
    content: str = ""
    form: str = ""
    size: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    rate: int = 0
    notes: tuple[tuple[str, str], ...] = ()
    unusable: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be examined, and what was known of it before."""

    media: Media
    is_sound: bool
    known: Facts | None = None


def examine(look: Look, longest: float, subject: Subject) -> Facts:
    """Decode a picture or a sound to its end, unless its file is as it was.

    longest: seconds that a sound may last.
    """
    stamp = (0, 0)
    try:
        stamp = subject.media.stamp()
        if subject.known is not None and subject.known.stamp == stamp:
            return subject.known
        data, name = subject.media.read(), subject.media.name
        sha256 = hashlib.sha256(data).hexdigest()
        if subject.is_sound:
            sound = sounds.load(data, name, longest)
            content = _hash(sound.samples)
            return Facts(stamp, sha256, content, sound.form, (0, 0), sound.seconds, sound.rate,
                         sound.notes)  # fmt: skip
        picture = pictures.load(data, name, look)
        height, width, _ = picture.pixels.shape
        size, content = (width, height), _hash(picture.pixels)
        return Facts(stamp, sha256, content, picture.form, size, notes=picture.notes)
    except Unusable as reason:
        return Facts(stamp, unusable=(reason.kind, reason.detail))


def _hash(values: np.ndarray) -> str:
    digest = hashlib.sha256(repr(values.shape).encode())
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
