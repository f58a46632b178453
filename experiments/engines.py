"""`python -m experiments.engines MODEL VOICE…`: which voices and engines a model understands.

The semantic test of the paper (§6.2) on drawings of the model's own: every attribute word, spoken
alone by every voice, and pairs of drawings of which one has its value. For example, in some
minutes, most of which Kokoro takes where it has not spoken the words before:

    python -m experiments.engines models/small en-us+m1 en+f3 en-gb-x-rp pico:en-US pico:en-GB \\
        piper:joe hibari:heart kokoro:jf_nezumi kokoro:jm_kumo

Engines that are not installed are an error, which names the package.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from wordbrush.audio.features import log_mel, with_silence
from wordbrush.captions.grammar import VOCABULARY
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.errors import run_command
from wordbrush.evaluation.matching import make_pool, matched_pairs
from wordbrush.evaluation.speakers import by_engine, semantic_by_voice
from wordbrush.model.model import Model, load_model
from wordbrush.storage.files import write_json
from wordbrush.storage.paths import given_path

CERTAIN = 0.5  # of every object, as segmenter.min_confidence in params.yaml
RESAMPLES = 1000
ModelArgument = Annotated[Path, typer.Argument(help="An exported model.", parser=given_path)]
VoicesArgument = Annotated[list[str], typer.Argument(help="Such as en-us+m1 or flite:slt.")]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    model: ModelArgument,
    voices: VoicesArgument,
    drawings: Annotated[int, typer.Option(min=100, help="To choose pairs from.")] = 2000,
    pairs: Annotated[int, typer.Option(min=1, help="For each value.")] = 200,
    rate: Annotated[int, typer.Option(help="Words a minute.")] = 175,
    pitch: Annotated[int, typer.Option(help="0 to 99; 50 is a voice's own.")] = 50,
    seed: Annotated[int, typer.Option(help="Of drawings, pairs and intervals.")] = 1,
    output: Annotated[Path | None, typer.Option(help="JSON.", parser=given_path)] = None,
) -> None:
    for voice in voices:
        check_voice(voice)
    results = measure(load_model(model), voices, rate, pitch, drawings, pairs, seed)
    engines = by_engine(results, RESAMPLES, seed)
    for title, table in (("voice", rows(results)), ("engine", engine_rows(engines))):
        print(f"| {title} | {' | '.join(next(iter(results.values())))} |")
        print("|---" * (len(VOCABULARY.attributes) + 2) + "|")
        print("\n".join(table) + "\n")
    if output is not None:
        write_json(output, {"voices": results, "engines": engines})


def measure(
    model: Model, voices: list[str], rate: int, pitch: int, drawings: int, pairs: int, seed: int
) -> dict[str, dict[str, float]]:
    """Percent right of each attribute, and their mean, by voice."""
    pictures = model.draw(drawings, seed)
    pool = make_pool(VOCABULARY, model.read(pictures), CERTAIN, min_certainty=0.0)
    rng = np.random.default_rng(seed)
    matched = {
        value: matched_pairs(pool, attribute, value, pairs, rng)
        for attribute, values in VOCABULARY.attributes.items()
        for value in values
    }
    words = spoken_words(voices)
    config = model.config.features
    heard = (
        log_mel(
            with_silence(speak(word["word"], Voice(word["voice"], rate, pitch)).sound, config),
            config,
        )
        for word in words
    )
    with TemporaryDirectory() as folder:
        write_features(Path(folder) / "words", heard, config)
        speech = FeatureStore(Path(folder) / "words")
        spoken = encode_speech(model.encoders, speech, np.arange(len(speech)))
    seen = encode_images(model.encoders, pictures, np.arange(len(pictures)))
    scores = all_similarities(seen, spoken, model.encoders.config.similarity).numpy()
    return semantic_by_voice(scores, matched, words, VOCABULARY)


def spoken_words(voices: list[str]) -> list[SpokenWord]:
    """Every word of the vocabulary, by every voice; a voice speaks all of its words in one go."""
    return [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for voice in voices
        for attribute, values in VOCABULARY.attributes.items()
        for value in values
        for word in VOCABULARY.synonyms[value]
    ]


def rows(results: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"| {voice} | {' | '.join(f'{value:.1f}' for value in numbers.values())} |"
        for voice, numbers in results.items()
    ]


def engine_rows(engines: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    return [
        f"| {engine} | "
        + " | ".join(
            f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]" for one in numbers.values()
        )
        + " |"
        for engine, numbers in engines.items()
    ]


if __name__ == "__main__":
    run_command(app, "experiments.engines")
