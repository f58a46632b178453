"""Evaluation by engine: how every group of voices is understood, engine by engine (docs/speech.md).

The groups are those of params.GROUPS. The pictures of `validation` are validation's own, so choices
by it leave the tests untouched; the others are measured on test pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.recordings import SpokenWord, read_shards
from wordbrush.data.speech import FeatureStore
from wordbrush.data.splits import CAPTIONED
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.detection import active_frames, detect_words, f1_over_voices, ranked
from wordbrush.evaluation.interface import Subject
from wordbrush.evaluation.localisation import (
    Drawings,
    localise_objects,
    localise_words,
    map_scores,
    read_drawings,
)
from wordbrush.evaluation.matching import match_pairs
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import (
    RECALL_LEVELS,
    EngineScores,
    GroupScores,
    GroupSummary,
    MapScores,
    Recall,
    VoiceScores,
    WordsHeard,
)
from wordbrush.evaluation.speakers import (
    each_over_voices,
    hits_over_voices,
    over_voices,
    recall_by_voice,
    semantic_by_voice,
)
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.evaluation.words import DETECTED
from wordbrush.params import GROUPS, Params
from wordbrush.storage.files import read_json, require_counts

DETECTORS = 10  # units whose words are listed for each engine


@dataclass(frozen=True)
class EngineSpeech:
    """What one engine of a group says.

    words, captions: with as many utterances in `word_speech` and `caption_speech`; a caption has
    `image`, `voice` and `words`, which are timed. split: of the pictures.
    """

    folder: Path
    group: str
    split: str
    words: list[SpokenWord]
    word_speech: FeatureStore
    captions: list[dict[str, Any]]
    caption_speech: FeatureStore

    @property
    def engine(self) -> str:
        return self.folder.name

    @property
    def voices(self) -> list[str]:
        """Of each caption."""
        return [one["voice"] for one in self.captions]


def read_engines(folder: Path) -> list[EngineSpeech]:
    """What every engine says, group by group; nothing where the folder is not there.

    Raises WordbrushError where a part is damaged.
    """
    parts = [one for group in GROUPS for one in sorted(folder.glob(f"{group}/*")) if one.is_dir()]
    return [read_engine(part) for part in parts]


def read_engine(folder: Path) -> EngineSpeech:
    """What was written by captions.groups.write_part."""
    words = read_json(folder / "words/words.json", list[SpokenWord])
    captions = read_shards(folder / "captions", ["image", "split", "voice", "words"])
    speech = FeatureStore(folder / "words"), FeatureStore(folder / "captions/features")
    require_counts(folder / "words", words=len(words), sounds=len(speech[0]))
    require_counts(folder / "captions", captions=len(captions), sounds=len(speech[1]))
    splits = {one["split"] for one in captions}
    if len(splits) != 1 or not splits <= set(CAPTIONED):
        raise WordbrushError(
            f"{folder / 'captions'} must tell of one split, and tells of "
            f"{', '.join(sorted(map(str, splits))) or 'none'}. Make them again: dvc repro."
        )
    return EngineSpeech(
        folder, folder.parent.name, splits.pop(), words, speech[0], captions, speech[1]
    )


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split that engines speak of, and what there is to measure on them.

    numbers [P], ascending: of the pictures. test: those of the semantic test, uint8, with pairs of
    them for each value. drawings: what the segmenter sees in them. None where nothing read them.
    """

    images: np.ndarray
    numbers: np.ndarray
    test: np.ndarray | None
    pairs: dict[str, np.ndarray]
    drawings: Drawings | None


class EngineTests:
    """The tests of engines: one method after another, all on the same speech.

    groups: those to measure, of params.GROUPS. Raises WordbrushError where speech is damaged.
    """

    def __init__(self, material: Material, groups: Sequence[str] = tuple(GROUPS)) -> None:
        self.material = material
        folder = material.layout.test_speech / "groups"
        self.speech = [one for one in read_engines(folder) if one.group in groups]
        splits = dict.fromkeys(one.split for one in self.speech)
        self.pictures = {split: read_pictures(material, split) for split in splits}

    def measure(self, subject: Subject, detectors: bool = False) -> GroupScores:
        """The scores of every engine, by group. detectors: list the units that detect words."""
        seen = {
            split: Seen.by(subject.encoders, pictures) for split, pictures in self.pictures.items()
        }
        scores: GroupScores = {}
        for speech in self.speech:
            one = Measurement.of(self.material, subject, speech, seen[speech.split])
            scores.setdefault(speech.group, {})[speech.engine] = one.scores(detectors)
        return scores


def read_pictures(material: Material, split: str) -> Pictures:
    """The pictures of a split. The semantic test of `test` is the one of all methods; that of
    `validation` pairs its own pictures."""
    pairs, params = material.pairs, material.params
    numbers = pairs.manifest.pictures(pairs.manifest.captions(split))
    images, words, matched = pairs.images[numbers], None, {}
    if split == "test" and material.words is not None:
        words, matched = material.words.images, material.words.pairs
    elif split != "test" and material.parsed is not None:
        parsed = [material.parsed[number] for number in numbers]
        words, matched = images, match_pairs(params, material.vocabulary, parsed)
    least, segmenter = params.segmenter.min_confidence, material.segmenter
    drawings = None if segmenter is None else read_drawings(segmenter, images, least)
    return Pictures(images, numbers, words, matched, drawings)


@dataclass(frozen=True)
class Seen:
    """Pictures, and how encoders see them, and those of the semantic test."""

    pictures: Pictures
    images: Encoded
    test: Encoded | None

    @classmethod
    def by(cls, encoders: Encoders, pictures: Pictures) -> "Seen":
        images = encode_images(encoders, pictures.images, np.arange(len(pictures.images)))
        if pictures.test is None or pictures.test is pictures.images:
            return cls(pictures, images, None if pictures.test is None else images)
        every = np.arange(len(pictures.test))
        return cls(pictures, images, encode_images(encoders, pictures.test, every))


@dataclass(frozen=True)
class Measurement:
    """One engine of a group, heard by the encoders of one method.

    heard: its captions. rows [C]: of the picture of each caption, among the pictures of its split.
    """

    material: Material
    subject: Subject
    speech: EngineSpeech
    seen: Seen
    heard: Encoded
    rows: np.ndarray

    @classmethod
    def of(
        cls, material: Material, subject: Subject, speech: EngineSpeech, seen: Seen
    ) -> "Measurement":
        """Raises WordbrushError where a caption tells of a picture that the split does not have."""
        every, numbers = np.arange(len(speech.captions)), seen.pictures.numbers
        images = np.array([one["image"] for one in speech.captions])
        if (unknown := np.setdiff1d(images, numbers)).size:
            raise WordbrushError(
                f"{speech.folder / 'captions'} tells of the picture {unknown[0]}, which is not one "
                f"of {speech.split}. Make them again: dvc repro."
            )
        heard = encode_speech(subject.encoders, speech.caption_speech, every)
        return cls(material, subject, speech, seen, heard, np.searchsorted(numbers, images))

    @property
    def resampling(self) -> dict[str, int]:
        params = self.material.params
        return {"resamples": params.evaluation.bootstrap, "seed": params.seed}

    def scores(self, detectors: bool) -> EngineScores:
        """All numbers; `detectors` as in `EngineTests.measure`."""
        similarity = self.subject.encoders.config.similarity
        fits = all_similarities(self.seen.images, self.heard, similarity)
        found = recall_by_voice(fits, self.rows.tolist(), self.speech.voices)
        semantic = {} if self.seen.test is None else self.semantic(self.seen.test)
        scores: EngineScores = {
            "voices": {voice: by_voice(voice, found, semantic) for voice in {**found, **semantic}},
            "captions": len(self.rows),
            "recall": {
                k: over_voices([one[k] for one in found.values()], **self.resampling)
                for k in RECALL_LEVELS
            },
            **self.words(detectors),
        }
        if semantic:
            scores["semantic"] = each_over_voices(list(semantic.values()), **self.resampling)
        return scores

    def semantic(self, test: Encoded) -> dict[str, dict[str, float]]:
        """The semantic test by voice, on these pictures."""
        speech, encoders = self.speech, self.subject.encoders
        heard = encode_speech(encoders, speech.word_speech, np.arange(len(speech.words)))
        scores = all_similarities(test, heard, encoders.config.similarity).numpy()
        pairs, vocabulary = self.seen.pictures.pairs, self.material.vocabulary
        found = semantic_by_voice(scores, pairs, speech.words, vocabulary)
        return {
            voice: {name: round(value, 2) for name, value in numbers.items()}
            for voice, numbers in found.items()
        }

    def words(self, detectors: bool) -> WordsHeard:
        """Units as detectors of words, and where and when matchmaps fire."""
        material, vocabulary = self.material, self.material.vocabulary
        seconds = self.subject.encoders.audio.stride * self.speech.caption_speech.hop
        timed = [one["words"] or [] for one in self.speech.captions]
        words = align(timed, self.heard.frame_counts, seconds)
        voices = list(dict.fromkeys(self.speech.voices))
        voice = torch.tensor([voices.index(one) for one in self.speech.voices])
        frames = self.heard.features.transpose(1, 2)
        active = active_frames(frames, self.heard.valid, material.params.evaluation.active_share)
        known = [number for number, word in enumerate(words.labels) if word in vocabulary.meaning]
        found = detect_words(active, words)
        heard: WordsHeard = {
            "word_f1": f1_over_voices(active, words, voice, known, **self.resampling),
            "detected": int((100 * found.f1.amax(1)[known] >= DETECTED).sum()),
            **self.fired(words.as_values(vocabulary.meaning, vocabulary.values), voice),
        }
        return {**heard, "detectors": ranked(found)[:DETECTORS]} if detectors else heard

    def fired(self, values: Spoken, voice: Tensor) -> MapScores:
        """Where and when matchmaps fire; nothing where no segmenter reads the pictures."""
        drawings, vocabulary = self.seen.pictures.drawings, self.material.vocabulary
        if drawings is None:
            return {}
        drawings = drawings.of(self.rows)
        images, audio = self.seen.images.features[self.rows], self.heard.features
        lengths = self.heard.frame_counts
        return map_scores(
            localise_words(images, audio, values, drawings, vocabulary),
            localise_objects(images, audio, lengths, values, drawings, vocabulary),
            lambda caption, hits, chance: hits_over_voices(
                voice[caption], hits, chance, **self.resampling
            ),
        )


def by_voice(
    voice: str, recall: dict[str, Recall], semantic: dict[str, dict[str, float]]
) -> VoiceScores:
    """What was measured of a voice; one of many voices may have no turn among few captions."""
    scores: VoiceScores = {}
    if voice in recall:
        scores["recall"] = recall[voice]
    if voice in semantic:
        scores["semantic"] = semantic[voice]
    return scores


def summaries(scores: GroupScores, params: Params) -> dict[str, GroupSummary]:
    """Of each group, the means over the voices of all its engines, with intervals over voices."""
    drawn = {"resamples": params.evaluation.bootstrap, "seed": params.seed}
    found: dict[str, GroupSummary] = {}
    for group, engines in scores.items():
        voices = [one for engine in engines.values() for one in engine["voices"].values()]
        recall = [one["recall"]["10"] for one in voices if "recall" in one]
        found[group] = {"voices": len(voices), "recall_10": over_voices(recall, **drawn)}
        semantic = [one["semantic"]["mean"] for one in voices if "semantic" in one]
        if semantic:
            found[group]["semantic"] = over_voices(semantic, **drawn)
    return found
