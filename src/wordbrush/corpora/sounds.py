"""Any sound that soundfile or PyAV reads, as 16 kHz, one channel, 16 bits.

What soundfile does not read (M4A, WebM, AMR, the sound of a video), PyAV does, which carries
FFmpeg.
"""

import io
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from wordbrush.audio.sound import OFFSET, RATES, SAMPLE_RATE, encode, resample
from wordbrush.corpora.records import Unusable
from wordbrush.errors import optional_packages

with optional_packages():
    import soundfile

SHORTEST = 0.1  # seconds: no word is shorter
ENOUGH = 0.9  # of what a header promises: where less is there, the rest was lost
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF, 0xFFFFFFFF - 36)  # written by pipes
END_OF_STREAM = 4  # a flag of the last page of an Ogg file
FINER = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32")
TYPES = {  # what a suffix promises, in the words of soundfile
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".flac": ("FLAC",),
    ".ogg": ("OGG",),
    ".oga": ("OGG",),
    ".opus": ("OGG",),
    ".mp3": ("MP3", "MPEG"),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".au": ("AU",),
}


@dataclass(frozen=True)
class Sound:
    """A sound at 16 kHz, int16 [S]; its own rate, how it was written, and what was odd."""

    samples: np.ndarray
    rate: int
    form: str
    notes: tuple[tuple[str, str], ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def flac(self) -> bytes:
        return encode(self.samples)


@dataclass(frozen=True)
class Decoded:
    """Samples float32 [S, C] in [-1, 1], as they were written."""

    samples: np.ndarray
    rate: int
    form: str


def load(data: bytes, name: str, longest: float) -> Sound:
    """The sound of a file with this content.

    Several channels are averaged, and a constant offset is removed. The level is changed by a power
    of two, so that the peak lies in (0.5, 1]: no digit changes, and none of a quiet sound is lost.

    Raises Unusable: it is empty, truncated, silent, shorter than 0.1 s or longer than `longest`
    seconds, of an odd rate, or nothing that can be read.
    """
    found = decoded(data, name, longest)
    notes = [*_notes(found, name), *_promise(data, name)]
    if found.rate not in RATES:
        raise Unusable("odd sample rate", f"{name!r} has {found.rate} samples a second")
    _require_seconds(len(found.samples) / found.rate, name, longest)
    samples = _quantised(resample(_centred(found, name), found.rate))
    return Sound(samples, found.rate, found.form, tuple(notes))


def decoded(data: bytes, name: str, longest: float) -> Decoded:
    """A file as it was written. Raises Unusable: it is empty, cut, too long, or no sound."""
    if not data:
        raise Unusable("empty file", f"{name!r} has no bytes")
    return _with_soundfile(data, name, longest) or _with_av(data, name, longest)


class _Content(io.BytesIO):
    """Damaged headers lead libsndfile to before the beginning: no traceback is printed of it."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _with_soundfile(data: bytes, name: str, longest: float) -> Decoded | None:
    """None where it is in no format that libsndfile reads."""
    try:
        with soundfile.SoundFile(_Content(data)) as file:
            promised, form = file.frames, f"{file.format} {file.subtype}"
            if file.samplerate > 0 and promised < 1 << 62:  # of a length that is not known
                _require_seconds(promised / file.samplerate, name, longest, shortest=0)
            limit = int((longest + 1) * file.samplerate)
            samples, rate = file.read(limit, "float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, MemoryError):
        return None
    if promised < 1 << 62 and len(samples) < ENOUGH * promised:
        raise _truncated(name, len(samples) / rate, promised / rate)
    return Decoded(samples, rate, form)


def _with_av(data: bytes, name: str, longest: float) -> Decoded:
    """Raises Unusable for what FFmpeg reads no sound of."""
    with optional_packages():
        import av
    parts: list[np.ndarray] = []
    seconds, rate = 0.0, 0
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:  # of no known codec
                raise Unusable("unreadable sound", f"{name!r} holds no sound that can be decoded")
            form = f"{container.format.name} {stream.codec_context.name}"
            for frame in container.decode(stream):
                if not rate:  # what the stream says is not always what it holds
                    rate = frame.sample_rate
                    planes = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
                parts += [each.to_ndarray() for each in planes.resample(frame)]
                seconds += frame.samples / rate
                _require_seconds(seconds, name, longest, shortest=0)
            promised = (container.duration or 0) / av.time_base
            samples = np.concatenate(parts, axis=1).T if parts else np.empty((0, 1), np.float32)
    except (av.FFmpegError, ValueError, IndexError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        kind = "truncated" if parts else "unreadable sound"
        raise Unusable(kind, f"{name!r}, after {seconds:.2f} s: {reason.lower()}") from None
    if not parts:
        raise Unusable("unreadable sound", f"{name!r} holds no sound")
    if seconds < ENOUGH * promised:
        raise _truncated(name, seconds, promised)
    return Decoded(samples, rate, form)


def _require_seconds(seconds: float, name: str, longest: float, shortest: float = SHORTEST) -> None:
    if seconds > longest:
        raise Unusable("too long", f"{name!r} lasts {seconds:.1f} s; {longest:g} s are allowed")
    if seconds < shortest:
        raise Unusable("too short", f"{name!r} lasts {seconds:.3f} s")


def _truncated(name: str, there: float, promised: float) -> Unusable:
    return Unusable("truncated", f"{name!r}: {there:.2f} s are there of {promised:.2f} s")


def _notes(found: Decoded, name: str) -> list[tuple[str, str]]:
    """What is odd, though it can be used."""
    notes = []
    expected = TYPES.get(PurePath(name).suffix.lower())
    kind, _, subtype = found.form.partition(" ")
    if expected and kind not in expected:
        notes.append(("other type than its name", f"{name!r} is {found.form}"))
    if (channels := found.samples.shape[1]) > 1:
        notes.append(("several channels", f"{name!r} has {channels}: their mean is taken"))
    if found.rate < SAMPLE_RATE:
        notes.append(
            ("low sample rate", f"{name!r} has {found.rate} Hz: the upper range is missing")
        )
    if subtype in FINER:
        notes.append(("more than 16 bits", f"{name!r} is {found.form}: 16 bits are kept"))
    return notes


def _promise(data: bytes, name: str) -> list[tuple[str, str]]:
    """What the header of a WAV or the end of an Ogg file says of its length, where it is wrong.

    Raises Unusable where much of a WAV is missing: libsndfile reads what is there, and says
    nothing. How much of an Ogg file is missing, nobody knows.
    """
    if data[:4] == b"OggS":
        flags = data[data.rfind(b"OggS") + 5 :][:1]
        whole = flags and flags[0] & END_OF_STREAM
        return [] if whole else [("no end", f"{name!r} lacks its last page: it may be truncated")]
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return []
    at = 12
    while at + 8 <= len(data) and data[at : at + 4] != b"data":
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1
    promised = int.from_bytes(data[at + 4 : at + 8], "little")
    there = max(0, len(data) - at - 8)
    if promised <= there:
        return []
    if promised not in UNKNOWN_SIZES and there < ENOUGH * promised:
        raise Unusable("truncated", f"{name!r}: {there:,} bytes are there of {promised:,}")
    return [("wrong header", f"{name!r} promises {promised:,} bytes; all {there:,} are kept")]


def _centred(found: Decoded, name: str) -> np.ndarray:
    """float32 [S]: one channel, around 0. Raises Unusable where nothing can be heard."""
    if not np.isfinite(found.samples).all():
        raise Unusable("not finite", f"{name!r} has samples that are no numbers")
    mono = found.samples.mean(1, dtype=np.float64)
    peak = np.abs(mono).max()
    if np.ptp(mono) <= max(1e-12 * peak, 1e-9):
        raise Unusable("silent", f"{name!r} has one value throughout (the mean of its channels)")
    if abs(mono.mean()) > OFFSET * peak:
        mono -= mono.mean()
    return mono.astype(np.float32)


def _quantised(sound: np.ndarray) -> np.ndarray:
    """int16 [S], scaled by a power of two."""
    mantissa, exponent = np.frexp(np.abs(sound).max())
    if mantissa == 0.5:  # a power of two stays what it is
        exponent -= 1
    scaled = np.ldexp(sound.astype(np.float64), 15 - exponent).round()
    return scaled.clip(-(1 << 15), (1 << 15) - 1).astype(np.int16)
