"""An exported model: a generator that draws, a segmenter that reads, encoders that match speech and picture, and concepts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import TypedDict

from wordbrush.audio.features import log_mel
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.concepts.clusters import cluster_activations
from wordbrush.data.images import to_images
from wordbrush.davenet.encoders import EncoderFile, Encoders, load_encoders
from wordbrush.davenet.matchmap import matchmap, similarities
from wordbrush.evaluation.results import Concept
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.params import Captions, Similarity
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.files import read_json, require_counts
from wordbrush.storage.validation import Count, Finite, Natural
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import device

DRAWN = 64  # pictures at once


class Meaning(Concept):
    """A concept, with the units of the generator that draw it and how well each agrees (IoU), best first."""

    gan_units: list[Natural]
    agreement: list[Finite]


class ConceptFile(TypedDict):
    """clusters.json"""

    generator_units: Count
    embedding: Count
    clusters: Annotated[list[Meaning], Field(min_length=1)]


class ModelFile(TypedDict):
    """model.json: what the model is, and how it hears: the features of speech, and the score of a picture."""

    version: str
    method: str
    captions: Captions
    similarity: Similarity


class Concepts(nn.Module):
    """K clusters of the D units of the embedding.

    members: float [K, D], weights that mean over the units of each. scale: float [D], the deviation of each unit in pictures.
    units: bool [K, C], the generator's units that draw each.
    """

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
    """All parts, on the GPU where there is one. Pictures are uint8 [N, H, W, 3], sound is 16 kHz float32 in [-1, 1]."""

    about: ModelFile
    generator: Generator
    segmenter: Segmenter
    encoders: Encoders
    concepts: Concepts
    meanings: list[Meaning]

    def draw(self, count: int, seed: int) -> np.ndarray:
        """So many new pictures."""
        latents = torch.randn(
            count, self.generator.latent_dim, generator=torch.Generator().manual_seed(seed)
        )
        return draw(self.generator, latents, DRAWN)

    def read(self, pictures: np.ndarray) -> list[list[dict]]:
        """The objects that the segmenter finds in each, with their four attributes."""
        return parse(self.segmenter, pictures)

    @torch.no_grad()
    def see(self, pictures: np.ndarray) -> Tensor:
        """Features [N, D, h, w]."""
        return self.encoders.encode_images(to_images(pictures).to(device()))

    @torch.no_grad()
    def hear(self, sound: np.ndarray) -> Tensor:
        """Features [1, D, t], with silence around the sound as captions have it."""
        silence = np.zeros(
            round(SAMPLE_RATE * self.about["captions"].silence_ms / 1000), np.float32
        )
        frames = torch.from_numpy(
            log_mel(np.concatenate([silence, sound, silence]), self.about["captions"])
        ).float()
        return self.encoders.encode_audio(
            frames.T[None].to(device()), torch.tensor([len(frames)], device=device())
        )[0]

    def scores(self, pictures: np.ndarray, sound: np.ndarray) -> Tensor:
        """How well the sound fits each picture: [N]."""
        heard = self.hear(sound)
        length = torch.tensor([heard.shape[2]], device=heard.device)
        return similarities(self.see(pictures), heard, length, self.about["similarity"])[:, 0]

    def matchmap(self, picture: np.ndarray, sound: np.ndarray) -> Tensor:
        """How well every place of one picture [H, W, 3] fits every moment of the sound: [h, w, t]."""
        return matchmap(self.see(picture[None]), self.hear(sound))[0]


def load_model(folder: Path) -> Model:
    """What `wordbrush export` wrote. Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    where = device()
    table = read_json(folder / "clusters/clusters.json", ConceptFile)
    concepts = Concepts(len(table["clusters"]), table["embedding"], table["generator_units"])
    load_weights(folder / "clusters", "clusters", concepts)
    about, encoded = (
        read_json(folder / "model.json", ModelFile),
        read_json(folder / "encoders/encoders.json", EncoderFile),
    )
    require_counts(
        folder,
        units_of_the_clusters=table["embedding"],
        units_of_the_encoders=encoded["davenet"].embedding,
    )
    require_counts(
        folder,
        bands_of_the_captions=about["captions"].bands,
        bands_of_the_encoders=encoded["bands"],
    )
    return Model(
        about,
        load_generator(folder / "generator", where),
        load_segmenter(folder / "segmenter", where),
        load_encoders(folder / "encoders", where).requires_grad_(False),
        concepts.to(where).eval(),
        table["clusters"],
    )
