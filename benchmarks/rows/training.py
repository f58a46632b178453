"""DAVEnet's training in the demo: a step, what edited negatives add, time spent waiting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from prometheus_client import REGISTRY

from benchmarks.bench import Bench, Line, Target, in_precision
from benchmarks.pairs import make_generator, read_pairs, write_pairs
from benchmarks.timing import WHOLE, Seconds, Work, timed
from wordbrush import params as parameters
from wordbrush.concepts.clusters import membership
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.loader import PairBatch
from wordbrush.data.pairs import Pairs
from wordbrush.data.pairs import read_pairs as pairs_of_a_run
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.negatives import Editor
from wordbrush.davenet.training import Settings, Trainer, make_loader
from wordbrush.editing.editors import (
    make_random_editor,
    make_targeted_editor,
    random_editor,
    targeted_editor,
)
from wordbrush.params import Params
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.telemetry.metrics import STAGE, running, waiting_for_data
from wordbrush.training.compute import device

MINING = "hard"
MOST = Target(1.6, at_most=True)
WAITING = Target(0.02, at_most=True)
AUGMENTED = Target(1.1, at_most=True)
# All of davenet.augmentation, about as strong as its sources have it; what is drawn costs the same.
EVERYTHING: dict[str, float] = {
    "tempo": 0.2,
    "vocal_tract": 0.15,
    "formants": 0.5,
    "harmonics_db": 6.0,
    "rooms": 0.5,
    "noise": 0.6,
    "equaliser_db": 5.0,
    "tilt_db": 6.0,
    "telephone": 0.15,
    "level_db": 10.0,
    "compression": 0.3,
    "clipping_db": 6.0,
    "time_masks": 2,
    "band_masks": 2,
}

Batches = Iterator[PairBatch]


def same_batch(pairs: Pairs, params: Params, edit_every: int = 0) -> Batches:
    """The first batch of a training, again and again."""
    loader = make_loader(pairs, params.davenet, edit_every, params.seed)
    batch = next(loader)
    loader.close()
    while True:
        yield batch


def training_step(
    encoders: Encoders,
    pairs: Pairs,
    params: Params,
    batches: Batches | None = None,
    editor: Editor | None = None,
    number: int | None = None,
) -> Work:
    """A step as `train` takes it; `batches`: if none are given, those of the training. number: of
    the step; if not given, the first after the warm-up."""
    stage = params.schedule.random_edits if editor else params.schedule.pretrain
    settings = Settings(params.davenet, stage, MINING, params.seed, params.edits.against)
    trainer = Trainer(encoders, pairs, settings, editor)
    taken = number or stage.warmup_steps + 1

    def step() -> None:
        with waiting_for_data():
            batch = next(batches or trainer.batches)
        trainer.descend(taken, batch)
        if trainer.watch.due:
            trainer.results()

    return step


def repeated_step(pairs: Pairs, params: Params, editor: Editor | None = None) -> Work:
    """A step of new encoders, always of the same batch and crops."""
    every = params.schedule.random_edits.edit_every if editor else 0
    batches = same_batch(pairs, params, every)
    return training_step(new_encoders(pairs, params), pairs, params, batches, editor)


def new_encoders(pairs: Pairs, params: Params) -> Encoders:
    torch.manual_seed(params.seed)
    return Encoders(EncoderConfig.of(params.davenet, pairs.speech.config)).to(device())


def demo_step(bench: Bench) -> Iterator[Line]:
    """A step without edits."""
    params, pairs = bench.params(), some_pairs(bench.folder(), bench.params())
    batch = params.davenet.batch_size
    step = repeated_step(pairs, params)
    yield from bench.compare(
        f"DAVEnet step of the demo, float32, batch {batch}", step, memory=True, units=batch
    )
    yield from bench.compare(
        f"DAVEnet step of the demo, batch {batch}",
        repeated_step(pairs, params),
        step,
        "in float32",
        published=False,
        memory=True,
        units=batch,
        precision=params.precision,
    )


def augmented_step(bench: Bench) -> Iterator[Line]:
    """What all augmentations together add to a step whose encoders normalise speech themselves."""
    params = not_normalised(bench.params())
    pairs = some_pairs(bench.folder(), params)
    augmentation = params.davenet.augmentation.model_copy(update=EVERYTHING)
    davenet = params.davenet.model_copy(update={"augmentation": augmentation})
    yield from bench.compare(
        "DAVEnet step of the demo, every augmentation",
        repeated_step(pairs, params.model_copy(update={"davenet": davenet})),
        in_precision(params.precision, repeated_step(pairs, params)),
        "our step without",
        AUGMENTED,
        published=False,
        computed=False,
        precision=params.precision,
    )


def not_normalised(params: Params) -> Params:
    """The same, without what is on already, of features that are not normalised yet."""
    off = params.davenet.augmentation
    off = off.model_copy(update=dict.fromkeys(off.used, 0))
    return params.model_copy(
        update={
            "captions": params.captions.model_copy(update={"normalisation": "running"}),
            "davenet": params.davenet.model_copy(update={"augmentation": off}),
        }
    )


@dataclass(frozen=True)
class Editing:
    """The inputs of steps with edits; `encoders` makes new ones for each kind of step."""

    params: Params
    pairs: Pairs
    encoders: Callable[[], Encoders]
    editors: dict[str, Editor]


def edited_steps(bench: Bench) -> Iterator[Line]:
    """What random and targeted edits add to a step."""
    editing = of_a_run(bench.demo) if bench.demo else made_up(bench, bench.params())
    params, data = editing.params, "the demo's drawings" if bench.demo else "an untrained generator"

    def step(editor: Editor | None = None) -> Work:
        return training_step(editing.encoders(), editing.pairs, params, editor=editor)

    for name, editor in editing.editors.items():
        with_edits = step(editor)
        edits, changed = counted("edits", with_edits), counted("edits_changed", with_edits)
        yield from bench.compare(
            f"step with {name} edits",
            with_edits,
            in_precision(params.precision, step()),
            "our step without edits",
            MOST,
            published=False,
            computed=False,
            precision=params.precision,
            note=f"{data}; {changed:.0f} of {edits:.0f} edits change the picture enough",
        )


def made_up(bench: Bench, params: Params) -> Editing:
    """Edits by an untrained generator, of clusters of random units."""
    folder, generator = bench.folder(), make_generator(params)
    pairs, latents = some_pairs(folder, params), np.load(folder / "latents.npy")
    editors = {
        "random": random_editor(generator, latents, params.edits, params.seed),
        "targeted": targeted_editor(
            generator, latents, random_concepts(params), params.edits, params.seed
        ),
    }
    return Editing(params, pairs, lambda: new_encoders(pairs, params), editors)


def of_a_run(root: Path) -> Editing:
    """Drawings, captions and clusters of a run of the demo, and its encoders before any edit."""
    layout, params = Layout(root), parameters.load(root / PARAMS)
    editors = {
        "random": make_random_editor(params, layout, params.seed),
        "targeted": make_targeted_editor(params, layout, MINING, params.seed),
    }
    return Editing(
        params,
        pairs_of_a_run(layout),
        lambda: load_encoders(layout.encoders("pretrain", MINING), device()),
        editors,
    )


def random_concepts(params: Params) -> ConceptSet:
    """Clusters of random units, in the sizes of params.yaml."""
    rng, count = np.random.default_rng(params.seed), params.clusters.count
    labels = rng.permutation(np.arange(params.davenet.embedding) % count)
    return ConceptSet(
        membership(labels).numpy(),
        np.ones(params.davenet.embedding, np.float32),
        np.stack([rng.permutation(params.gan.channels[8]) for _ in range(count)]),
        [],
    )


def waiting(bench: Bench) -> Iterator[Line]:
    """The share of a step spent waiting for data, by the trainer's counter (docs/monitoring.md)."""
    params, pairs = bench.params(), some_pairs(bench.folder(), bench.params())
    step = in_precision(params.precision, training_step(new_encoders(pairs, params), pairs, params))
    timed(step)
    waits, steps = [], []
    for _ in range(4 * bench.repeats):
        waits.append(counted("data_wait_seconds", lambda: steps.append(timed(step)[WHOLE])))
    yield Line(
        bench.row,
        "waiting for data, of a step",
        Seconds(waits),
        "the whole step",
        Seconds(steps),
        WAITING,
    )


def counted(name: str, work: Work) -> float:
    """By how much the work raises one of the stages' counters (telemetry/metrics.py)."""

    def value() -> float:
        labels = dict(zip(STAGE, running(), strict=True))
        return REGISTRY.get_sample_value(f"wordbrush_{name}_total", labels) or 0.0

    before = value()
    work()
    return value() - before


def some_pairs(folder: Path, params: Params) -> Pairs:
    write_pairs(folder, params, 8 * params.davenet.batch_size)
    return read_pairs(folder)
