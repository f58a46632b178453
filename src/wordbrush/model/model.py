"""A trained model.

It has a generator that draws, a segmenter that reads pictures, encoders that match speech and
pictures, and concepts. `load_model` needs torch, numpy, safetensors, pydantic and torchaudio alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import TypedDict

from wordbrush.audio.features import log_mel, with_silence
from wordbrush.concepts.clusters import cluster_activations
from wordbrush.data.images import to_images
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.kernels import similarities
from wordbrush.davenet.matchmap import matchmap
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Concept
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.model.config import ModelConfig
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.configs import read_config
from wordbrush.storage.files import read_json, require_counts
from wordbrush.storage.validation import Count, Finite, Natural
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import device

DRAWN = 64  # pictures at once


class Meaning(Concept):
    """A concept, the generator's units that draw it, and how well each agrees (IoU), best first."""

    gan_units: list[Natural]
    agreement: list[Finite]


class ConceptFile(TypedDict):
    """clusters.json"""

    generator_units: Count
    embedding: Count
    clusters: Annotated[list[Meaning], Field(min_length=1)]


class Concepts(nn.Module):
    """K clusters of the D units of the embedding.

    members: float [K, D], weights that average over the units of each. scale: float [D], the
    standard deviation of each unit in pictures. units: bool [K, C], the generator's units that draw
    each.
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
    """All parts, on the GPU where there is one.

    Pictures are uint8 [N, H, W, 3], sound is 16 kHz float32 [S] in [-1, 1].
    """

    config: ModelConfig
    generator: Generator
    segmenter: Segmenter
    encoders: Encoders
    concepts: Concepts
    meanings: list[Meaning]

    def draw(self, count: int, seed: int) -> np.ndarray:
        """`count` new pictures."""
        latents = torch.randn(
            count, self.generator.latent_dim, generator=torch.Generator().manual_seed(seed)
        )
        return draw(self.generator, latents, DRAWN)

    def read(self, pictures: np.ndarray) -> list[list[dict]]:
        """The objects that the segmenter finds in each picture, with their attributes."""
        return parse(self.segmenter, pictures)

    @torch.no_grad()
    def see(self, pictures: np.ndarray) -> Tensor:
        """Features [N, D, h, w]."""
        return self.encoders.encode_images(to_images(pictures).to(device())).features

    @torch.no_grad()
    def hear(self, sound: np.ndarray) -> Tensor:
        """Features [1, D, t], with silence around the sound as captions have it."""
        features = self.config.features
        frames = torch.from_numpy(log_mel(with_silence(sound, features), features)).float()
        return self.encoders.encode_audio(
            frames.T[None].to(device()), torch.tensor([len(frames)], device=device())
        ).features

    def scores(self, pictures: np.ndarray, sound: np.ndarray) -> Tensor:
        """How well the sound fits each picture: [N]."""
        heard = self.hear(sound)
        speech = Encoded(heard, torch.tensor([heard.shape[2]], device=heard.device))
        similarity = self.encoders.config.similarity
        return similarities(Encoded(self.see(pictures)), speech, similarity)[:, 0]

    def matchmap(self, picture: np.ndarray, sound: np.ndarray) -> Tensor:
        """How well each cell of one picture [H, W, 3] fits each frame of the sound: [h, w, t]."""
        return matchmap(self.see(picture[None]), self.hear(sound))[0]


def load_model(folder: Path) -> Model:
    """What `wordbrush export` wrote, by this version or an older one.

    Raises WordbrushError where a part is missing or damaged, does not fit the others, or is newer
    than this version knows.
    """
    where = device()
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
        raise WordbrushError(
            f"{folder}: model.json describes other features of sound than encoders/encoders.json. "
            "Fetch this model again, or export it again: wordbrush export."
        )
    return Model(
        config,
        load_generator(folder / "generator", where),
        load_segmenter(folder / "segmenter", where),
        encoders,
        concepts.to(where).eval(),
        table["clusters"],
    )
