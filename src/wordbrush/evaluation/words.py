"""What evaluate measures of single words, as far as the data has what it needs.

Units as word detectors need captions with word timings. Where and when matchmaps fire needs a
segmenter, too, which reads the pictures. What the concepts of targeted edits mean needs rendered
scenes with masks.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import cluster_activations
from wordbrush.concepts.discovery import audio_scale, cluster_cells
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.recordings import read_shards
from wordbrush.davenet.encoding import encode_images
from wordbrush.evaluation.bounds import bound, distinct, fitting, recall_bound
from wordbrush.evaluation.detection import (
    Detection,
    active_frames,
    detect_values,
    detect_words,
    label_agreement,
    most_active,
    ranked,
)
from wordbrush.evaluation.interface import Features, Subject, needed
from wordbrush.evaluation.localisation import (
    Drawings,
    localise_objects,
    localise_words,
    map_scores,
    mean_over_words,
    read_drawings,
)
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import (
    ClusterScores,
    Concept,
    ConceptMetrics,
    ConceptTables,
    MapScores,
    Measured,
    Recall,
)
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.storage.files import open_array, require_counts

DETECTED = 50.0  # F1 from which a unit counts as a detector of its word


@dataclass(frozen=True)
class Masked:
    """Rendered scenes that no encoder ever saw, uint8 [M, H, W, 3], and the masks of attributes,
    uint8 [M, A, H, W]."""

    scenes: np.ndarray
    planes: np.ndarray


def read_timings(material: Material) -> list[list[dict]] | None:
    """The words of each test caption, with start and end; None where no word is timed.

    Raises WordbrushError where captions are missing or damaged.
    """
    speech = material.layout.speech
    words = {row["sample"]: row["words"] for row in read_shards(speech, ["sample", "words"])}
    require_counts(speech, captions=len(words), features=len(material.pairs.speech))
    captions = [words[caption] or [] for caption in material.samples.tolist()]
    return captions if any(captions) else None


def read_masked(material: Material) -> Masked | None:
    """As many scenes, the last, as there are test samples; None where there are none with masks."""
    layout, params = material.layout, material.params
    file, size = layout.scenes / "attributes.npy", params.scenes.resolution
    if not layout.scenes.is_dir():
        return None
    scenes = open_array(layout.scenes / "images.npy", "uint8", (None, size, size, 3))
    most = [len(values) for values in material.vocabulary.attributes.values()]
    planes = open_array(file, "uint8", (len(scenes), len(most), size, size), most=most)
    count = len(material.samples)
    return Masked(scenes[-count:], planes[-count:])


def told_bound(material: Material, objects: list[list[dict]]) -> Recall | None:
    """The recall of a listener who knows all that the test captions tell, by the sure objects of
    their pictures; None where captions are not of the grammar."""
    rows = read_shards(material.layout.speech, ["sample", "text"])
    texts = {row["sample"]: row["text"] for row in rows}
    least = material.params.segmenter.min_confidence
    sure = [[one for one in things if one["confidence"] >= least] for things in objects]
    fits = fitting(sure, [texts[caption] for caption in material.samples.tolist()])
    if fits is None:
        return None
    return bound(partial(recall_bound, fits))


class WordTests:
    """The tests of words and concepts: one method after another, all on the same evidence.

    metrics become metrics/concepts.json, tables data/evaluation/concepts.json. shown: the name of
    the method whose units the tables show.
    """

    def __init__(self, material: Material, shown: str):
        self.material, self.shown = material, shown
        self.captions = read_timings(material)
        self.masked = read_masked(material)
        self.drawings: Drawings | None = None
        self.metrics: ConceptMetrics = {"words": {}, "clusters": {}}
        self.tables: ConceptTables = {"detectors": [], "clusters": {}, "contested": {}}
        if material.segmenter is not None:
            self._see()

    def _see(self) -> None:
        """Read the test pictures, and how well they can be told apart by what is said of them."""
        material = self.material
        least = material.params.segmenter.min_confidence
        attributes = list(material.vocabulary.attributes)
        images = material.pairs.images[material.pairs.manifest.images[material.samples]]
        drawings = read_drawings(needed(material.segmenter), images, least)
        found = bound(partial(distinct, drawings.objects, least, attributes))
        self.drawings, self.metrics = drawings, {"distinct": found, **self.metrics}
        if (told := told_bound(material, drawings.objects)) is not None:
            self.metrics["told"] = told

    def measure(self, subject: Subject) -> None:
        """A method; after targeted edits, its concepts too."""
        if self.captions is None:
            return
        material, method = self.material, needed(subject.method)
        seconds = subject.encoders.audio.stride * material.pairs.speech.hop
        words = align(self.captions, subject.features[1].frame_counts, seconds)
        meaning = material.vocabulary.meaning
        values = words.as_values(meaning, material.vocabulary.values)
        found = self._detectors(words, subject.features)
        fired, contested = self._fired(values, subject.features)
        f1 = 100 * found.f1.amax(1)[[word in meaning for word in words.labels]]
        self.metrics["words"][method.name] = {
            **fired,
            "word_f1": round(float(f1.mean()), 2) if len(f1) else 0.0,
            "detected": int((f1 >= DETECTED).sum()),
        }
        if method.name == self.shown:
            self.tables |= {"detectors": ranked(found), "contested": contested}
        if method.edits == "targeted" and self.masked:
            concepts = ConceptSet.load(material.layout.clusters(method.mining))
            table = self._concepts(subject, concepts, self.masked, words, values)
            self.tables["clusters"][method.mining] = table
            self.metrics["clusters"][method.mining] = concept_scores(table)

    def _detectors(self, words: Spoken, features: Features) -> Detection:
        _, heard = features
        share, frames = self.material.params.evaluation.active_share, heard.features.transpose(1, 2)
        return detect_words(active_frames(frames, heard.valid, share), words)

    def _fired(
        self, values: Spoken, features: Features
    ) -> tuple[MapScores, dict[str, Measured | None]]:
        """Where and when matchmaps fire, and contested pointing by attribute.

        Both are empty where nothing reads the pictures.
        """
        drawings = self.drawings
        if drawings is None:
            return {}, {}
        images, audio = (one.features for one in features)
        lengths = features[1].frame_counts
        params, vocabulary = self.material.params, self.material.vocabulary
        mean = partial(mean_over_words, resamples=params.evaluation.bootstrap, seed=params.seed)
        at = localise_words(images, audio, values, drawings, vocabulary)
        named = localise_objects(images, audio, lengths, values, drawings, vocabulary)

        def contested(chosen: Tensor) -> Measured | None:
            return mean(at.caption[chosen], at.hit[chosen], at.share[chosen])

        return map_scores(at, named, mean), {
            name: contested(at.contested & (at.attribute == number))
            for number, name in enumerate(vocabulary.attributes)
        }

    def _concepts(
        self, subject: Subject, concepts: ConceptSet, masked: Masked, words: Spoken, values: Spoken
    ) -> list[Concept]:
        """What the concepts mean to the encoders that were trained on with them."""
        members, scale = torch.from_numpy(concepts.members), torch.from_numpy(concepts.scale)
        share, (_, heard) = self.material.params.evaluation.active_share, subject.features
        audio = heard.features
        every_scene = np.arange(len(masked.scenes))
        images = encode_images(subject.encoders, masked.scenes, every_scene).features
        shown = most_active(cluster_cells(images, scale, members).flatten(0, 2), share)
        said = cluster_activations(
            audio.transpose(1, 2), audio_scale(audio, heard.frame_counts), members
        )
        active = active_frames(said, heard.valid, share)
        attributes = self.material.vocabulary.attributes
        found = (
            detect_values(shown, masked.planes, images.shape[-2:], attributes),
            detect_words(active, values),
            detect_words(active, words),
        )
        best = [[hypotheses[0] for hypotheses in one.hypotheses(1)] for one in found]
        return [
            {"units": int((row > 0).sum()), "seen": seen, "heard": heard, "word": word}
            for row, seen, heard, word in zip(members, *best, strict=True)
        ]


def concept_scores(table: list[Concept]) -> ClusterScores:
    """The scalars of the concepts of one mining."""
    same, chance = label_agreement(
        *([one[side]["label"] for one in table] for side in ("seen", "heard"))
    )
    seen_f1, heard_f1 = (
        round(float(np.mean([one[side]["f1"] for one in table])), 2) for side in ("seen", "heard")
    )
    return {"seen_f1": seen_f1, "heard_f1": heard_f1, "agreement": same, "agreement_chance": chance}
