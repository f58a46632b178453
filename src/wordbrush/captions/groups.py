"""What groups of voices say for evaluation: the words of the semantic test, and whole captions.

The groups are those of params.GROUPS. Every engine of a group says the same captions, each by one
of its voices in turn, so engines can be compared. `validation` has captions of validation pictures,
by which choices may be made; the others have those of test pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.lines import Line, usual_voice
from wordbrush.captions.recital import recite, row
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.captions.words import spoken_words, word_lines, write_words
from wordbrush.data.recordings import GROUP_SCHEMA, write_shards
from wordbrush.data.speech import write_features
from wordbrush.params import Captions, engine_of_voice
from wordbrush.storage.files import whole_directory


@dataclass(frozen=True)
class Part:
    """What one engine says in a group.

    split: of the pictures, `validation` or `test`. pictures: the number of each caption's picture.
    """

    group: str
    engine: str
    voices: list[str]
    split: str
    pictures: list[int]
    lines: list[Line]


def group_parts(captions: Captions, texts: Sequence[str], splits: Sequence[str]) -> Iterator[Part]:
    """The parts of every group; none where the parameters name no voice of another engine.

    texts, splits: of the caption of each picture, in their order.
    """
    for group, voices in captions.groups.items():
        split = "validation" if group == "validation" else "test"
        pictures = [number for number, one in enumerate(splits) if one == split]
        pictures = pictures[: captions.captions_per_engine]
        for engine in dict.fromkeys(map(engine_of_voice, voices)):
            own = [voice for voice in voices if engine_of_voice(voice) == engine]
            lines = [
                Line(texts[picture], usual_voice(own[turn % len(own)], captions))
                for turn, picture in enumerate(pictures)
            ]
            yield Part(group, engine, own, split, pictures, lines)


def write_part(folder: Path, part: Part, captions: Captions, vocabulary: Vocabulary) -> None:
    """Speak words/ and captions/, each with its features, into `folder`."""
    name = f"{part.group.replace('_', '-')} voices of {part.engine}"
    write_words(folder / "words", captions, part.voices, vocabulary, f"speaking words, {name}")
    recited = list(recite(part.lines, captions, f"speaking captions, {name}"))
    rows = [
        {
            **row(number, part.split, line, sound, words),
            "image": picture,
            "group": part.group,
        }
        for number, (picture, line, (sound, words, _)) in enumerate(
            zip(part.pictures, part.lines, recited, strict=True)
        )
    ]
    features = [frames for _, _, frames in recited]
    with whole_directory(folder / "captions") as whole:
        write_features(whole / "features", features, FeatureConfig.taken_from(captions))
        write_shards(whole, rows, captions.rows_per_shard, GROUP_SCHEMA)


def said_in(parts: Sequence[Part], vocabulary: Vocabulary, captions: Captions) -> Iterator[Line]:
    """All that is going to be said."""
    for part in parts:
        yield from word_lines(spoken_words(vocabulary, part.voices), captions)
        yield from part.lines
