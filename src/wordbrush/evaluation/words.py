"""What evaluate measures of single words: where and when matchmaps fire, what units detect, and what the clusters mean."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import cluster_activations
from wordbrush.concepts.discovery import audio_scale
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.pairs import Pairs
from wordbrush.data.recordings import read_shards
from wordbrush.data.splits import captioned_count, split_ranges
from wordbrush.davenet.encoders import Encoders, valid_frames
from wordbrush.davenet.training import encode_images
from wordbrush.evaluation import concepts
from wordbrush.evaluation.edit_success import distinct
from wordbrush.evaluation.localisation import Drawings, localise_objects, localise_words, measured
from wordbrush.evaluation.paper import FULL, METHODS
from wordbrush.evaluation.results import (
    ClusterScores,
    Concept,
    ConceptMetrics,
    ConceptTables,
    Measured,
)
from wordbrush.evaluation.semantic import MEANING
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.params import Params
from wordbrush.scenes.masks import attribute_masks
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import SIZES, Segmenter
from wordbrush.segmenter.parsing import parse_masks
from wordbrush.storage.files import open_array, require_counts, write_json
from wordbrush.storage.layout import Layout

DETECTED = 50.0  # F1 from which a unit counts as a detector of its word
Features = tuple[
    Tensor, Tensor, Tensor
]  # of the test samples: pictures [N, D, h, w], speech [N, D, t], lengths [N]


@dataclass(frozen=True)
class Evidence:
    """What is said and seen: word timings of the test samples, and the objects that the segmenter reads in these drawings; and
    rendered scenes with true masks, which no encoder ever saw: pictures uint8 [M, H, W, 3] and attributes uint8 [M, 4, H, W]."""

    captions: list[list[dict]]
    drawings: Drawings
    scenes: np.ndarray
    planes: np.ndarray


def read_evidence(params: Params, layout: Layout, pairs: Pairs, segmenter: Segmenter) -> Evidence:
    """As many scenes as test samples. Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    test, size = split_ranges(params.samples)["test"], params.scenes.resolution
    words = {row["sample"]: row["words"] for row in read_shards(layout.speech, ["sample", "words"])}
    require_counts(layout.speech, captions=len(words), asked_for=captioned_count(params.samples))
    scenes = open_array(layout.scenes / "images.npy", "uint8", (None, size, size, 3))
    planes = open_array(
        layout.scenes / "attributes.npy",
        "uint8",
        (len(scenes), len(ATTRIBUTES), size, size),
        most=SIZES,
    )
    drawings = read_drawings(
        segmenter, pairs.images[test.start : test.stop], params.segmenter.min_confidence
    )
    return Evidence(
        [words[sample] for sample in test], drawings, scenes[-len(test) :], planes[-len(test) :]
    )


def read_drawings(segmenter: Segmenter, images: np.ndarray, min_confidence: float) -> Drawings:
    """The objects that captions tell of, which are the sure ones, and their masks; all else is floor."""
    parsed, masks = parse_masks(segmenter, images)
    sure = [
        [thing for thing in objects if thing["confidence"] >= min_confidence] for objects in parsed
    ]
    instances = np.stack(
        [
            renumber(objects, min_confidence)[mask]
            for objects, mask in zip(parsed, masks, strict=True)
        ]
    )
    planes = [attribute_masks(mask, objects) for mask, objects in zip(instances, sure, strict=True)]
    return Drawings(sure, instances, np.stack(planes))


def renumber(objects: list[dict], min_confidence: float) -> np.ndarray:
    """The new number of each mask value, 0 and 1 + the object: counted over the sure objects, 0 for the others."""
    kept = np.array([False, *(thing["confidence"] >= min_confidence for thing in objects)])
    return (kept.cumsum() * kept).astype(np.uint8)


class WordTests:
    """The tests of words and concepts: one method after another, all on the same evidence.

    metrics goes to metrics/concepts.json, tables to data/evaluation/concepts.json.
    """

    def __init__(self, params: Params, layout: Layout, pairs: Pairs, segmenter: Segmenter):
        self.params, self.layout, self.pairs = params, layout, pairs
        self.evidence = read_evidence(params, layout, pairs, segmenter)
        seen, least = self.evidence.drawings.objects, params.segmenter.min_confidence
        self.metrics: ConceptMetrics = {
            "distinct": {str(k): round(distinct(seen, least, k), 2) for k in (1, 5, 10)},
            "words": {},
            "clusters": {},
        }
        self.tables: ConceptTables = {"detectors": [], "clusters": {}, "contested": {}}

    def measure(self, name: str, encoders: Encoders, features: Features) -> None:
        """A method; after targeted edits, its clusters too."""
        words = align(
            self.evidence.captions, features[2], encoders.audio.stride * self.pairs.speech.hop
        )
        values = words.as_values(MEANING, concepts.VALUES)
        found = self._detectors(words, features)
        f1 = 100 * found.f1.amax(1)[[word in MEANING for word in words.labels]]
        fired, contested = self._fired(values, features)
        self.metrics["words"][name] = {
            **fired,
            "word_f1": round(float(f1.mean()), 2) if len(f1) else 0.0,
            "detected": int((f1 >= DETECTED).sum()),
        }
        if name == FULL:
            self.tables |= {"detectors": concepts.ranked(found), "contested": contested}
        if METHODS[name].edits == "targeted":
            mining = METHODS[name].mining
            table = self._clusters(mining, encoders, features, words, values)
            self.tables["clusters"][mining], self.metrics["clusters"][mining] = (
                table,
                cluster_scores(table),
            )

    def _detectors(self, words: Spoken, features: Features) -> concepts.Detection:
        _, audio, lengths = features
        valid = valid_frames(lengths, audio.shape[2])
        return concepts.heard(
            concepts.active_moments(
                audio.transpose(1, 2), valid, self.params.evaluation.active_share
            ),
            words,
        )

    def _fired(
        self, values: Spoken, features: Features
    ) -> tuple[dict[str, Measured | None], dict[str, Measured | None]]:
        """Where and when matchmaps fire, as WordScores has it; and contested places by attribute."""
        images, audio, lengths = features
        measure = partial(
            measured, resamples=self.params.evaluation.bootstrap, seed=self.params.seed
        )
        at = localise_words(images, audio, values, self.evidence.drawings)
        naming = localise_objects(images, audio, lengths, values, self.evidence.drawings)

        def contested(chosen: Tensor) -> Measured | None:
            return measure(at.caption[chosen], at.hit[chosen], at.share[chosen])

        fired = {
            "pointing": measure(at.caption, at.hit, at.area),
            "contested": contested(at.contested),
            "overlap": measure(
                at.caption, at.overlap, at.area
            ),  # chance: a map that fires everywhere
            "naming": measure(naming.caption, naming.hit, naming.share),
        }
        return fired, {
            name: contested(at.contested & (at.attribute == number))
            for number, name in enumerate(ATTRIBUTES)
        }

    def _clusters(
        self, mining: str, encoders: Encoders, features: Features, words: Spoken, values: Spoken
    ) -> list[Concept]:
        """What the clusters of a mining mean to the encoders that were trained on with them."""
        clusters, share, scenes = (
            ConceptSet.load(self.layout.clusters(mining)),
            self.params.evaluation.active_share,
            self.evidence.scenes,
        )
        members, scale = torch.from_numpy(clusters.members), torch.from_numpy(clusters.scale)
        rendered = encode_images(encoders, scenes, np.arange(len(scenes)))
        places = cluster_activations(rendered.permute(0, 2, 3, 1).flatten(0, 2), scale, members)
        moments, valid = (
            features[1].transpose(1, 2),
            valid_frames(features[2], features[1].shape[2]),
        )
        said = cluster_activations(moments, audio_scale(features[1], features[2]), members)
        active = concepts.active_moments(said, valid, share)
        found = (
            concepts.seen(
                concepts.most_active(places, share), self.evidence.planes, rendered.shape[-2:]
            ),
            concepts.heard(active, values),
            concepts.heard(active, words),
        )
        best = [[hypotheses[0] for hypotheses in one.hypotheses(1)] for one in found]
        return [
            {"units": int((row > 0).sum()), "seen": seen, "heard": heard, "word": word}
            for row, seen, heard, word in zip(members, *best, strict=True)
        ]

    def write(self, folder: Path) -> None:
        """The tables to `folder`, which will be data/evaluation, and the metrics."""
        write_json(folder / "concepts.json", self.tables)
        write_json(self.layout.metrics("concepts"), self.metrics)


def cluster_scores(table: list[Concept]) -> ClusterScores:
    """The scalars of a model's clusters."""
    same, chance = concepts.agreement(
        *([one[side]["label"] for one in table] for side in ("seen", "heard"))
    )
    seen_f1, heard_f1 = (
        round(float(np.mean([one[side]["f1"] for one in table])), 2) for side in ("seen", "heard")
    )
    return {"seen_f1": seen_f1, "heard_f1": heard_f1, "agreement": same, "agreement_chance": chance}
