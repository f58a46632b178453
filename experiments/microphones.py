"""`python -m experiments.microphones MODEL`: what a model still understands of bad recordings.

Voices of the training describe drawings, and the model looks for each drawing among others, as the
caption was spoken and with every fault of FAULTS, cleaned as all sound is
(`wordbrush.audio.inputs.prepare`). For each fault, in percent of the captions: for how many the
best drawing stays the same, and recall@10. In some minutes:

    python -m experiments.microphones models/small
"""

from collections.abc import Callable
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import torch
import typer
from scipy.signal import lfilter, resample_poly

from experiments.engines import ModelArgument
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.grammar import describe
from wordbrush.captions.voices import Voice, speak
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import similarities
from wordbrush.errors import WordbrushError, run_command
from wordbrush.model.model import Model, load_model
from wordbrush.segmenter.parsing import describable

VOICES = ("en", "en+f1", "en-us", "en-us+m2")  # that models/small was trained with
RATE, PITCH = 175, 50
RANKS = 10
BANG = 5760  # samples, in which it fades away
Fault = Callable[[np.ndarray], tuple[np.ndarray, int]]  # of sound at 16 kHz: samples and their rate
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def alone(sound: np.ndarray, before: float = 2, after: float = 2) -> np.ndarray:
    """Seconds of silence around."""
    return np.pad(sound, (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE)))


def level(sound: np.ndarray) -> float:
    """The root mean square of what is not silent."""
    return float(sound[sound != 0].std())


def noisy(sound: np.ndarray, decibels: float) -> np.ndarray:
    """With the noise of a room, which is darker than white noise."""
    noise = lfilter([1], [1, -0.95], np.random.default_rng(0).normal(size=len(sound)))
    return sound + noise / noise.std() * level(sound) * 10 ** (decibels / 20)


def humming(sound: np.ndarray, hertz: float, decibels: float) -> np.ndarray:
    time = np.arange(len(sound)) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * hertz * n * time + n) / n for n in range(1, 8))
    return sound + hum / np.std(hum) * level(sound) * 10 ** (decibels / 20)


def slammed(sound: np.ndarray, decibels: float, at: float | None = None) -> np.ndarray:
    """With a bang of some 0.1 s, in the middle if not elsewhere; as loud as a recorder takes it."""
    noise = lfilter([1], [1, -0.9], np.random.default_rng(0).normal(size=BANG))
    noise *= np.exp(-np.arange(BANG) / 640)
    noise *= level(sound) / noise[:320].std() * 10 ** (decibels / 20)
    first, whole = len(sound) // 2 if at is None else round(at * SAMPLE_RATE), sound.copy()
    whole[first : first + BANG] += noise
    return whole / max(1, np.abs(whole).max())


def sampled(sound: np.ndarray, rate: int) -> np.ndarray:
    common = np.gcd(rate, SAMPLE_RATE)
    return resample_poly(sound, rate // common, SAMPLE_RATE // common)


def whole_numbers(sound: np.ndarray) -> np.ndarray:
    """16 bits."""
    return (sound * 32767).round().astype(np.int16)


def recorded(sound: np.ndarray) -> np.ndarray:
    """All at once: quiet, 44.1 kHz, two channels of 16 bits."""
    quiet = noisy(humming(alone(0.05 * sound), 50, -15), -35)
    return whole_numbers(np.stack([sampled(quiet, 44100)] * 2, 1))


def at_own_rate(change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    return lambda sound: (change(sound), SAMPLE_RATE)


FAULTS: dict[str, Fault] = {
    "44.1 kHz": lambda s: (sampled(s, 44100), 44100),
    "12 kHz": lambda s: (sampled(s, 12000), 12000),
    "11.025 kHz": lambda s: (sampled(s, 11025), 11025),
    "8 kHz, as of a headset": lambda s: (sampled(s, 8000), 8000),
    "one of two channels is silent": at_own_rate(lambda s: np.stack([s, 0 * s], 1)),
    "crossed channels": at_own_rate(lambda s: np.stack([s, -0.9 * s], 1)),
    "8 bits": at_own_rate(lambda s: (128 + 127 * s).round().astype(np.uint8)),
    "40 dB quieter, 16 bits": at_own_rate(lambda s: whole_numbers(0.01 * s)),
    "60 dB quieter, 16 bits": at_own_rate(lambda s: whole_numbers(0.001 * s)),
    "2 s of silence around": at_own_rate(alone),
    "13 s of silence before": at_own_rate(lambda s: alone(s, 13, 1)),
    "a room, -30 dB, and 2 s of it around": at_own_rate(lambda s: noisy(alone(s), -30)),
    "a room, -20 dB, and 2 s of it around": at_own_rate(lambda s: noisy(alone(s), -20)),
    "hum of 60 Hz, -10 dB, 2 s around": at_own_rate(lambda s: humming(alone(s), 60, -10)),
    "hum of 50 Hz, 0 dB, 2 s around": at_own_rate(lambda s: humming(alone(s), 50, 0)),
    "clipped at a quarter of the peak": at_own_rate(lambda s: np.clip(4 * s, -1, 1)),
    "clipped at a tenth of the peak": at_own_rate(lambda s: np.clip(10 * s, -1, 1)),
    "a slam in the middle, +20 dB": at_own_rate(lambda s: slammed(s, 20)),
    "a slam in the middle, +30 dB": at_own_rate(lambda s: slammed(s, 30)),
    "a slam before the speech, +20 dB": at_own_rate(lambda s: slammed(alone(s), 20, at=1)),
    "all at once": lambda s: (recorded(s), 44100),
}


class Heard:
    """Spoken captions of drawings.

    sounds: float64 at 16 kHz. own: the drawing that each describes. wanted: that which the model
    finds best for it as it was spoken.
    """

    def __init__(self, model: Model, captions: int, drawings: int) -> None:
        self.model = model
        pictures = model.draw(drawings, seed=1)
        read = model.read(pictures)
        self.own = [n for n in range(drawings) if describable(read[n], 0.5, 0.0)][:captions]
        if len(self.own) < captions:
            raise WordbrushError(
                f"--drawings {drawings}: {len(self.own)} of them can be described, and --captions "
                f"is {captions}."
            )
        texts = [describe(read[n], np.random.default_rng(at)) for at, n in enumerate(self.own)]
        lines = [
            (text, Voice(VOICES[at % len(VOICES)], RATE, PITCH)) for at, text in enumerate(texts)
        ]
        # espeak-ng's bytes depend on what it said before, so they are said by a new process
        with get_context("spawn").Pool(1) as pool:
            spoken = pool.starmap(speak, lines)
        self.sounds = [one.sound.astype(np.float64) for one in spoken]
        self.seen = Encoded(model.see(pictures))
        self.wanted = [int(self.scores(sound).argmax()) for sound in self.sounds]

    def scores(self, sound: np.ndarray, rate: int = SAMPLE_RATE) -> torch.Tensor:
        """Of all drawings [N] with a sound."""
        heard = self.model.hear(sound, rate)
        speech = Encoded(heard, torch.tensor([heard.shape[2]]))
        return similarities(self.seen, speech, self.model.encoders.config.similarity)[:, 0]

    def after(self, fault: Fault) -> tuple[list[bool], list[bool]]:
        """For each caption: whether the best drawing stays, and whether its own is among the first
        ten."""
        scores = [self.scores(*fault(sound)) for sound in self.sounds]
        stays = [int(one.argmax()) == best for one, best in zip(scores, self.wanted, strict=True)]
        ranks = [int((one >= one[own]).sum()) for one, own in zip(scores, self.own, strict=True)]
        return stays, [rank <= RANKS for rank in ranks]


@app.command(help=__doc__)
def main(
    model: ModelArgument,
    captions: Annotated[int, typer.Option(min=1)] = 60,
    drawings: Annotated[int, typer.Option(min=11, help="To look among.")] = 200,
) -> None:
    heard = Heard(load_model(model), captions, drawings)
    faults: dict[str, Any] = {"none": lambda sound: (sound, SAMPLE_RATE), **FAULTS}
    print("| fault | best stays | R@10 |", "|---|---|---|", sep="\n")
    for name, fault in faults.items():
        stays, found = heard.after(fault)
        print(f"| {name} | {100 * np.mean(stays):.0f} | {100 * np.mean(found):.0f} |", flush=True)


if __name__ == "__main__":
    run_command(app, "experiments.microphones")
