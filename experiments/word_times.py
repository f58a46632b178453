"""`python -m experiments.word_times VOICE…`: how exact the word times of time warping are.

Voices whose engine tells its own times (festival, piper, hibari, kokoro, and espeak-ng) speak some
captions; the times are found again by laying the speech over espeak-ng's, and compared. Of
espeak-ng, the voice that is laid under is en-us, so others are asked for:

    python -m experiments.word_times en+f3 en-gb-x-rp festival/ked piper/joe hibari/heart
"""

from typing import Annotated

import numpy as np
import typer

from wordbrush.captions.engines.alignment import carried_over
from wordbrush.captions.engines.reference import rendering
from wordbrush.captions.grammar import describe
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.errors import run_command
from wordbrush.scenes.world import ATTRIBUTES

PITCH = 50
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    voices: Annotated[list[str], typer.Argument(help="Such as en+f3 or festival/ked.")],
    captions: Annotated[int, typer.Option(min=1, help="For each voice.")] = 40,
    rate: Annotated[int, typer.Option(help="Words a minute of the voices.")] = 175,
    under: Annotated[int, typer.Option(help="Words a minute of the speech laid under.")] = 175,
) -> None:
    print("| voice | words | median error | 90 % below | words that overlap by half |")
    print("|---|---|---|---|---|")
    for voice in voices:
        check_voice(voice)
        errors, overlaps = measure(voice, captions, rate, under)
        print(
            f"| {voice} | {len(overlaps)} | {1000 * np.median(errors):.0f} ms "
            f"| {1000 * np.quantile(errors, 0.9):.0f} ms | {100 * np.mean(overlaps):.1f} % |",
            flush=True,
        )


def measure(voice: str, captions: int, rate: int, under: int) -> tuple[np.ndarray, np.ndarray]:
    """How far each word's start is off, in seconds; and whether half of the word is found.

    Captions in which espeak-ng joins words, as in `left of a`, are left out.
    """
    errors, overlaps = [], []
    for number in range(captions):
        text = caption(number)
        utterance = speak(text, Voice(voice, rate, PITCH))
        known, words = rendering(text, under)
        found, _ = carried_over(words, known, utterance.sound)
        if [word["word"] for word in found] != [word["word"] for word in utterance.words]:
            continue
        for mine, true in zip(found, utterance.words, strict=True):
            errors.append(abs(mine["start"] - true["start"]))
            both = min(mine["end"], true["end"]) - max(mine["start"], true["start"])
            overlaps.append(both >= 0.5 * (true["end"] - true["start"]))
    return np.array(errors), np.array(overlaps)


def caption(number: int) -> str:
    """A caption of two objects that nobody drew."""
    rng = np.random.default_rng(number)
    objects = [
        {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}
        | {"x": float(rng.random()), "y": float(rng.random())}
        for _ in range(2)
    ]
    return describe(objects, rng)


if __name__ == "__main__":
    run_command(app, "experiments.word_times")
