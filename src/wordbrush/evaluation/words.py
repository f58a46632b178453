"""What evaluate measures of single words, as far as the data has what it needs.

Units as word detectors need captions with word timings; or with text, of which a unit then hears a
word wherever it is on in a caption. Where and when matchmaps fire needs a segmenter, too, which
reads the pictures. What concepts hear needs what word detectors need; what they see, rendered
scenes with masks.
"""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import cluster_activations
from wordbrush.concepts.discovery import audio_scale, cluster_cells
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.recordings import each_row
from wordbrush.davenet.encoded import Encoded
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
from wordbrush.evaluation.methods import Method
from wordbrush.evaluation.results import (
    ClusterScores,
    Concept,
    ConceptMetrics,
    ConceptTables,
    Hypothesis,
    MapScores,
    Measured,
    Recall,
)
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.storage.files import open_array, require_counts

TARGETED = "targeted-edits"
DETECTED = 50.0  # F1 from which a unit counts as a detector of its word
SAID = 5  # times that the test of a collection says a word that counts; others are hit by luck
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # letters of any script
ANY_TIME = 1e6  # seconds: behind the end of every caption


@dataclass(frozen=True)
class Masked:
    """Rendered scenes that no encoder ever saw, uint8 [M, H, W, 3], and the masks of attributes,
    uint8 [M, A, H, W]."""

    scenes: np.ndarray
    planes: np.ndarray


@dataclass(frozen=True)
class KnownWords:
    """The words of test captions, with start and end.

    rows: which of the test captions, ascending. captions: the words of each of these. timed:
    whether people or programs timed them; if not, each is as long as its caption.
    """

    rows: np.ndarray
    captions: list[list[dict]]
    timed: bool

    def of(self, features: Features) -> Features:
        """The features of these captions and of their pictures."""
        rows = torch.from_numpy(self.rows)
        pictures, heard = features
        return pictures[rows], heard[rows]


def read_words(material: Material) -> KnownWords | None:
    """The words of the test captions, where they are timed; where none are, those of the texts,
    each once and as long as the caption; None where there is no text either.

    Of a collection, captions without words are left out: whatever is said in them would count as an
    error of the unit that hears it. Raises WordbrushError where captions are missing or damaged.
    """
    speech = material.layout.speech
    rows = {row["sample"]: row for row in each_row(speech, ["sample", "words", "text"])}
    require_counts(speech, captions=len(rows), features=len(material.pairs.speech))
    tested = [rows[caption] for caption in material.samples.tolist()]
    captions = [row["words"] or [] for row in tested]
    if not (timed := any(captions)):
        captions = [written_words(row["text"] or "") for row in tested]
    kept = np.arange(len(captions))
    if material.collection is not None:
        kept = np.flatnonzero([len(one) > 0 for one in captions])
    return KnownWords(kept, [captions[row] for row in kept], timed) if any(captions) else None


def written_words(text: str) -> list[dict]:
    """Each word of a text once, said at any time."""
    words = sorted(set(WORD.findall(text.casefold())))
    return [{"word": word, "start": 0.0, "end": ANY_TIME} for word in words]


def read_masked(material: Material) -> Masked | None:
    """As many scenes, the last, as there are test samples; None where there are none with masks."""
    layout, params = material.layout, material.params
    file, size = layout.scenes / "attributes.npy", params.scenes.resolution
    if params.graph != "drawn" or not layout.scenes.is_dir():
        return None
    scenes = open_array(layout.scenes / "images.npy", "uint8", (None, size, size, 3))
    most = [len(values) for values in material.vocabulary.attributes.values()]
    planes = open_array(file, "uint8", (len(scenes), len(most), size, size), most=most)
    count = len(material.samples)
    return Masked(scenes[-count:], planes[-count:])


def told_bound(material: Material, objects: list[list[dict]]) -> Recall | None:
    """The recall of a listener who knows all that the test captions tell, by the sure objects of
    their pictures; None where captions are not of the grammar."""
    rows = each_row(material.layout.speech, ["sample", "text"])
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
        self.known = read_words(material)
        self.masked = read_masked(material)
        self.drawings: Drawings | None = None
        self.metrics: ConceptMetrics = {"words": {}, "clusters": {}}
        self.tables: ConceptTables = {"detectors": [], "clusters": {}, "contested": {}}
        if self.known is not None and material.collection is not None:
            self.metrics["known"] = {
                "captions": len(self.known.rows),
                "of": len(material.samples),
                "timed": self.known.timed,
            }
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
        """A method; if concepts were found in its encoders, or trained it, they too."""
        material, method = self.material, needed(subject.method)
        words, features = None, subject.features
        if self.known is not None:
            seconds = subject.encoders.audio.stride * material.pairs.speech.hop
            features = self.known.of(features)
            words = align(self.known.captions, features[1].frame_counts, seconds)
            if material.collection is not None:
                words = words.often(SAID)
        if words is not None and words.labels:
            self._measure_words(method, words, features)
        if material.collection is not None:
            if method.stage == ("pretrain" if material.params.graph == "recorded" else TARGETED):
                concepts = ConceptSet.load(material.layout.clusters(method.mining))
                table = self._heard_alone(features, concepts, words)
                self.tables["clusters"][method.mining] = table
        elif method.stage == TARGETED and self.masked and words is not None:
            concepts = ConceptSet.load(material.layout.clusters(method.mining))
            table = self._concepts(subject, concepts, self.masked, words)
            self.tables["clusters"][method.mining] = table
            self.metrics["clusters"][method.mining] = concept_scores(table)

    def _measure_words(self, method: Method, words: Spoken, features: Features) -> None:
        """Words by their best units, and where and when matchmaps fire."""
        fired, contested = self._fired(self._values(words), features)
        found = self._detectors(words, features)
        f1 = 100 * found.f1.amax(1)[self._counted(words)]
        self.metrics["words"][method.name] = {
            **fired,
            "word_f1": round(float(f1.mean()), 2) if len(f1) else 0.0,
            "detected": int((f1 >= DETECTED).sum()),
        }
        if method.name == self.shown:
            self.tables |= {"detectors": ranked(found), "contested": contested}

    def _counted(self, words: Spoken) -> Tensor:
        """The labels whose F1 counts: words for attributes; of a collection, all: bool [V]."""
        if self.material.collection is not None:
            return torch.ones(len(words.labels), dtype=torch.bool)
        meaning = self.material.vocabulary.meaning
        return torch.tensor([word in meaning for word in words.labels])

    def _values(self, words: Spoken) -> Spoken:
        """The words that mean a value, as it."""
        vocabulary = self.material.vocabulary
        return words.as_values(vocabulary.meaning, vocabulary.values)

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

    def _heard(self, features: Features, members: Tensor) -> Tensor:
        _, heard = features
        return heard_concepts(heard, members, self.material.params.evaluation.active_share)

    def _heard_alone(
        self, features: Features, concepts: ConceptSet, words: Spoken | None
    ) -> list[Concept]:
        """What the concepts of a collection hear: nobody says what its pictures show."""
        members = torch.from_numpy(concepts.members)
        best: list[Hypothesis | None] = [None] * len(members)
        if words is not None and words.labels:
            found = detect_words(self._heard(features, members), words)
            best = [hypotheses[0] for hypotheses in found.hypotheses(1)]
        return [
            {"units": int((row > 0).sum()), "seen": None, "heard": word, "word": word}
            for row, word in zip(members, best, strict=True)
        ]

    def _concepts(
        self, subject: Subject, concepts: ConceptSet, masked: Masked, words: Spoken
    ) -> list[Concept]:
        """What the concepts mean to the encoders that were trained on with them."""
        members, scale = torch.from_numpy(concepts.members), torch.from_numpy(concepts.scale)
        share = self.material.params.evaluation.active_share
        every_scene = np.arange(len(masked.scenes))
        images = encode_images(subject.encoders, masked.scenes, every_scene).features
        shown = most_active(cluster_cells(images, scale, members).flatten(0, 2), share)
        active = self._heard(subject.features, members)
        attributes = self.material.vocabulary.attributes
        found = (
            detect_values(shown, masked.planes, images.shape[-2:], attributes),
            detect_words(active, self._values(words)),
            detect_words(active, words),
        )
        best = [[hypotheses[0] for hypotheses in one.hypotheses(1)] for one in found]
        return [
            {"units": int((row > 0).sum()), "seen": seen, "heard": heard, "word": word}
            for row, seen, heard, word in zip(members, *best, strict=True)
        ]


def heard_concepts(heard: Encoded, members: Tensor, share: float) -> Tensor:
    """The frames at which each concept [K, D] is heard: bool [N, t, K]."""
    scale = audio_scale(heard.features, heard.frame_counts)
    said = cluster_activations(heard.features.transpose(1, 2), scale, members)
    return active_frames(said, heard.valid, share)


def concept_scores(table: list[Concept]) -> ClusterScores:
    """The scalars of the concepts of one mining."""
    seen, heard = (
        [needed(one) for one in side]
        for side in zip(*((one["seen"], one["heard"]) for one in table), strict=True)
    )
    same, chance = label_agreement(*([one["label"] for one in side] for side in (seen, heard)))
    seen_f1, heard_f1 = (
        round(float(np.mean([one["f1"] for one in side])), 2) for side in (seen, heard)
    )
    return {"seen_f1": seen_f1, "heard_f1": heard_f1, "agreement": same, "agreement_chance": chance}
