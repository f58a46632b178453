"""One listener: a stream of sound becomes utterances, and each of them light, words and hits."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.davenet.encoded import Encoded
from wordbrush.evaluation.interface import needed
from wordbrush.evaluation.results import Hypothesis
from wordbrush.explorer.activity import BEGIN_FRAMES, FRAME, Activity
from wordbrush.explorer.easel import Easel, examples
from wordbrush.explorer.gallery import Ear, Gallery, Lights
from wordbrush.explorer.hearing import Heard, Hearing, frame_seconds, hearing_of, nothing_heard
from wordbrush.model import Model

if TYPE_CHECKING:
    from wordbrush.search.index import Index  # needs the extra `search`

LEAD = SAMPLE_RATE // 5  # samples of the silence before an utterance (docs/log.md, entry 54)
LONGEST_SECONDS = 30.0  # of an utterance; then the next begins
RANKED_SECONDS = 0.4  # from one ranking to the next, of sound
HITS = 24  # of a ranking that are sent
EXAMPLES = 6  # pictures of a concept

Message = dict[str, Any]


@dataclass(frozen=True)
class Studio:
    """What all listeners share. index: what is searched, if that is not the gallery, whose pictures
    are then the first of the index."""

    model: Model
    gallery: Gallery
    lights: Lights
    ear: Ear
    easel: Easel | None
    concepts: list[Message]
    index: "Index | None" = None

    @classmethod
    def of(
        cls,
        model: Model,
        drawings: Gallery | None,
        seed: int,
        own: Gallery | None = None,
        index: "Index | None" = None,
    ) -> "Studio":
        """drawings: of the seed, which people edit; None: the model does not draw. own: what is lit
        and searched instead. One of both is there. index: searched in place of the gallery."""
        gallery, ear = needed(own or drawings), Ear(model)
        table = concept_table(model, gallery, ear)
        easel = Easel(model, seed, drawings.features) if drawings else None
        return cls(model, gallery, Lights(gallery), ear, easel, table, index)

    @property
    def frame_seconds(self) -> float:
        return frame_seconds(self.model.encoders, self.model.config.features)

    def light(self, pictures: Sequence[int], first: int, speech: Tensor) -> Message:
        """Light and words of the frames first, first + 1, … of speech [D, t].

        maps: uint8 [pictures, t, cells] in base64.
        """
        maps = self.lights.of(pictures, speech)
        words = self.ear.words_of(first, speech)
        return {
            "first": first,
            "frames": speech.shape[1],
            "pictures": list(pictures),
            "maps": packed(maps),
            "words": [[one.frame, one.word, one.strength] for one in words],
        }

    def hits(self, heard: Encoded, language: str | None = None) -> Message:
        """The pictures that fit one utterance best, each with the most light of its cells.

        maps: uint8 [hits, cells] in base64. searched: how many pictures were compared. An index
        compares words alone, without their context.
        """
        speech = heard.features[0]
        if self.index is None:
            scores = self.model.fit(self.gallery.seen, heard, language)
            order = scores.argsort(descending=True, stable=True)[:HITS].tolist()
            features = self.gallery.features[order]
        else:
            found = self.index.find(speech, HITS)
            order, features = found.numbers, found.features
        maps = self.lights.on(features, speech).max(1)
        return {"hits": order, "maps": packed(maps), "searched": self.searched}

    @property
    def searched(self) -> int:
        """How many pictures Find compares."""
        return len(self.gallery if self.index is None else self.index)


def concept_table(model: Model, gallery: Gallery, ear: Ear) -> list[Message]:
    """What the page shows of each concept: the words that it hears and sees, its units, the
    generator's units with their agreement (IoU), and pictures with the middle of its cell."""
    members = model.concepts.members.cpu()
    return [
        {
            "word": ear.names[number][0],
            "heard": labelled(meaning["heard"]),
            "seen": labelled(meaning["seen"]),
            "units": members[number].nonzero().flatten().tolist(),
            "ganUnits": meaning["gan_units"],
            "agreement": meaning["agreement"],
            "pictures": [[one["sample"], one["y"], one["x"]] for one in pictures],
        }
        for number, (meaning, pictures) in enumerate(
            zip(model.meanings, examples(gallery.features, model, EXAMPLES), strict=True)
        )
    ]


def labelled(meant: Hypothesis | None) -> list[Any] | None:
    """A label and its F1; None where nobody knows it."""
    return None if meant is None else [meant["label"], meant["f1"]]


def packed(maps: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(maps).tobytes()).decode()


class Listener:
    """Sound goes in as it comes, and messages for the page come out.

    view: the numbers of the pictures in view. finding: whether hits are wanted. language: of the
    next utterance; None: the first of the model.
    """

    def __init__(self, studio: Studio):
        self.studio = studio
        self.view: list[int] = []
        self.finding = False
        self.language: str | None = None
        self.activity = Activity()
        self.before = np.zeros(0, np.float32)  # the sound right before an utterance
        self.utterance = 0
        self.heard_samples = 0
        self._reset()

    def _reset(self) -> None:
        self.hearing: Hearing | None = None
        self.length = self.ranked = 0  # samples of the utterance; those at the last ranking
        self.heard = nothing_heard(self.studio.model.encoders.audio_of(self.language))

    def push(self, sound: np.ndarray) -> Iterator[Message]:
        """The next samples float32 [S]: what there is to show."""
        self.heard_samples += len(sound)
        speaking = self.activity.push(sound)
        if self.hearing is None:
            self.before = np.concatenate([self.before, sound])
            if not speaking:
                self.before = self.before[-LEAD - (BEGIN_FRAMES + 1) * FRAME :]
                yield self._quiet()
                return
            model = self.studio.model
            self.hearing = hearing_of(model.encoders, model.config.features, self.language)
            self.utterance += 1
            # from a moment that does not depend on the pieces in which the sound came
            sound = self.before[-LEAD - self.activity.elapsed :]
            self.before = np.zeros(0, np.float32)
        self.length += len(sound)
        yield self._light(sound)
        if not speaking or self.length > LONGEST_SECONDS * SAMPLE_RATE:
            yield from self.end()
        elif self.finding and self.length - self.ranked > RANKED_SECONDS * SAMPLE_RATE:
            self.ranked = self.length
            yield self._hits(final=False)

    def end(self) -> Iterator[Message]:
        """The utterance is over, or the microphone was closed."""
        if self.hearing is None:
            return
        yield self._light(None)
        yield self._hits(final=True)
        answers = self.studio.ear.answers(self.spoken.features)
        yield {"type": "end", "utterance": self.utterance, "answers": answers}
        self._reset()

    def _light(self, sound: np.ndarray | None) -> Message:
        assert self.hearing is not None
        heard = self.hearing.finish() if sound is None else self.hearing.push(sound)
        self.heard = self.heard.replaced_by(heard)
        light = self.studio.light(self.view, heard.first, heard.features)
        light["words"] = [one for one in light["words"] if one[0] < self._spoken_frames()]
        return {"type": "light", "utterance": self.utterance, **self._state(), **light}

    def _hits(self, final: bool) -> Message:
        hits = self.studio.hits(self.spoken.encoded, self.language)
        return {"type": "hits", "utterance": self.utterance, "final": final, **hits}

    @property
    def spoken(self) -> Heard:
        """What was heard up to the end of the speech."""
        return self.heard.frames(0, self._spoken_frames())

    def _spoken_frames(self) -> int:
        """Frames up to the end of the speech: the pause that ends an utterance is like floors, and
        concepts hear words in it."""
        seconds = (self.length - self.activity.quiet * FRAME) / SAMPLE_RATE
        return max(1, ceil(seconds / self.studio.frame_seconds))

    def _quiet(self) -> Message:
        return {"type": "quiet", **self._state()}

    def _state(self) -> Message:
        """samples: of the stream so far, by which the page tells how late light is. level: dB."""
        return {"samples": self.heard_samples, "level": round(self.activity.level, 1)}
