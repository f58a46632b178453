"""Discrete units: which words codes stand for, how well phones are told apart, and at what rate.

Words are counted as in the table of ranked word detectors (V): a code hears a word where one of its
frames lies within TOLERANCE of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.phones import phone_times
from wordbrush.data.recordings import each_row
from wordbrush.data.speech import FeatureStore
from wordbrush.davenet.audio import AudioEncoder, Heard
from wordbrush.davenet.encoding import BATCH
from wordbrush.davenet.kernels import slices
from wordbrush.evaluation.abx import Token, Triples, abx_error, draw_triples
from wordbrush.evaluation.detection import f1_score, hypothesis
from wordbrush.evaluation.interface import Subject
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import (
    CodebookScores,
    Detector,
    Estimate,
    Hypothesis,
    LayerScores,
    Units,
)
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.evaluation.words import DETECTED, SAID
from wordbrush.training.compute import device_of

TOLERANCE = 0.04  # V: seconds around the middle of a frame
BEST = 250  # V: words whose mean F1 is reported
STOP_WORDS = frozenset(  # V, which counts no code as a detector of these
    (
        *("a", "an", "the", "and", "of", "to", "on", "in", "at", "are"),
        *("is", "it", "he", "she", "you", "there", "this"),
    )
)
FEATURES = "features"  # stands for a layer: what the network is given


@dataclass(frozen=True)
class CodeCounts:
    """How often codes meet words.

    within [V, K]: frames of each code in each word. found [V, K]: occurrences of the word with such
    a frame. used [K]: all frames of each code. said [V]: all occurrences of each word.
    """

    labels: list[str]
    within: Tensor
    found: Tensor
    used: Tensor
    said: Tensor

    @cached_property
    def precision(self) -> Tensor:
        return self.within / self.used.clamp(min=1)

    @cached_property
    def recall(self) -> Tensor:
        return self.found / self.said[:, None].clamp(min=1)

    @cached_property
    def f1(self) -> Tensor:
        """[V, K]"""
        return f1_score(self.precision, self.recall)

    def hypothesis(self, word: int, code: int) -> Hypothesis:
        """A word that a code may stand for; its occurrences are those that the code hears (V)."""
        rates = self.precision[word, code], self.recall[word, code]
        return hypothesis(self.labels[word], *rates, self.found[word, code])

    def of(self, chosen: Tensor) -> "CodeCounts":
        """Some of the words: bool [V]."""
        labels = [label for label, one in zip(self.labels, chosen.tolist(), strict=True) if one]
        return CodeCounts(
            labels, self.within[chosen], self.found[chosen], self.used, self.said[chosen]
        )


def count_codes(codes: Tensor, lengths: Tensor, size: int, words: Spoken) -> CodeCounts:
    """codes: int64 [N, t], of which the first `lengths` [N] count, below `size`, K. words: the
    frames that hear each word."""
    valid = torch.arange(codes.shape[1]) < lengths[:, None]
    number = len(words.labels)
    near: list[list[tuple[int, int, int]]] = [[] for _ in words.labels]  # captions, frames
    found = torch.zeros(number, size)
    occurrences = zip(
        words.caption.tolist(),
        words.label.tolist(),
        words.first.tolist(),
        words.stop.tolist(),
        strict=True,
    )
    for caption, label, first, stop in occurrences:
        near[label].append((caption, first, stop))
        found[label, codes[caption, first:stop].unique()] += 1
    within = torch.stack(
        [torch.bincount(codes_near(codes, lengths, one), minlength=size) for one in near]
    )
    used = torch.bincount(codes[valid], minlength=size)
    return CodeCounts(words.labels, within, found, used, words.occurrences)


def codes_near(codes: Tensor, lengths: Tensor, spans: list[tuple[int, int, int]]) -> Tensor:
    """The codes of all frames in spans (caption, first, stop), each frame once: int64 [F].

    By captions, since a mask over all frames for each word would not fit into memory.
    """
    frames: dict[int, set[int]] = {}
    for caption, first, stop in spans:
        frames.setdefault(caption, set()).update(range(first, min(stop, int(lengths[caption]))))
    parts = [codes[caption, sorted(these)] for caption, these in frames.items()]
    return torch.cat(parts) if parts else codes.new_empty(0)


def near_words(captions: Sequence[list[dict]], lengths: Tensor, seconds: float) -> Spoken:
    """The frames, one every `seconds`, that hear each word; stop words are left out."""
    widened = [
        [
            {
                "word": word["word"].casefold(),
                "start": max(0.0, word["start"] - TOLERANCE),
                "end": word["end"] + TOLERANCE,
            }
            for word in words
            if word["word"].casefold() not in STOP_WORDS
        ]
        for words in captions
    ]
    return align(widened, lengths, seconds)


def counted_words(language: str) -> set[str]:
    """The words of drawings' captions for attributes and relations, as `near_words` has them."""
    grammar = grammar_of(language)
    relations = (word.casefold() for word in grammar.language.relation_words)
    return {*grammar.vocabulary.casefolded, *relations}


def ranked_detectors(counts: CodeCounts) -> list[Detector]:
    """Every code that was used, with its two best words, the best detectors first."""
    best = counts.f1.topk(min(2, len(counts.labels)), 0).indices
    rows: list[Detector] = [
        {
            "unit": code,
            "hypotheses": [counts.hypothesis(int(word), code) for word in best[:, code]],
        }
        for code in counts.used.nonzero()[:, 0].tolist()
    ]
    return sorted(rows, key=lambda row: (-row["hypotheses"][0]["f1"], row["unit"]))


def perplexity(used: Tensor) -> float:
    """How many codes there would be if all were used alike: 2 to the entropy of their use [K]."""
    shares = used.double() / used.sum()
    return float(2 ** -torch.special.xlogy(shares, shares).sum().div(np.log(2)))


@dataclass
class Evidence:
    """What is kept of a layer: the frames of phones, and all codes.

    plain, quantised: by the number of a phone, [T, C], before and after the codebook. codes: of
    each caption.
    """

    seconds: float
    plain: dict[int, Tensor] = field(default_factory=dict)
    quantised: dict[int, Tensor] = field(default_factory=dict)
    codes: list[Tensor] = field(default_factory=list)


class UnitTests:
    """The tests of codes and layers: one method after another, on the same captions.

    tables: of each method, by layer, the detectors of all codes.
    """

    def __init__(self, material: Material):
        """Raises WordbrushError where captions are missing or damaged."""
        self.material = material
        columns = ["sample", "text", "words", "voice", "rate", "pitch"]
        rows = {row["sample"]: row for row in each_row(material.layout.speech, columns)}
        tested = [rows[caption] for caption in material.samples.tolist()]
        words = [row["words"] or [] for row in tested]
        # of a collection, captions without words are left out (words.read_words)
        kept = [row for row, one in enumerate(words) if one or material.collection is None]
        self.words, self.known = [words[row] for row in kept], torch.tensor(kept, dtype=torch.long)
        self.tokens = [] if material.collection is not None else read_tokens(tested, material)
        self.triples = draw_triples(self.tokens, material.params.seed)
        self.tables: dict[str, dict[str, list[Detector]]] = {}

    def measure(self, subject: Subject, name: str) -> Units:
        """The scores of the features and of every layer, by its number."""
        evidence = self._listen(subject.encoders.audio)
        sizes = {str(one.layer): one.codes for one in subject.encoders.config.quantisers}
        self.tables[name] = {}
        scores: Units = {}
        for layer, found in evidence.items():
            scores[layer] = self._layer_scores(found)
            if found.codes:
                codebook, detectors = self._code_scores(found, sizes[layer])
                scores[layer]["codebook"] = codebook
                self.tables[name][layer] = detectors
        return scores

    def _layer_scores(self, found: Evidence) -> LayerScores:
        scores: LayerScores = {"frame_ms": round(1000 * found.seconds, 3)}
        if self.triples is not None:
            scores["abx"] = self._abx(found.plain, self.triples)
        return scores

    def _abx(self, frames: dict[int, Tensor], triples: Triples) -> Estimate:
        params = self.material.params
        every = [frames.get(number, torch.empty(0, 1)) for number in range(len(self.tokens))]
        return abx_error(every, triples, params.evaluation.bootstrap, params.seed)

    def _code_scores(self, found: Evidence, size: int) -> tuple[CodebookScores, list[Detector]]:
        lengths = torch.tensor([len(one) for one in found.codes])
        codes = torch.nn.utils.rnn.pad_sequence(found.codes, batch_first=True)
        used = torch.bincount(torch.cat(found.codes), minlength=size)
        spread = perplexity(used)
        scores: CodebookScores = {
            "codes": size,
            "used": int((used > 0).sum()),
            "perplexity": round(spread, 2),
            "bitrate": round(float(np.log2(spread)) / found.seconds, 2),
        }
        if self.triples is not None:
            scores["abx"] = self._abx(found.quantised, self.triples)
        codes, lengths = codes[self.known], lengths[self.known]
        words = near_words(self.words, lengths, found.seconds)
        if not words.labels:
            return scores, []
        counts = count_codes(codes, lengths, size, words)
        best = (100 * counts.of(self._counted(words)).f1.amax(1)).sort(descending=True).values
        scores["word_f1"] = round(float(best[:BEST].mean()), 2) if len(best) else 0.0
        scores["words"], scores["detected"] = len(best), int((best >= DETECTED).sum())
        return scores, ranked_detectors(counts)

    def _counted(self, words: Spoken) -> Tensor:
        """The words that summaries count: those for attributes and relations; of a collection,
        what is said often: bool [V]."""
        if self.material.collection is not None:
            return words.occurrences >= SAID
        known = counted_words(self.material.params.captions.languages[0])
        return torch.tensor([word in known for word in words.labels])

    @torch.no_grad()
    def _listen(self, audio: AudioEncoder) -> dict[str, Evidence]:
        speech, samples = self.material.pairs.speech, self.material.samples
        kept: dict[str, Evidence] = {}
        for rows in slices(len(samples), BATCH):
            phones = self._phones(rows.start, min(rows.stop, len(samples)))
            for name, heard in each_layer(audio, speech, samples[rows]):
                one = kept.setdefault(name, Evidence(heard.stride * speech.hop))
                take_phones(one, heard, phones, rows.start)
                if heard.codes is not None:
                    shown = zip(heard.codes, heard.lengths.tolist(), strict=True)
                    one.codes += [row[:length] for row, length in shown]
        if FEATURES in kept:
            kept[FEATURES].plain = standardised(kept[FEATURES].plain)
        return kept

    def _phones(self, first: int, stop: int) -> dict[int, Token]:
        """The phones that take part, by number, of captions from `first` to `stop`."""
        if self.triples is None:
            return {}
        numbers = np.unique([self.triples.a, self.triples.b, self.triples.x]).tolist()
        return {
            number: self.tokens[number]
            for number in numbers
            if first <= self.tokens[number].caption < stop
        }


def read_tokens(rows: Sequence[dict], material: Material) -> list[Token]:
    """All phones of captions whose times are known."""
    times = phone_times(rows, material.pairs.speech.config.silence_ms / 1000)
    voices = {name: number for number, name in enumerate(sorted({row["voice"] for row in rows}))}
    lengths = material.pairs.speech.lengths[material.samples] * material.pairs.speech.hop
    return [
        Token(phone["phone"], caption, voices[row["voice"]], phone["start"], phone["end"])
        for caption, (row, phones) in enumerate(zip(rows, times, strict=True))
        for phone in phones
        if phone["end"] <= lengths[caption]  # a caption may have been cut
    ]


def each_layer(
    audio: AudioEncoder, speech: FeatureStore, samples: np.ndarray
) -> Iterator[tuple[str, Heard]]:
    """What the features are, and what every layer makes of them, by name, on the CPU."""
    features, lengths = speech.batch(samples)
    yield FEATURES, Heard(0, 1, lengths, features.transpose(1, 2))
    where = device_of(audio)
    for heard in audio.hear(features.to(where), lengths.to(where)):
        yield str(heard.number), heard.to("cpu")


def take_phones(kept: Evidence, heard: Heard, phones: dict[int, Token], first: int) -> None:
    """Keep the frames of these phones; `first` is the number of the first caption that is heard."""
    lengths = heard.lengths.tolist()
    for number, token in phones.items():
        row = token.caption - first
        where = token.frames(kept.seconds, lengths[row])
        kept.plain[number] = heard.vectors[row, where].clone()
        if heard.quantised is not None:
            kept.quantised[number] = heard.quantised[row, where].clone()


def standardised(frames: dict[int, Tensor]) -> dict[int, Tensor]:
    """Each band with mean 0 and deviation 1: distances between log-mels as they are hear levels."""
    if not frames:
        return {}
    every = torch.cat(list(frames.values()))
    mean, deviation = every.mean(0), every.std(0) + 1e-6
    return {number: (one - mean) / deviation for number, one in frames.items()}
