"""Small trainings of every kind, by one process or by several under torchrun.

Run as a module, it writes their results.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from wordbrush import params as parameters
from wordbrush.audio.config import FeatureConfig
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.manifest import Manifest
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.data.twins import NO_RIVAL, TwinPairs
from wordbrush.davenet import training as davenet_training
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.editing.editors import random_editor, targeted_editor
from wordbrush.gan import training as drawing
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.params import (
    LAYOUTS,
    AudioStages,
    Context,
    Params,
    Pretraining,
    Quantiser,
    Training,
)
from wordbrush.process import is_main
from wordbrush.segmenter import training as segmenter
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.training.compute import device, set_seed
from wordbrush.training.parallel import joined

ROOT = Path(__file__).resolve().parents[2]
COUNT, SIZE = 48, 16
STEPS = 10
SHORT = {
    "stable_kimg": {4: 0.016, 8: 0.016, 16: 0.024},
    "fade_kimg": {4: 0.0, 8: 0.016, 16: 0.016},
    "grids": 11,  # 11 steps of 8: the curve is of every step
    "adam_epsilon": 1e-3,  # with a small one, gradients that are only rounding errors make steps
}
GANS = {
    "logistic-r1": {"augment_shift": 0.125, "augment_flip": True, "penalty_every": 3},
    "wgan-gp": {
        "loss": "wgan-gp",
        "penalty_weight": 10.0,
        "penalty_every": 1,
        "drift_weight": 0.001,
    },
}
DAVENETS = {
    f"{loss}, {mining}": ({"loss": loss}, mining)
    for loss in ("margin", "softmax")
    for mining in ("random", "semi-hard", "hard")
}
DAVENETS |= {
    kind: ({"similarity": kind, "audio_norm": "none"}, "hard") for kind in ("SISA", "SIMA")
}
AUGMENTED = {"tempo": 0.2, "vocal_tract": 0.2, "noise": 0.5, "rooms": 0.5, "band_masks": 1}
DAVENETS |= {"augmented": ({"augmentation": AUGMENTED}, "hard")}
GROWN = {
    "audio_network": "resdavenet",
    "audio_stages": AudioStages(channels=[8, 8], blocks=1, width=3),
    "quantisers": [
        Quantiser(layer=1, codes=12, from_step=5),
        Quantiser(layer=2, codes=16, from_step=0),
    ],
}
DAVENETS |= {"grown codebooks": (GROWN, "hard")}
DAVENETS |= {"locked pictures": ({"locked_steps": 8}, "hard")}
TWINS = {"kind": "edited", "pairs_a_batch": 2}
DAVENETS |= {
    "twins, margin, random": ({"twins": TWINS, "loss": "margin"}, "random"),
    "twins, hard": ({"twins": TWINS}, "hard"),
    "twins, locked pictures": ({"twins": TWINS, "locked_steps": 8}, "hard"),
}
CONTEXT = Context(
    audio_layer=1,
    least_frames=1,
    embedding=8,
    channels=8,
    audio_blocks=2,
    audio_width=3,
    image_blocks=2,
)
DAVENETS |= {
    "heads of context": ({"context": CONTEXT, "locked_steps": 2, "context_steps": 7}, "hard"),
    "heads of context, twins": ({"context": CONTEXT, "twins": TWINS, "context_steps": 8}, "hard"),
}
BILINGUAL = {"languages": ["en", "de"], "language_weight": 0.5}
DAVENETS |= {
    "two languages, softmax, hard": (BILINGUAL, "hard"),
    "two languages, margin, random": ({**BILINGUAL, "loss": "margin"}, "random"),
    "two languages, heads of context": (
        {**BILINGUAL, "context": CONTEXT, "context_steps": 8},
        "hard",
    ),
}
EDITED = {
    f"{kind} edits, {loss}, {mining}": (kind, {"loss": loss}, mining)
    for kind, loss, mining in (
        ("random", "margin", "hard"),
        ("random", "softmax", "random"),
        ("targeted", "softmax", "hard"),
        ("transplanted", "softmax", "hard"),
    )
}
EDITED |= {
    f"{kind} against {against}, {loss}, {mining}": (
        kind,
        {"loss": loss, "against": against},
        mining,
    )
    for kind, against, loss, mining in (
        ("move", "batch", "softmax", "random"),
        ("turn", "batch", "softmax", "hard"),
        ("targeted exchange", "batch", "softmax", "hard"),
    )
}
EDITED |= {"two languages, edits": ("targeted", {**BILINGUAL, "edit_every": 1}, "hard")}
EDITED |= {"augmented edits": ("random", {"augmentation": AUGMENTED}, "hard")}
EDITED |= {"edits seen in context": ("random", {"context": CONTEXT}, "hard")}

Trained = tuple[list[tuple[float, ...]], nn.Module]


def tiny() -> Params:
    values = merge(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "presets/tiny.yaml"))
    return parameters.parse(values, "tiny")


def trainings(params: Params, folder: Path) -> Iterator[tuple[str, Callable[[], Trained]]]:
    """The name of each training, and a function that reads from `folder`, trains, and returns the
    curve and the network."""
    pictures = np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
    for name, changes in GANS.items():
        yield f"GAN, {name}", lambda changes=changes: gan(params, pictures, changes)
    yield "segmenter", lambda: read_scenes(params, pictures)
    for name, (changes, mining) in DAVENETS.items():
        yield (
            name,
            lambda changes=changes, mining=mining: davenet(
                params, folder, pictures, changes, mining, None
            ),
        )
    for name, (kind, changes, mining) in EDITED.items():
        yield (
            name,
            lambda kind=kind, changes=changes, mining=mining: davenet(
                params, folder, pictures, changes, mining, kind
            ),
        )


def gan(params: Params, pictures: np.ndarray, changes: dict) -> Trained:
    average, history = drawing.train(
        params.gan.model_copy(update={**SHORT, **changes}), pictures, SIZE, 3, lambda generator: 0.0
    )
    return history.curves, average


def read_scenes(params: Params, pictures: np.ndarray) -> Trained:
    """Some pictures have no object: losses of attributes count the objects of both processes."""
    rng = np.random.default_rng(1)
    instances = rng.integers(0, 3, (COUNT, SIZE, SIZE), dtype=np.uint8) * (
        rng.random((COUNT, 1, 1)) < 0.6
    ).astype(np.uint8)
    attributes = (instances[:, None] > 0) * np.ones((1, 4, 1, 1), np.uint8)
    network, curve = segmenter.train(
        params.segmenter.model_copy(update={"steps": 10}),
        segmenter.LabelledPictures(pictures, instances, attributes),
        3,
    )
    return curve, network


def davenet(
    params: Params,
    folder: Path,
    pictures: np.ndarray,
    changes: dict,
    mining: str,
    edits: str | None,
) -> Trained:
    """The curve has every step. SGD, since Adam would hide a gradient of the wrong size."""
    augmentation = params.davenet.augmentation.model_copy(update=changes.get("augmentation", {}))
    changes = dict(changes)
    locked_steps, context_steps = (
        changes.pop(name, 0) for name in ("locked_steps", "context_steps")
    )
    against = changes.pop("against", params.edits.against)
    edit_every = changes.pop("edit_every", params.schedule.random_edits.edit_every)
    twins = params.twins.model_copy(update=changes.pop("twins", {}))
    settings = params.davenet.model_copy(
        update={
            "optimiser": "sgd",
            "batch_size": 8,
            "log_every": 1,
            **changes,
            "augmentation": augmentation,
        }
    )
    stage: Training = params.schedule.random_edits.model_copy(
        update={
            "steps": STEPS - locked_steps - context_steps,
            "learning_rate": 0.005,
            "edit_every": edit_every,
        }
    )
    if edits is None:
        phases = {"locked_steps": locked_steps, "context_steps": context_steps}
        stage = Pretraining(**stage.model_dump(), **phases)
    generator = Generator(GeneratorConfig.of(params.gan, SIZE)).eval().requires_grad_(False)
    generator = generator.to(device())
    latents = np.random.default_rng(2).standard_normal((COUNT, params.gan.latent_dim), np.float32)
    manifest = Manifest.one_to_one("noise", "en", train=32, validation=COUNT - 32)
    if len(settings.languages) > 1:  # in which pictures for training have a caption each
        languages = np.array(settings.languages)[np.arange(COUNT) % 2]
        told = np.where(manifest.splits == "train", manifest.images // 2, manifest.images)
        manifest = replace(manifest, images=told, languages=languages)
    speech = FeatureStore(folder / "features")
    beside = None
    if twins.used:  # three of each of the first pictures
        drawings = np.arange(COUNT) // 3
        rivals = np.where(np.arange(COUNT) % 3 < 2, np.arange(COUNT) ^ 1, NO_RIVAL)
        rivals[drawings != drawings[rivals]] = NO_RIVAL
        sure = np.full(COUNT, 0.9, np.float32)
        beside = TwinPairs(pictures[::-1], speech, drawings, rivals, sure)
    pairs = davenet_training.Pairs(pictures, speech, manifest, twins=beside)
    # an untrained generator draws little, and an edit of it changes little
    operation = operation_of(edits)
    how_edited = {"min_change": 1e-3, "outline": 2.2, "operation": operation}
    if operation in LAYOUTS:
        how_edited["radius"] = 0
    params = params.model_copy(update={"edits": params.edits.model_copy(update=how_edited)})
    editor = None
    if edits and not edits.startswith("targeted"):
        editor = random_editor(generator, latents, params.edits, params.seed)
    elif edits:
        editor = targeted_editor(
            generator, latents, random_concepts(params), params.edits, params.seed
        )
    encoders = Encoders(EncoderConfig.of(settings, pairs.speech.config))
    asked = twins if twins.used else None
    how = davenet_training.Settings(settings, stage, mining, 3, against, asked)
    rows = davenet_training.train(encoders, pairs, how, editor)
    return rows, encoders


def operation_of(edits: str | None) -> str:
    """Of a kind of edits; "targeted exchange" exchanges what the words point at."""
    if edits in (None, "random", "targeted"):
        return "ablate"
    return "transplant" if edits == "transplanted" else edits.removeprefix("targeted ")


def prepare(params: Params, folder: Path) -> None:
    """Captions of many lengths."""
    rng = np.random.default_rng(4)
    write_features(
        folder / "features",
        [
            rng.random((rng.integers(5, 60), params.captions.bands)).astype(np.float16)
            for _ in range(COUNT)
        ],
        FeatureConfig.taken_from(params.captions),
    )


def random_concepts(params: Params) -> ConceptSet:
    """Four concepts of random units."""
    rng = np.random.default_rng(5)
    features, units = params.davenet.embedding, params.gan.channels[8]
    return ConceptSet(
        rng.random((4, features)).astype(np.float32),
        np.ones(features, np.float32),
        np.stack([rng.permutation(units) for _ in range(4)]),
        [],
    )


def run_all(folder: Path) -> dict[str, dict]:
    """The curve of every training, and the sum of magnitudes of every weight tensor."""
    params, results = tiny(), {}
    for name, train in trainings(params, folder):
        set_seed(7)
        curve, network = train()
        weights = {
            key: float(tensor.double().abs().sum()) for key, tensor in network.state_dict().items()
        }
        results[name] = {"curve": [list(map(float, row)) for row in curve], "weights": weights}
    return results


if __name__ == "__main__":
    with joined():
        found = run_all(Path(sys.argv[1]))
        if is_main():
            (Path(sys.argv[1]) / "results.json").write_text(json.dumps(found))
