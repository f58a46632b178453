"""`python -m experiments.engines MODEL VOICE…`: which voices and engines a model understands.

The semantic test of the paper (§6.2) on drawings of the model's own: every attribute word, spoken
alone by every voice, and pairs of drawings of which one has its value. With --captions, also
recall: each engine describes drawings, its voices in turn, and the model looks for the drawing
among 500. With --snr, the words are also said in pink noise. All means and intervals are over
voices. The stage evaluate measures the same, and more, of the groups of voices in params.yaml
(docs/speech.md); this is for voices that come to mind later.
For example, in some minutes, most of which Kokoro takes where it has not spoken before:

    python -m experiments.engines models/small en-us+m1 en+f3 en-gb-x-rp pico/en-US pico/en-GB \\
        piper/joe hibari/heart kokoro/jf_nezumi kokoro/jm_kumo --captions 100

Engines that are not installed are an error, which names the package.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer

from wordbrush.audio.features import log_mel, with_silence
from wordbrush.captions.grammar import VOCABULARY, describe
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.captions.words import spoken_words
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.matching import make_pool, matched_pairs
from wordbrush.evaluation.results import Estimate, Recall
from wordbrush.evaluation.speakers import (
    by_engine,
    over_voices,
    recall_by_voice,
    semantic_by_voice,
)
from wordbrush.model.model import Model, load_model
from wordbrush.params import engine_of_voice
from wordbrush.segmenter.parsing import describable
from wordbrush.storage.files import write_json
from wordbrush.storage.paths import given_path

CERTAIN = 0.5  # of every object, as segmenter.min_confidence in params.yaml
RESAMPLES = 1000
RECALL = "R@10"
ModelArgument = Annotated[Path, typer.Argument(help="An exported model.", parser=given_path)]
VoicesArgument = Annotated[list[str], typer.Argument(help="Such as en-us+m1 or flite/slt.")]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    model: ModelArgument,
    voices: VoicesArgument,
    drawings: Annotated[int, typer.Option(min=100, help="To choose from.")] = 2000,
    pairs: Annotated[int, typer.Option(min=1, help="For each value.")] = 200,
    captions: Annotated[int, typer.Option(min=0, help="By each engine; 0: no recall.")] = 0,
    among: Annotated[int, typer.Option(min=2, help="Drawings to look among.")] = 500,
    rate: Annotated[int, typer.Option(help="Words a minute.")] = 175,
    pitch: Annotated[int, typer.Option(help="0 to 99; 50 is a voice's own.")] = 50,
    seed: Annotated[int, typer.Option(help="Of drawings, pairs and intervals.")] = 1,
    snr: Annotated[
        list[float] | None, typer.Option(help="dB from speech to noise; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON.", parser=given_path)] = None,
) -> None:
    for voice in voices:
        check_voice(voice)
    measured = Measured(load_model(model), drawings, rate, pitch, seed)
    results = measured.semantic(voices, pairs)
    engines = by_engine(results, RESAMPLES, seed)
    if captions:
        for engine in engines:
            spoken = [voice for voice in voices if engine_of_voice(voice) == engine]
            found = measured.recall(spoken, captions, among)
            engines[engine][RECALL] = over_voices(
                [one["10"] for one in found.values()], RESAMPLES, seed
            )
    for decibels in snr or []:
        noisy = by_engine(measured.semantic(voices, pairs, decibels), RESAMPLES, seed)
        for engine, one in engines.items():
            one[f"mean at {decibels:g} dB"] = noisy[engine]["mean"]
    print_table("voice", {voice: list(map(shown, one.values())) for voice, one in results.items()},
                list(next(iter(results.values()))))  # fmt: skip
    print_table(
        "engine",
        {engine: list(map(with_interval, numbers.values())) for engine, numbers in engines.items()},
        list(next(iter(engines.values()))),
    )
    if output is not None:
        write_json(output, {"voices": results, "engines": engines})


class Measured:
    """A model, and drawings of its own with what its segmenter reads in them."""

    def __init__(self, model: Model, drawings: int, rate: int, pitch: int, seed: int) -> None:
        self.model, self.rate, self.pitch, self.seed = model, rate, pitch, seed
        self.pictures = model.draw(drawings, seed)
        self.objects = model.read(self.pictures)
        self.seen = encode_images(model.encoders, self.pictures, np.arange(drawings))

    def semantic(
        self, voices: list[str], count: int, snr: float | None = None
    ) -> dict[str, dict[str, float]]:
        """Percent right of each attribute, and their mean, by voice; `count` pairs for a value.

        snr: of pink noise in which the words are said, in dB.
        """
        pool = make_pool(VOCABULARY, self.objects, CERTAIN, min_certainty=0.0)
        rng = np.random.default_rng(self.seed)
        matched = {
            value: matched_pairs(pool, attribute, value, count, rng)
            for attribute, values in VOCABULARY.attributes.items()
            for value in values
        }
        words = spoken_words(VOCABULARY, voices)
        heard = self.hear([(word["word"], word["voice"]) for word in words], snr)
        return semantic_by_voice(self.scores(heard, self.seen), matched, words, VOCABULARY)

    def recall(self, voices: list[str], count: int, among: int) -> dict[str, Recall]:
        """Recall of each voice's captions, which look among so many drawings; they speak in turn.

        Raises WordbrushError where too few drawings can be described.
        """
        told = [
            number
            for number, objects in enumerate(self.objects)
            if describable(objects, CERTAIN, min_certainty=0.0)
        ][:among]
        if len(told) < among:
            raise WordbrushError(
                f"{len(told)} drawings can be described, and recall is among {among}: ask "
                "for more --drawings."
            )
        texts = [
            describe(self.objects[number], np.random.default_rng([self.seed, number]))
            for number in told[:count]
        ]
        speakers = [voices[number % len(voices)] for number in range(len(texts))]
        heard = self.hear(list(zip(texts, speakers, strict=True)))
        scores = torch.from_numpy(self.scores(heard, self.seen[torch.tensor(told)]))
        return recall_by_voice(scores, range(len(texts)), speakers)

    def hear(self, said: Sequence[tuple[str, str]], snr: float | None = None) -> Encoded:
        """Features of texts, each by its voice, in noise if `snr` says so."""
        config = self.model.config.features

        def sound(number: int, text: str, voice: str) -> np.ndarray:
            spoken = speak(text, Voice(voice, self.rate, self.pitch)).sound
            whole = with_silence(spoken, config)
            if snr is None:
                return whole
            noise = pink_noise(len(whole), np.random.default_rng([self.seed, number]))
            level = spoken.std() * 10 ** (-snr / 20)
            return (whole + level * noise).astype(np.float32)

        frames = (log_mel(sound(number, *one), config) for number, one in enumerate(said))
        with TemporaryDirectory() as folder:
            write_features(Path(folder) / "speech", frames, config)
            speech = FeatureStore(Path(folder) / "speech")
            return encode_speech(self.model.encoders, speech, np.arange(len(speech)))

    def scores(self, heard: Encoded, seen: Encoded) -> np.ndarray:
        """Of each picture with each utterance, [P, W]."""
        return all_similarities(seen, heard, self.model.encoders.config.similarity).numpy()


def pink_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """[count] samples with as much power in each octave, as rooms have; their deviation is 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, count)
    return noise / noise.std()


def print_table(title: str, rows: dict[str, list[str]], columns: list[str]) -> None:
    print(f"| {title} | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def shown(value: float) -> str:
    return f"{value:.1f}"


def with_interval(one: Estimate) -> str:
    return f"{one['value']:.1f} [{one['low']:.1f}, {one['high']:.1f}]"


if __name__ == "__main__":
    run_command(app, "experiments.engines")
