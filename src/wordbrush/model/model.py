"""A trained model.

It has encoders that match speech and pictures, and concepts; most have a generator that draws, too,
and those of drawings a segmenter that reads pictures. `load_model` needs torch, numpy, safetensors,
pydantic and torchaudio alone.
"""

import logging
import operator
import os
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import TypedDict

from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.inputs import Sound, load_sound
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.concepts.clusters import cluster_activations
from wordbrush.data.images import to_images
from wordbrush.data.pictures import Pictures, load_pictures, resized
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders, in_float32, load_encoders
from wordbrush.davenet.kernels import similarities, slices
from wordbrush.davenet.matchmap import matchmap
from wordbrush.errors import FileFault, WordbrushError, advising
from wordbrush.evaluation.results import Concept
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import LATENTS, draw, latent_blocks, load_generator
from wordbrush.model.config import ModelConfig
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.configs import read_config
from wordbrush.storage.files import read_json, require_counts
from wordbrush.storage.validation import Count, Finite, Natural
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import device
from wordbrush.training.memory import free_memory

DRAWN, SEEN = 16, 256  # pictures at once; DRAWN divides LATENTS
SEEDS = range(-(2**63), 2**64)  # that PyTorch takes
REMEDY = (
    "Fetch this model again (from git: git checkout and git lfs pull), or export it again from a "
    "finished run: wordbrush export."
)

logger = logging.getLogger(__name__)


class Meaning(Concept):
    """A concept, the generator's units that draw it, and how well each agrees (IoU), best first."""

    gan_units: list[Natural]
    agreement: list[Finite]


class ConceptFile(TypedDict):
    """clusters.json"""

    generator_units: Natural
    embedding: Count
    clusters: Annotated[list[Meaning], Field(min_length=1)]


class Concepts(nn.Module):
    """K clusters of the D units of the embedding.

    members: float [K, D], weights that average over the units of each. scale: float [D], the
    standard deviation of each unit in pictures. units: bool [K, C], the generator's units that draw
    each; C is 0 where nothing draws.
    """

    members: Tensor
    scale: Tensor
    units: Tensor

    def __init__(self, count: int, embedding: int, generator_units: int):
        super().__init__()
        self.register_buffer("members", torch.zeros(count, embedding))
        self.register_buffer("scale", torch.ones(embedding))
        self.register_buffer("units", torch.zeros(count, generator_units, dtype=torch.bool))

    def forward(self, features: Tensor) -> Tensor:
        """How active each concept is in picture features [M, D]: [M, K]."""
        return cluster_activations(features, self.scale, self.members)


@dataclass(frozen=True)
class Model:
    """All parts, on the GPU where there is one. Models of a collection have no segmenter, and some
    no generator (`config.graph`).

    Every method takes pictures and sound in any form that `load_pictures` and `load_sound` know:
    files, and arrays and tensors of most types. Pictures must be square, and are scaled to the
    model's own `side`. Sound has the sample rate `rate`; if that is not given, a file has its own,
    and samples 16,000 a second. It is heard in `language`, one of `languages`, or the first of
    them. Raises WordbrushError, which says what came, for anything else.
    """

    config: ModelConfig
    generator: Generator | None
    segmenter: Segmenter | None
    encoders: Encoders
    concepts: Concepts
    meanings: list[Meaning]

    @property
    def side(self) -> int:
        """Pixels a side, of the pictures that it was trained on."""
        if self.config.graph == "drawn":
            return self.drawing.config.resolution
        return self.encoders.config.image_size

    @property
    def languages(self) -> list[str]:
        """Those that it has an encoder for each; none where one encoder hears whatever comes."""
        return self.encoders.config.languages

    @property
    def drawing(self) -> Generator:
        """The generator. Raises WordbrushError where there is none."""
        if self.generator is None:
            raise WordbrushError(
                "this model does not draw: it learned from a collection that was not redrawn."
            )
        return self.generator

    def draw(self, count: int, seed: int) -> np.ndarray:
        """`count` new pictures, uint8 [count, H, H, 3], with H of the generator.

        Picture number i depends on `seed` and i alone, to the byte: pictures are always drawn in
        the same groups of 16, so one costs as much as 16.
        """
        count, seed = whole_number("count", count), whole_number("seed", seed)
        if count < 0 or seed not in SEEDS:
            raise WordbrushError(
                f"count={count}, seed={seed}: count is 0 or more, seed from -2^63 to 2^64 - 1."
            )
        generator = self.drawing
        side = generator.config.resolution
        if (needed := count * side**2 * 3) > free_memory():
            raise WordbrushError(
                f"{count} pictures take {needed / 2**30:.1f} GiB, more than is free: draw fewer."
            )
        pictures = np.empty((count, side, side, 3), np.uint8)
        blocks = latent_blocks(generator.latent_dim, seed)
        for block in slices(count, LATENTS):
            groups = next(blocks).split(DRAWN)
            for rows, latents in zip(slices(len(pictures[block]), DRAWN), groups, strict=False):
                part = pictures[block][rows]
                part[:] = draw(generator, latents, DRAWN)[: len(part)]
        return pictures

    def read(self, pictures: Pictures) -> list[list[dict]]:
        """The objects that the segmenter finds in each picture, with their attributes.

        x, y and area are in pixels of the pictures that came.
        """
        if self.segmenter is None:
            raise WordbrushError(
                "this model does not read pictures: nobody told it what a collection's show."
            )
        own = load_pictures(pictures)
        found = parse(self.segmenter, resized(own, self.side))
        scale = own.shape[1] / self.side
        return found if scale == 1 else [[scaled(one, scale) for one in each] for each in found]

    def see(self, pictures: Pictures) -> Tensor:
        """Features [N, D, h, w]."""
        return self.encode(pictures).features

    @torch.no_grad()
    def encode(self, pictures: Pictures) -> Encoded:
        """The same, and what stands around each cell, if the model has heads of context."""
        images = resized(load_pictures(pictures), self.side)
        parts = [images[rows] for rows in slices(len(images), SEEN)] or [images]
        seen = (self.encoders.encode_images(to_images(part).to(device())) for part in parts)
        return reduce(Encoded.before, seen)

    def hear(self, sound: Sound, rate: float | None = None, language: str | None = None) -> Tensor:
        """Features [1, D, t], with silence around the sound as captions have it.

        A recording is cleaned first; the log of `wordbrush.audio.inputs` says what was done, and
        `prepare` there returns it. What is longer than `config.features.max_frames` is cut, as
        captions are, with a warning.
        """
        self.require_language(language)
        return self.hear_prepared(load_sound(sound, rate), language)

    def hear_prepared(self, samples: np.ndarray, language: str | None = None) -> Tensor:
        """The same of the sound that `prepare` gave, float32 [S] at 16 kHz.

        Frame f lies at f * stride * hop_ms of `with_silence(samples, config.features)`.
        """
        return self.hear_frames(self.frames(samples), language)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """Log-mel frames [T, bands] of such sound, with silence around it."""
        features = self.config.features
        heard = features.max_frames * features.hop_ms / 1000
        if (seconds := len(samples) / SAMPLE_RATE) > heard:
            logger.warning("sound: of %.1f s, the first %.1f s are heard", seconds, heard)
        return log_mel(with_silence(samples, features), features)

    def hear_frames(self, frames: np.ndarray, language: str | None = None) -> Tensor:
        """The same of log-mel frames [T, bands], as `config.features` makes them."""
        return self.listen(frames, language).features

    @torch.no_grad()
    def listen(self, frames: np.ndarray, language: str | None = None) -> Encoded:
        """What the audio branch makes of such frames: `fit` needs no more."""
        self.require_language(language)
        heard = torch.from_numpy(frames).float().T[None].to(device())
        lengths = torch.tensor([len(frames)], device=device())
        return in_float32(self.encoders.audio_of(language)(heard, lengths))

    def require_language(self, language: str | None) -> None:
        """Raises WordbrushError for a language that no encoder is for."""
        if language is None or language in self.languages:
            return
        known = ", ".join(self.languages) or "all that it learned, with one encoder: name none"
        raise WordbrushError(f"language={language!r}, and this model hears {known}.")

    def scores(
        self,
        pictures: Pictures,
        sound: Sound,
        rate: float | None = None,
        language: str | None = None,
    ) -> Tensor:
        """How well the sound fits each picture: [N]."""
        self.require_language(language)
        heard = self.listen(self.frames(load_sound(sound, rate)), language)
        return self.fit(self.encode(pictures), heard, language)

    @torch.no_grad()
    def fit(self, seen: Encoded, heard: Encoded, language: str | None = None) -> Tensor:
        """How well an utterance, as `listen` gives it, fits each of N pictures that were encoded:
        [N]."""
        audio = self.encoders.audio_of(language)
        whole = self.encoders.heard_in_context(audio, heard.to(device()))
        found = similarities(seen, whole.to(seen.features.device), self.encoders.config.similarity)
        return found[:, 0]

    def matchmap(
        self,
        picture: Pictures,
        sound: Sound,
        rate: float | None = None,
        language: str | None = None,
    ) -> Tensor:
        """How well each cell of one picture fits each frame of the sound: [h, w, t]."""
        seen = self.see(picture)
        if len(seen) != 1:
            raise WordbrushError(
                f"{len(seen)} pictures came, and a matchmap is of one: bring a single picture."
            )
        return matchmap(seen, self.hear(sound, rate, language))[0]


def whole_number(name: str, value: Any) -> int:
    """Raises WordbrushError for what is no integer."""
    try:
        return operator.index(value)
    except TypeError:
        raise WordbrushError(f"{name}={value!r} is no whole number.") from None


def scaled(thing: dict, scale: float) -> dict:
    """An object that was found in a scaled picture, where it lies in the picture itself."""
    x, y = ((thing[name] + 0.5) * scale - 0.5 for name in ("x", "y"))  # centres of pixels
    return {**thing, "x": x, "y": y, "area": round(thing["area"] * scale**2)}


def load_model(folder: str | os.PathLike) -> Model:
    """What `wordbrush export` wrote, by this version or an older one.

    Raises WordbrushError where a part is missing or damaged, does not fit the others, or is newer
    than this version knows.
    """
    if not isinstance(folder, str | os.PathLike):
        raise WordbrushError(f"{folder!r} is no path: name the folder of a model.")
    folder = Path(folder)
    if not os.path.isfile(folder / "model.json"):  # also where no file can have such a name
        what = "holds no model.json" if os.path.isdir(folder) else "is no folder"
        raise WordbrushError(
            f"{folder} {what}: name the folder of a model, as wordbrush export writes it."
        )
    with advising(REMEDY):
        return read_model(folder, device())


def read_model(folder: Path, where: torch.device) -> Model:
    """The parts of a model. Raises FileFault where they do not fit each other."""
    config = read_config(folder / "model.json", ModelConfig)
    encoders = load_encoders(folder / "encoders", where).requires_grad_(False)
    table = read_json(folder / "clusters/clusters.json", ConceptFile)
    concepts = Concepts(len(table["clusters"]), table["embedding"], table["generator_units"])
    load_weights(folder / "clusters", "clusters", concepts)
    require_counts(
        folder,
        units_of_the_clusters=table["embedding"],
        units_of_the_encoders=encoders.config.embedding,
    )
    if not encoders.config.hears(config.features):
        raise FileFault(
            f"{folder}: model.json describes other features of sound than encoders/encoders.json."
        )
    draws, reads = config.graph != "recorded", config.graph == "drawn"
    return Model(
        config,
        load_generator(folder / "generator", where) if draws else None,
        load_segmenter(folder / "segmenter", where) if reads else None,
        encoders,
        concepts.to(where).eval(),
        table["clusters"],
    )
