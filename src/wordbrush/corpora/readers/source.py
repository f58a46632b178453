"""Where a reader reads: the folder, what of it, and how rows become utterances."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from pathlib import Path, PurePath
from typing import Any

from wordbrush.corpora.media import NamedFile
from wordbrush.corpora.pictures import TYPES as PICTURE_TYPES
from wordbrush.corpora.records import Fault, Media, Place, Utterance, Word, pack
from wordbrush.errors import WordbrushError, refusal

# What people call the columns of their tables, the usual name first.
ALIASES = {
    "id": ("id", "uttid", "utt_id", "utterance_id", "utterance", "key"),
    "picture": ("picture", "image", "image_file_name", "picture_file_name", "image_path", "photo"),
    "sound": (
        "speech",
        "sound",
        "audio",
        "recording",
        "wav",
        "audio_file_name",
        "audio_path",
        "path",
    ),
    "speaker": ("speaker", "speaker_id", "spk", "client_id", "worker"),
    "language": ("language", "locale", "lang"),
    "split": ("split", "subset"),
    "text": ("text", "sentence", "caption", "transcription", "transcript", "raw", "asr_text"),
    "words": ("words", "text_alignment", "alignment"),
}
NO_TEXT = ("Cc", "Cs")  # Unicode's categories of control characters and halves of others
EITHER = "file_name"  # of Hugging Face's folders: a sound or a picture, as its suffix says
SPLITS = {  # the splits of sources, by the word with which their names begin
    "train": "train",
    "training": "train",
    "restval": "train",  # Karpathy: pictures of COCO's validation that training may use
    "dev": "validation",
    "development": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Source:
    """What `wordbrush data` is given.

    given: a folder, or one list in it. pictures, sounds: further folders in which named files are
    looked for. lists: which lists of a folder are read, as a pattern such as *_2020.json.
    language: of rows that name none.
    """

    given: Path
    pictures: Path | None = None
    sounds: Path | None = None
    lists: str = "*"
    language: str = ""

    @cached_property
    def folder(self) -> Path:
        return self.given if self.given.is_dir() else self.given.parent

    @cached_property
    def inside(self) -> tuple[Path, ...]:
        """The folders that no name and no link may leave."""
        return (self.folder, *(one for one in (self.pictures, self.sounds) if one is not None))

    def files(self, *patterns: str, depth: int = 1) -> list[Path]:
        """The files with such names, at most so many folders down, in the order of their names."""
        if self.given.is_file():
            named = any(fnmatch(self.given.name, pattern) for pattern in patterns)
            return [self.given] if named else []
        found = (
            Path(folder) / name
            for folder, names in walk(self.folder, depth)
            for name in names
            if any(fnmatch(name, pattern) for pattern in patterns) and fnmatch(name, self.lists)
        )
        return sorted(path for path in found if path.is_file())  # a pipe would wait

    def place(self, path: Path, line: int | None = None, entry: int | None = None) -> Place:
        return Place(_relative(path, self.folder), line, entry)

    def picture(self, name: str, *folders: Path) -> NamedFile:
        """A picture of this name, in the folder that was given for pictures, or in these."""
        given = () if self.pictures is None else (self.pictures,)
        return NamedFile(name, (*given, *folders), self.inside)

    def sound(self, name: str, *folders: Path) -> NamedFile:
        """As `picture`."""
        given = () if self.sounds is None else (self.sounds,)
        return NamedFile(name, (*given, *folders), self.inside)


@lru_cache(maxsize=64)  # of the list that is read
def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def walk(folder: Path, depth: int) -> Iterator[tuple[str, list[str]]]:
    """Folders and the names of their files, at most `depth` down; links to folders are left.

    Raises WordbrushError where a folder cannot be read.
    """
    for path, folders, names in os.walk(folder, onerror=_refuse):
        below = PurePath(os.path.relpath(path, folder)).parts
        if len(below) >= depth:
            folders.clear()
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        yield path, sorted(name for name in names if not name.startswith("."))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise WordbrushError(f"{refusal(error)}.") from None


def split_of_name(name: str) -> str:
    """The split that the name of a list or folder says, as written: of dev_seen_2020.json dev_seen.

    Empty where it says none.
    """
    parts = PurePath(name).stem.replace("-", "_").replace(".", "_").split("_")
    for number, part in enumerate(parts):
        if known_split(part):
            words = [one for one in parts[number:] if one.isalpha() and one not in ("of", "shard")]
            return "_".join(words[:2] if words[1:2] in (["seen"], ["unseen"]) else words[:1])
    return ""


def known_split(name: str) -> str:
    """train, validation or test, for what a source calls its split; empty for anything else."""
    word = re.match("[a-z]*", name.strip().lower())
    return SPLITS.get(word.group(), "") if word else ""


def fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row of a table by what they mean; columns of other names are left out."""
    named = {str(name).strip().lower(): value for name, value in row.items() if name is not None}
    found = {
        field: next(named[alias] for alias in aliases if alias in named)
        for field, aliases in ALIASES.items()
        if any(alias in named for alias in aliases)
    }
    if EITHER in named:
        is_picture = PurePath(str(named[EITHER])).suffix.lower() in PICTURE_TYPES
        found.setdefault("picture" if is_picture else "sound", named[EITHER])
    return found


def as_text(value: Any) -> str:
    """The text of a cell: of missing values it is empty, and of numbers their digits."""
    if value is None or isinstance(value, list | dict):
        return ""
    text = str(value).strip()
    if text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character


def utterance(
    place: Place, values: Mapping[str, Any], picture: Media | None, sound: Media | None
) -> Utterance | Fault:
    """Of the values of `fields`, with the picture and sound that they name.

    Without an id, an utterance is called after its sound.
    """
    if picture is None or sound is None:
        which = "picture" if picture is None else "sound"
        return Fault(place, f"no {which} named", f"the row has no {which}")
    name = as_text(values.get("id")) or sound.name
    if any(unicodedata.category(sign) in NO_TEXT for sign in name):
        return Fault(place, "bad id", f"{name!r} has characters of no text")
    try:
        words = pack(timed_words(values.get("words")))
    except ValueError as error:
        return Fault(place, "bad word times", f"{name!r}: {error}")
    return Utterance(
        place,
        name,
        picture,
        sound,
        speaker=as_text(values.get("speaker")),
        language=as_text(values.get("language")),
        split=as_text(values.get("split")),
        text=as_text(values.get("text")),
        words=words,
    )


def timed_words(value: Any) -> list[Word]:
    """Words with their times: a list, or the text `start__word__end start__word__end …` of Places.

    Raises ValueError where a time is no number, or a word ends before it begins.
    """
    if not value:
        return []
    if isinstance(value, str):
        words = [_aligned(part) for part in value.split()]
    elif isinstance(value, Sequence) and all(isinstance(one, Mapping) for one in value):
        words = [_word(one.get("word"), one.get("start"), one.get("end")) for one in value]
    else:
        raise ValueError("word times must be a list of word, start and end")
    return words


def _aligned(part: str) -> Word:
    pieces = part.split("__")
    if len(pieces) != 3:
        raise ValueError(f"{part!r} is not start__word__end")
    return _word(pieces[1], pieces[0], pieces[2])


def _word(word: Any, start: Any, end: Any) -> Word:
    try:
        times = float(start), float(end)
    except (TypeError, ValueError):
        raise ValueError(f"the times {start!r} and {end!r} of {word!r} are no numbers") from None
    if not 0 <= times[0] <= times[1] < float("inf"):
        raise ValueError(f"{word!r} is said to last from {start} to {end} s")
    return {"word": as_text(word), "start": times[0], "end": times[1]}
