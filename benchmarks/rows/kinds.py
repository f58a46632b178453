"""Steps of the kinds that came after the paper's: codebooks, languages, locked pictures, context,
and three senses."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.bench import Bench
from benchmarks.rows.training import new_encoders, same_batch, some_pairs, training_step
from benchmarks.timing import Work
from wordbrush.data.pairs import Pairs
from wordbrush.params import Context, Params
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS, SensesConfig
from wordbrush.senses.sentences import FIRST
from wordbrush.senses.training import Trainer

CONTEXT = Context(
    audio_layer=3,
    least_frames=10,
    embedding=64,
    channels=96,
    audio_blocks=4,
    audio_width=5,
    image_blocks=3,
)
WORDS, LENGTH = 60, 24  # of a vocabulary and of a sentence: about those of captions
Step = tuple[str, Work, int]


class Kind(NamedTuple):
    """A kind of step, with the parameters in which it occurs and its number among their steps."""

    name: str
    params: Params
    number: int


def kinds_of_davenet(demo: Params, quantised: Params, bilingual: Params) -> Iterator[Kind]:
    """Each with the parameters that ask for it: of the demo, of codebooks, and of languages."""
    pretrain = demo.schedule.pretrain.model_copy(update={"locked_steps": 1, "context_steps": 1})
    demo = demo.model_copy(
        update={
            "davenet": demo.davenet.model_copy(update={"context": CONTEXT}),
            "schedule": demo.schedule.model_copy(update={"pretrain": pretrain}),
        }
    )
    yield Kind("audio branch alone", demo, pretrain.steps + 1)
    yield Kind("heads of context", demo, pretrain.steps + 2)
    yield Kind("codebooks", quantised, quantised.schedule.pretrain.steps)
    yield Kind("two languages", bilingual, bilingual.schedule.pretrain.steps)


def steps(bench: Bench, demo: Params, quantised: Params, bilingual: Params) -> Iterator[Step]:
    """The name of each kind, its step, and how many pairs it handles."""
    for name, params, number in kinds_of_davenet(demo, quantised, bilingual):
        pairs, batch = some_pairs(bench.folder(), params), params.davenet.batch_size
        batches, encoders = same_batch(pairs, params), new_encoders(pairs, params)
        step = training_step(encoders, pairs, params, batches, number=number)
        yield f"DAVEnet step, {name}, batch {batch}", step, batch
    pairs = some_pairs(bench.folder(), demo)
    batch = demo.senses.batch_size
    yield f"step of three senses, batch {batch}", senses_step(pairs, demo), batch * len(PARTNERS)


def senses_step(pairs: Pairs, params: Params) -> Work:
    """A step on new pairs of noise, with both losses."""
    senses = params.senses.model_copy(update={"loss": "both"})
    values = [value for values in ATTRIBUTES.values() for value in values]
    config = SensesConfig.taken_from(
        senses,
        bands=pairs.speech.bands,
        vocabulary=[str(number) for number in range(WORDS)],
        values=values,
    )
    trainer = Trainer(senses, config, noise_cases(pairs, len(values), params.seed), params.seed)

    def step() -> None:
        trainer.step(1)
        if trainer.watch.due:
            trainer.losses()

    return step


def noise_cases(pairs: Pairs, values: int, seed: int) -> Cases:
    """Of each pair, with a sentence of any words."""
    rng, numbers = np.random.default_rng(seed), np.arange(len(pairs.speech))
    count = len(numbers)
    return Cases(
        numbers,
        pairs.images,
        pairs.manifest.images,
        pairs.speech,
        numbers,
        rng.integers(FIRST, FIRST + WORDS, (count, LENGTH)),
        rng.random((count, values), np.float32),
        np.zeros((count, values), np.int64),
        pairs.manifest.splits,
    )
