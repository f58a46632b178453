"""Making the data: a rendered scene, a spoken caption, its features."""

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torchaudio.compliance.kaldi import fbank

from benchmarks.bench import Bench, Line
from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.grammar import describe
from wordbrush.captions.lines import Line as Spoken
from wordbrush.captions.lines import random_voice
from wordbrush.captions.recital import recite_one
from wordbrush.captions.voices import Voice, speak
from wordbrush.params import Captions
from wordbrush.scenes.render import render_one
from wordbrush.scenes.sampling import sample_scene


def rendering(bench: Bench) -> Iterator[Line]:
    """A scene with its mask, of the demo's world and of that of `small`; each run takes another."""
    for preset in (None, "small"):
        params, numbers = bench.params(preset), count()
        size = params.scenes.resolution

        def scene(params=params, numbers=numbers) -> None:
            render_one(params.scenes, params.seed, next(numbers))

        yield from bench.compare(
            f"rendering a scene of {size}×{size}", scene, computed=False, units=1
        )


def captions(bench: Bench) -> Iterator[Line]:
    """A caption spoken, encoded, and turned into features; each run takes another."""
    params, numbers = bench.params(), count()
    scenes = params.scenes.model_copy(update={"min_objects": params.scenes.max_objects})

    def caption() -> None:
        rng = np.random.default_rng([params.seed, next(numbers)])
        recite_one(params.captions, Spoken(text(scenes, rng), random_voice(params.captions, rng)))

    yield from bench.compare(
        f"speaking a caption of {scenes.max_objects} objects", caption, computed=False, units=1
    )


def text(scenes, rng: np.random.Generator) -> str:
    """The description of a random scene."""
    things = sample_scene(scenes, rng, 0, "train")["objects"]
    return describe(
        [
            {**thing, "x": thing["pixel_coords"][0], "y": thing["pixel_coords"][1]}
            for thing in things
        ],
        rng,
    )


def features(bench: Bench) -> Iterator[Line]:
    """Log-mel features of a spoken caption, against torchaudio's `kaldi.fbank`, same settings."""
    params = bench.params()
    rng, options = np.random.default_rng(params.seed), params.captions
    sound = speak(
        text(params.scenes, rng), Voice(options.voices[0], options.rates[0], options.pitches[0])
    ).sound
    seconds = len(sound) / SAMPLE_RATE
    yield from bench.compare(
        f"features of {seconds:.1f} s of speech",
        lambda: log_mel(sound, FeatureConfig.taken_from(options)),
        lambda: kaldi(sound, options),
        "torchaudio, kaldi.fbank",
        computed=False,
        units=seconds,
    )


def kaldi(sound: np.ndarray, options: Captions) -> torch.Tensor:
    return fbank(
        torch.from_numpy(sound)[None],
        sample_frequency=SAMPLE_RATE,
        num_mel_bins=options.bands,
        window_type="hamming",
        frame_length=options.window_ms,
        frame_shift=options.hop_ms,
        low_freq=options.low_hz,
        preemphasis_coefficient=options.pre_emphasis,
    )
