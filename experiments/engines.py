"""`python -m experiments.engines MODEL VOICE…`: which voices and engines a model understands.

The semantic test of the paper (§6.2) on drawings of the model's own: every attribute word, spoken
alone by every voice, and pairs of drawings of which one has its value. With --captions, also
recall: each engine describes drawings, its voices in turn, and the model looks for the drawing
among 500. For example, in some minutes, most of which Kokoro takes where it has not spoken before:

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
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import ranks
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.matching import make_pool, matched_pairs
from wordbrush.evaluation.speakers import by_engine, semantic_by_voice
from wordbrush.model.model import Model, load_model
from wordbrush.params import engine_of_voice
from wordbrush.segmenter.parsing import describable
from wordbrush.storage.files import write_json
from wordbrush.storage.paths import given_path

CERTAIN = 0.5  # of every object, as segmenter.min_confidence in params.yaml
RESAMPLES = 1000
WITHIN = 10  # the first drawings that count
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
            engines[engine][f"R@{WITHIN}"] = measured.recall(spoken, captions, among)
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

    def semantic(self, voices: list[str], count: int) -> dict[str, dict[str, float]]:
        """Percent right of each attribute, and their mean, by voice; `count` pairs for a value."""
        pool = make_pool(VOCABULARY, self.objects, CERTAIN, min_certainty=0.0)
        rng = np.random.default_rng(self.seed)
        matched = {
            value: matched_pairs(pool, attribute, value, count, rng)
            for attribute, values in VOCABULARY.attributes.items()
            for value in values
        }
        words = spoken_words(voices)
        heard = self.hear([(word["word"], word["voice"]) for word in words])
        return semantic_by_voice(self.scores(heard, self.seen), matched, words, VOCABULARY)

    def recall(self, voices: list[str], count: int, among: int) -> dict[str, float]:
        """Percent of captions for which the drawing is among the first WITHIN of so many.

        Its interval is over captions: the voices speak them in turn.
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
        heard = self.hear(
            [(text, voices[number % len(voices)]) for number, text in enumerate(texts)]
        )
        scores = torch.from_numpy(self.scores(heard, self.seen[torch.tensor(told)])).T
        right = torch.arange(len(texts))[:, None] == torch.arange(len(told))
        found = (ranks(scores, right) <= WITHIN).float().numpy()
        return {"mean": round(float(percent(found)), 2),
                **bootstrap(found, percent, RESAMPLES, self.seed)}  # fmt: skip

    def hear(self, said: Sequence[tuple[str, str]]) -> Encoded:
        """Features of texts, each by its voice."""
        config = self.model.config.features
        frames = (
            log_mel(
                with_silence(speak(text, Voice(voice, self.rate, self.pitch)).sound, config), config
            )
            for text, voice in said
        )
        with TemporaryDirectory() as folder:
            write_features(Path(folder) / "speech", frames, config)
            speech = FeatureStore(Path(folder) / "speech")
            return encode_speech(self.model.encoders, speech, np.arange(len(speech)))

    def scores(self, heard: Encoded, seen: Encoded) -> np.ndarray:
        """Of each picture with each utterance, [P, W]."""
        return all_similarities(seen, heard, self.model.encoders.config.similarity).numpy()


def spoken_words(voices: list[str]) -> list[SpokenWord]:
    """Every word of the vocabulary, by every voice; a voice speaks all of its words in one go."""
    return [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for voice in voices
        for attribute, values in VOCABULARY.attributes.items()
        for value in values
        for word in VOCABULARY.synonyms[value]
    ]


def print_table(title: str, rows: dict[str, list[str]], columns: list[str]) -> None:
    print(f"| {title} | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def shown(value: float) -> str:
    return f"{value:.1f}"


def with_interval(one: dict[str, float]) -> str:
    return f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]"


if __name__ == "__main__":
    run_command(app, "experiments.engines")
