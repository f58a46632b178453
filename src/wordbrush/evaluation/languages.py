"""Languages that were never taught side by side: what one says to another, through pictures.

Two utterances say the same as far as they fit the same pictures. So each is heard as its profile:
its scores with pictures that nobody describes. Captions of one language look for those of the other
(Harwath et al., Vision as an Interlingua, ICASSP 2018), and words for their translations.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.recordings import SpokenWord, each_row
from wordbrush.data.speech import FeatureStore
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_captions, encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import ranks
from wordbrush.evaluation.detection import detect_words
from wordbrush.evaluation.interface import Subject, needed
from wordbrush.evaluation.intervals import bootstrap, estimate, percent
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import (
    Estimate,
    Hypothesis,
    LanguageScores,
    LanguageTables,
    Measured,
    Translated,
    Translation,
    WayRecall,
)
from wordbrush.evaluation.retrieval import way, ways_among
from wordbrush.evaluation.spoken import align
from wordbrush.evaluation.words import TARGETED, heard_concepts
from wordbrush.params import Params
from wordbrush.storage.files import read_json, require_counts

ANCHORS = 1000  # pictures of a profile, at most
LEAST = 2  # test pictures: among one, every caption finds its counterpart


def languages_tested(params: Params) -> list[str]:
    """The languages that are compared; none where there is one."""
    drawn = params.collection is None
    languages = params.captions.languages if drawn else params.davenet.languages
    return languages if len(languages) > 1 else []


class LanguageTests:
    """The tests of languages: one method after another, all on the same pictures and words."""

    def __init__(self, material: Material):
        self.material = material
        self.languages = languages_tested(material.params)
        if self.languages and len(self.pictures) < LEAST:
            print(f"left out: languages, which needs {LEAST} test pictures described in all.")
            self.languages = []
        self.tables: dict[str, LanguageTables] = {}

    def measure(self, subject: Subject) -> LanguageScores:
        """A method, and its concepts where there are any; its tables are kept by its name."""
        material, method = self.material, needed(subject.method)
        found, lexicon = self.scores(subject.encoders)
        clusters: list[dict[str, Hypothesis]] = []
        stage = "pretrain" if material.params.graph == "recorded" else TARGETED
        if method.stage == stage:
            concepts = ConceptSet.load(material.layout.clusters(method.mining))
            clusters = self._clusters(subject.encoders, torch.from_numpy(concepts.members))
        if clusters:
            found["clusters"] = self._agreement(clusters)
        self.tables[method.name] = {"lexicon": lexicon, "clusters": clusters}
        return found

    def scores(self, encoders: Encoders) -> tuple[LanguageScores, dict[str, list[Translated]]]:
        """Recall and precision, and the lexicon of each pair of languages."""
        captions, words = self._captions(encoders), self._words(encoders)
        lexicon: dict[str, list[Translated]] = {}
        found: LanguageScores = {
            "speech": {one: self._speech(encoders, one) for one in self.languages},
            "translations": {},
        }
        for one, other in permutations(self.languages, 2):
            name = f"{one} to {other}"
            between: Translation = {"captions": self._recall(captions[one] @ captions[other].T)}
            if words:
                lexicon[name] = self._lexicon(words[one] @ words[other].T, one, other)
                between["words"] = self._precision(lexicon[name], one, other)
            found["translations"][name] = between
        return found, lexicon

    def _speech(self, encoders: Encoders, language: str) -> Estimate:
        """Recall@10 of pictures by the test captions in one language."""
        manifest = self.material.pairs.manifest
        captions = manifest.captions("test", language)
        return ways_among(self.material, encoders, manifest, captions)["pictures"]["recall"]["10"]

    @cached_property
    def pictures(self) -> np.ndarray:
        """The test pictures that are described in every language; of those of which the captions
        in the first name the same, in the same order, one."""
        manifest = self.material.pairs.manifest
        told = [set(manifest.images[manifest.captions("test", one)]) for one in self.languages]
        texts = {
            row["image"]: row["text"]
            for row in each_row(self.material.layout.speech, ["image", "language", "text"])
            if row["language"] == self.languages[0]
        }
        vocabulary = None if self.material.collection is not None else self.material.vocabulary
        kept: dict[tuple, int] = {}
        for picture in sorted(set.intersection(*told)):
            text = texts.get(picture)
            kept.setdefault(content(text, vocabulary) if text else (picture,), picture)
        return np.array(sorted(kept.values()), np.int64)

    @cached_property
    def anchors(self) -> np.ndarray:
        """The pictures of a profile: those that nobody describes; of a collection, training's."""
        pairs = self.material.pairs
        alone = pairs.uncaptioned
        if not len(alone):
            alone = pairs.manifest.pictures(pairs.manifest.captions("train"))
        return alone[:ANCHORS]

    def _seen(self, encoders: Encoders) -> Encoded:
        return encode_images(encoders, self.material.pairs.images, self.anchors)

    def _captions(self, encoders: Encoders) -> dict[str, Tensor]:
        """Of each language, the profiles of the test captions, one a picture: [N, A]."""
        manifest, seen, found = self.material.pairs.manifest, self._seen(encoders), {}
        for language in self.languages:
            captions = manifest.captions("test", language)
            numbers, first = np.unique(manifest.images[captions], return_index=True)
            chosen = captions[first[np.searchsorted(numbers, self.pictures)]]
            heard = encode_captions(encoders, self.material.pairs, chosen)
            found[language] = profiles(seen, heard, encoders.config.similarity)
        return found

    def _recall(self, scores: Tensor) -> WayRecall:
        """Captions of one language (rows) that look for those of the other: each picture has one
        in either."""
        count = len(scores)
        rows, ones = np.arange(count), np.ones(count, int)
        return way(self.material.params, ranks(scores).numpy(), rows, ones, count)

    def _folder(self, language: str) -> Path:
        """The spoken words of a language."""
        folder = self.material.layout.test_speech
        if language != self.languages[0]:
            folder = folder / "languages" / language
        return folder / "words"

    def _entries(self, language: str) -> dict[str, str]:
        """The words of a language, and the value of each."""
        words = read_json(self._folder(language) / "words.json", list[SpokenWord])
        return {one["word"]: one["value"] for one in words}

    def _words(self, encoders: Encoders) -> dict[str, Tensor]:
        """Of each language, the profiles of its words, the means over voices: [W, A]. None of a
        collection, where nobody says single words."""
        if self.material.collection is not None:
            return {}
        seen, found = self._seen(encoders), {}
        for language in self.languages:
            folder = self._folder(language)
            said, speech = read_json(folder / "words.json", list[SpokenWord]), FeatureStore(folder)
            require_counts(folder, words=len(said), utterances=len(speech))
            heard = encode_speech(encoders, speech, np.arange(len(speech)), language)
            each = profiles(seen, heard, encoders.config.similarity)
            rows: dict[str, list[int]] = {}
            for row, one in enumerate(said):
                rows.setdefault(one["word"], []).append(row)
            found[language] = unit(torch.stack([each[few].mean(0) for few in rows.values()]))
        return found

    def _lexicon(self, scores: Tensor, one: str, other: str) -> list[Translated]:
        """The word of the other language that is nearest to each word of one (rows)."""
        ours, theirs = self._entries(one), self._entries(other)
        best = scores.max(1)
        names = list(theirs)
        return [
            {
                "word": word,
                "translation": names[column],
                "score": round(score, 4),
                "right": value == theirs[names[column]],
            }
            for (word, value), column, score in zip(
                ours.items(), best.indices.tolist(), best.values.tolist(), strict=True
            )
        ]

    def _precision(self, lexicon: list[Translated], one: str, other: str) -> Measured:
        """Percent of words whose translation means the same, with its interval over words."""
        right = np.array([word["right"] for word in lexicon], float)
        theirs = np.array(list(self._entries(other).values()))
        chance = np.mean([(theirs == value).mean() for value in self._entries(one).values()])
        return self._measured(right, 100 * float(chance))

    def _measured(self, outcomes: np.ndarray, chance: float) -> Measured:
        params = self.material.params
        interval = bootstrap(outcomes, percent, params.evaluation.bootstrap, params.seed)
        return {
            **estimate(100 * float(outcomes.mean()), interval),
            "chance": round(chance, 2),
        }

    def _clusters(self, encoders: Encoders, members: Tensor) -> list[dict[str, Hypothesis]]:
        """What each concept hears best in each language; none where no words are timed."""
        if self.material.collection is not None:
            return []
        manifest, hop = self.material.pairs.manifest, self.material.pairs.speech.hop
        rows = {
            row["sample"]: row["words"] or []
            for row in each_row(self.material.layout.speech, ["sample", "words"])
        }
        by_language = {}
        for language in self.languages:
            captions = manifest.captions("test", language)
            heard = encode_captions(encoders, self.material.pairs, captions)
            words = align(
                [rows[caption] for caption in captions.tolist()],
                heard.frame_counts,
                encoders.audio.stride * hop,
            )
            vocabulary = grammar_of(language).vocabulary
            values = words.as_values(vocabulary.meaning, vocabulary.values)
            if not len(values):
                return []
            active = heard_concepts(heard, members, self.material.params.evaluation.active_share)
            found = detect_words(active, values).hypotheses(1)
            by_language[language] = [hypotheses[0] for hypotheses in found]
        return [
            dict(zip(by_language, row, strict=True))
            for row in zip(*by_language.values(), strict=True)
        ]

    def _agreement(self, clusters: list[dict[str, Hypothesis]]) -> Measured:
        """Percent of concepts that mean the same in all languages; chance: if what they mean in one
        said nothing about the others."""
        labels = np.array([[one["label"] for one in row.values()] for row in clusters])
        same = (labels == labels[:, :1]).all(1)
        chance = sum(np.prod((labels == value).mean(0)) for value in np.unique(labels))
        return self._measured(same.astype(float), 100 * float(chance))


def content(text: str, vocabulary: Vocabulary | None) -> tuple[str, ...]:
    """What a caption names, in order: the values of drawings' objects; without a vocabulary, as of
    people's captions, its words."""
    words = text.casefold().replace(",", " ").split()
    if vocabulary is None:
        return tuple(words)
    meaning = vocabulary.casefolded
    return tuple(meaning[word] for word in words if word in meaning)


def profiles(seen: Encoded, heard: Encoded, similarity: str) -> Tensor:
    """How utterances [N] fit the pictures [A], as unit vectors [N, A] whose products are
    correlations: what every picture, or every utterance, has more of is taken away."""
    scores = all_similarities(seen, heard, similarity).T
    scores = scores - scores.mean(1, keepdim=True)
    scores = scores / scores.std(1, keepdim=True).clamp(min=1e-6)
    return unit(scores - scores.mean(0))


def unit(rows: Tensor) -> Tensor:
    """Rows [N, A] of length 1."""
    return torch.nn.functional.normalize(rows, dim=1)


def same_in_all(row: dict[str, Hypothesis], languages: Sequence[str]) -> bool:
    """Whether a concept means the same in these languages."""
    return len({row[language]["label"] for language in languages}) == 1
