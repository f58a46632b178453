"""What is said to test composition (evaluation/composition.py): cases of two captions, of which the
wrong one differs from the right one by one fact, and hard positives, which say the same otherwise.

Both captions of a case have one wording, and one voice of the training at one rate and pitch. They
are in the first of the languages.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.lines import Line, usual_voice, voice_among
from wordbrush.captions.recital import recite
from wordbrush.captions.voices import Voice
from wordbrush.captions.wording import Wording
from wordbrush.data.composition import Case, Composed, CompositionFile, Medium, Positive
from wordbrush.data.speech import write_features
from wordbrush.errors import WordbrushError
from wordbrush.params import RECORDINGS, Captions, engine_of_voice
from wordbrush.scenes.facts import EXCHANGES, Facts, things_of
from wordbrush.scenes.records import ExchangePair, RealPair
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json, write_json

DRAWINGS, REAL, EXCHANGED = 4, 5, 6  # random streams beside those of captions.lines
Kind = tuple[Medium, Composed, str]
ORDERS = 20  # in which a pair of scenes may be told, tried until one fact alone differs


@dataclass(frozen=True)
class Telling:
    """How the facts of a picture are told, and otherwise: in other words, by another voice."""

    facts: Facts
    wording: Wording
    voice: Voice
    synonym: Wording
    other: Voice | None

    @classmethod
    def draw(
        cls,
        facts: Facts,
        captions: Captions,
        others: Sequence[str],
        turn: int,
        rng: np.random.Generator,
    ) -> "Telling":
        """By a voice of the training, and by `others` in turn."""
        grammar = grammar_of(captions.languages[0])
        wording = Wording.draw(len(facts.objects), captions.pauses, rng, grammar)
        voice = spontaneous_voice(captions, rng)
        able = [name for name in others if name != voice.name and can_say_all(name)]
        other = usual_voice(able[turn % len(able)], captions) if able else None
        return cls(facts, wording, voice, wording.with_synonym(facts, rng), other)

    def line(self, facts: Facts) -> Line:
        """Any facts about as many objects, told alike."""
        return Line(self.wording.say(facts), self.voice)

    def positives(self) -> dict[Positive, Line]:
        """The same facts: with a synonym, by another voice, in another order of the objects."""
        others: dict[Positive, Line] = {"synonym": Line(self.synonym.say(self.facts), self.voice)}
        if self.other is not None:
            others["voice"] = Line(self.wording.say(self.facts), self.other)
        if len(self.facts.objects) > 1:
            others["order"] = self.line(self.facts.reversed())
        return others


def can_say_all(voice: str) -> bool:
    """Whether a voice can say any text: people's recordings cannot."""
    return engine_of_voice(voice) != RECORDINGS


def spontaneous_voices(captions: Captions) -> dict[str, float]:
    """The voices of the training that can say any text, with the share of each."""
    shares = captions.voice_shares or [1.0] * len(captions.voices)
    able = {
        name: share
        for name, share in zip(captions.voices, shares, strict=True)
        if can_say_all(name)
    }
    return {name: share / sum(able.values()) for name, share in able.items()}


def spontaneous_voice(captions: Captions, rng: np.random.Generator) -> Voice:
    """One of them, at one of the rates and pitches."""
    able = spontaneous_voices(captions)
    return voice_among(list(able), list(able.values()), captions, rng)


@dataclass
class Script:
    """Cases, at most `most` of each kind, and the lines that they name by number, each once."""

    most: int
    cases: list[Case] = field(default_factory=list)
    lines: dict[Line, int] = field(default_factory=dict)
    counts: Counter[Kind] = field(default_factory=Counter)

    def number(self, line: Line) -> int:
        return self.lines.setdefault(line, len(self.lines))

    def add(self, kind: Kind, picture: int, telling: Telling, wrong: Facts) -> None:
        """A case of what this picture shows, unless there are enough; one wrong word has hard
        positives, too."""
        if self.counts[kind] == self.most:
            return
        self.counts[kind] += 1
        on, test, what = kind
        positives = telling.positives() if test == "wrong_words" else {}
        self.cases.append(
            {
                "on": on,
                "test": test,
                "kind": what,
                "picture": picture,
                "right": self.number(telling.line(telling.facts)),
                "wrong": self.number(telling.line(wrong)),
                "positives": {name: self.number(line) for name, line in positives.items()},
            }
        )


@dataclass(frozen=True)
class Subjects:
    """What the cases tell of.

    drawings: the objects of each that a person could describe, by number. real, exchanged: pairs of
    rendered scenes, in which one attribute changed, or two objects exchanged one thing.
    """

    drawings: Mapping[int, Sequence[Mapping[str, Any]]]
    real: Sequence[RealPair]
    exchanged: Sequence[ExchangePair]


def write_script(
    subjects: Subjects, captions: Captions, others: Sequence[str], count: int, seed: int
) -> Script:
    """At most `count` cases of each kind, on drawings and on scenes.

    others: the voices of hard positives.
    """
    script = Script(count)
    if not spontaneous_voices(captions):
        return script
    for number, things in subjects.drawings.items():
        rng = np.random.default_rng([seed, number, DRAWINGS])
        facts = Facts.of(things, rng.permutation(len(things)).tolist())
        telling = Telling.draw(facts, captions, others, number, rng)
        for test, what, wrong in changes(facts, rng):
            script.add(("drawings", test, what), number, telling, wrong)
    for number, pair in enumerate(subjects.real):
        rng = np.random.default_rng([seed, number, REAL])
        if told := told_apart(pair, rng):
            telling = Telling.draw(told[0], captions, others, number, rng)
            script.add(("scenes", "wrong_words", pair["attribute"]), number, telling, told[1])
    for number, exchange in enumerate(subjects.exchanged):
        rng = np.random.default_rng([seed, number, EXCHANGED])
        facts, wrong = (
            Facts.of(things_of(exchange[one]), exchange["order"]) for one in ("scene", "edited")
        )
        telling = Telling.draw(facts, captions, others, number, rng)
        script.add(("scenes", "exchanges", exchange["kind"]), number, telling, wrong)
    return script


def read_exchanges(path: Path) -> list[ExchangePair]:
    """The pairs of scenes in which two objects exchanged one thing. Raises WordbrushError where one
    does not name its objects."""
    pairs = read_json(path, list[ExchangePair])
    for pair in pairs:
        numbers = list(range(len(pair["scene"]["objects"])))
        if sorted(pair["order"]) != numbers or len(pair["edited"]["objects"]) != len(numbers):
            raise WordbrushError(
                f"{path}: the order of a pair does not name each of its {len(numbers)} objects "
                "once. Make it again: dvc repro."
            )
    return pairs


def changes(facts: Facts, rng: np.random.Generator) -> Iterator[tuple[Composed, str, Facts]]:
    """The facts with one word wrong, of each kind, and after each exchange that is possible: test,
    kind and what is then told."""
    for name, values in ATTRIBUTES.items():
        number = int(rng.integers(len(facts.objects)))
        own = facts.objects[number]
        value = str(rng.choice([one for one in values if one not in own]))
        yield "wrong_words", name, facts.replaced(number, name, value)
    for kind in EXCHANGES:
        if pairs := facts.exchangeable(kind):
            first, second = pairs[int(rng.integers(len(pairs)))]
            yield "exchanges", kind, facts.exchanged(first, second, kind)


def told_apart(pair: RealPair, rng: np.random.Generator) -> tuple[Facts, Facts] | None:
    """What is told of a scene and of its counterfactual, in an order in which the attribute alone
    differs; None where none was found, since a change of size may move an object in the picture."""
    both = [things_of(pair[one]) for one in ("scene", "edited")]
    if len(both[0]) != len(both[1]) or pair["object"] >= len(both[0]):
        return None  # of a file that was changed by hand
    for _ in range(ORDERS):
        order = rng.permutation(len(both[0])).tolist()
        facts, other = (Facts.of(things, order) for things in both)
        number = order.index(pair["object"])
        if facts.replaced(number, pair["attribute"], pair["after"]) == other:
            return facts, other
    return None


def write_composition(folder: Path, captions: Captions, script: Script) -> None:
    """Speak the lines: composition.json (`CompositionFile`), and the features of its lines.

    Nothing is written where there are none.
    """
    if not script.cases:
        return
    lines = list(script.lines)
    features = [frames for _, _, frames in recite(lines, captions, "speaking for composition")]
    write_features(folder, features, FeatureConfig.taken_from(captions))
    told: CompositionFile = {
        "lines": [{"text": line.text, "voice": line.voice.name} for line in lines],
        "cases": script.cases,
    }
    write_json(folder / "composition.json", told)
