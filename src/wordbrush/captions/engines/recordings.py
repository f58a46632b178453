"""What people have recorded, as an engine: each speaker is a voice, such as recordings/anna.

A folder holds the sounds and a manifest, which is either `manifest.jsonl`, with an object a line,

    {"text": "a red cube", "speaker": "anna", "path": "anna/001.wav", "words": [...]}

or `manifest.csv`, with the columns text, speaker and path. `words` may be left out; if it is there,
each word of the text has `word`, `start` and `end` in seconds. Paths begin at the folder. In texts,
case and punctuation do not count.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.audio.inputs import logged, prepare
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.engines.interface import Spoken
from wordbrush.captions.engines.wheels import Part
from wordbrush.errors import WordbrushError
from wordbrush.params import RECORDINGS
from wordbrush.process import variable
from wordbrush.storage.files import read_text
from wordbrush.storage.validation import Finite, validated, validated_json

VARIABLE = "WORDBRUSH_RECORDINGS"
MANIFESTS = ("manifest.jsonl", "manifest.csv")
COLUMNS = ("text", "speaker", "path")
SHOWN = 3  # texts that a message names
LATE = 0.1  # seconds that the last word may end after its sound, by rounding
REMEDY = "Correct that line."


class TimedWord(TypedDict):
    """A word, and when it is said, in seconds."""

    word: str
    start: Annotated[Finite, Field(ge=0)]
    end: Finite


class Entry(TypedDict):
    """A line of the manifest."""

    text: str
    speaker: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
    path: str
    words: NotRequired[list[TimedWord]]


@dataclass(frozen=True)
class Recording:
    """A sound file, and where the words lie in it, if that is known."""

    path: Path
    words: list[dict] | None


class Recordings:
    """The recordings of the folder that WORDBRUSH_RECORDINGS names, at their own rate and pitch."""

    name = RECORDINGS
    package = f"captions.recordings in params.yaml, or {VARIABLE}, names the folder with them"

    def __init__(self) -> None:
        folder = variable(VARIABLE)
        if not folder:
            raise WordbrushError(f"no recordings are named: {self.package}.")
        self.folder = Path(folder)
        self.manifest = manifest_of(self.folder)

    @cached_property
    def known(self) -> dict[str, dict[str, Recording]]:
        """The recordings of each speaker, by their normalised text."""
        return read_manifest(self.manifest)

    def voices(self) -> tuple[str, ...]:
        return tuple(self.known)

    def version(self, voice: str) -> str:
        """The manifest's entries, with the size and time stamp of each file: files may be large."""
        told = [
            (text, str(one.path), one.words, (stat := one.path.stat()).st_size, stat.st_mtime_ns)
            for text, one in self.known[voice].items()
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def parts(self, voice: str) -> tuple[Part, ...]:
        return ()

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        """The recording of this text, as it is: tempo and pitch change nothing."""
        recording = self.known[voice].get(normalised(text))
        if recording is None:
            raise self.unrecorded(voice, [text], 1)
        try:
            prepared = logged(prepare(recording.path))
        except WordbrushError as error:
            raise WordbrushError(f"{recording.path}: {error}") from None
        sound, words = prepared.sound, recording.words
        before, after = prepared.changes.cleaning.cut
        seconds = before + len(sound) / SAMPLE_RATE + after
        if words and words[-1]["end"] > seconds + LATE:
            raise WordbrushError(
                f"{self.manifest}: {recording.path} lasts {seconds:.2f} seconds, but its last word "
                f"ends after {words[-1]['end']:.2f}: correct the times."
            )
        return Spoken(sound, SAMPLE_RATE, words and [_earlier(word, before) for word in words])

    def require(self, voice: str, texts: Iterable[str]) -> None:
        """Raises WordbrushError, with some of what is missing, where a text was not recorded."""
        wanted = list(dict.fromkeys(texts))
        missing = [text for text in wanted if normalised(text) not in self.known[voice]]
        if missing:
            raise self.unrecorded(voice, missing, len(wanted))

    def unrecorded(self, voice: str, missing: list[str], wanted: int) -> WordbrushError:
        some = ", ".join(f"{text!r:.80}" for text in missing[:SHOWN])
        return WordbrushError(
            f"{RECORDINGS}/{voice} has no recording of {len(missing)} of {wanted} text(s), such as "
            f"{some}: record them, and name them in {self.manifest}."
        )


def _earlier(word: dict, seconds: float) -> dict:
    """The word, timed from a later beginning of its sound."""
    return word | {"start": word["start"] - seconds, "end": word["end"] - seconds}


def normalised(text: str) -> str:
    """Words in lower case, without punctuation: 'A red cube.' -> 'a red cube'."""
    return " ".join(re.findall(r"[\w'-]+", text.casefold().replace("\u2019", "'")))


def manifest_of(folder: Path) -> Path:
    """The manifest in a folder. Raises WordbrushError where there is none, or both kinds are."""
    found = [folder / name for name in MANIFESTS if (folder / name).is_file()]
    if len(found) != 1:
        raise WordbrushError(
            f"{folder} must hold one of {' and '.join(MANIFESTS)}, and holds "
            f"{'both' if found else 'neither'}: see docs/speech.md."
        )
    return found[0]


def read_manifest(manifest: Path) -> dict[str, dict[str, Recording]]:
    """The recordings of each speaker, by their normalised text.

    Raises WordbrushError, which names the line, for one that cannot be used: a text without words
    or recorded twice by a speaker, a file that is missing or outside the folder, times that do not
    fit the text.
    """
    known: dict[str, dict[str, Recording]] = {}
    root = manifest.parent.resolve()
    for line, entry in entries(manifest):
        origin = f"{manifest}, line {line}"
        text, spoken = normalised(entry["text"]), known.setdefault(entry["speaker"], {})
        if not text:
            raise WordbrushError(f"{origin}: the text {entry['text']!r:.60} has no word.")
        if text in spoken:
            raise WordbrushError(
                f"{origin}: {entry['speaker']} has recorded {text!r:.60} before: keep one."
            )
        words = checked_words(entry, text, origin) if "words" in entry else None
        spoken[text] = Recording(inside(root, entry["path"], origin), words)
    if not known:
        raise WordbrushError(f"{manifest} names no recording.")
    return known


def entries(manifest: Path) -> Iterator[tuple[int, Entry]]:
    """The lines that are not empty, checked, with their numbers from 1."""
    content = read_text(manifest, "It names recordings: see docs/speech.md.")
    if manifest.suffix == ".csv":
        yield from csv_entries(content, manifest)
        return
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            yield number, validated_json(Entry, line.encode(), f"{manifest}, line {number}", REMEDY)


def csv_entries(content: str, manifest: Path) -> Iterator[tuple[int, Entry]]:
    """The rows of a CSV file with commas or, as some spreadsheets write it, semicolons."""
    lines = content.splitlines()
    separator = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","
    rows = csv.DictReader(lines, delimiter=separator)
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise WordbrushError(f"{manifest} lacks the column(s) {', '.join(missing)}.")
    for row in rows:
        cells: dict[str, Any] = {name: row[name] for name in COLUMNS}
        yield rows.line_num, validated(Entry, cells, f"{manifest}, line {rows.line_num}")


def checked_words(entry: Entry, text: str, origin: str) -> list[dict]:
    """The words with their times. Raises WordbrushError where they are not those of the text, or
    not one after another."""
    words = entry.get("words", [])
    spelled = text.split()
    if [normalised(word["word"]) for word in words] != spelled:
        raise WordbrushError(f"{origin}: the words are not those of the text {text!r:.60}.")
    before = 0.0
    for word in words:
        if not before <= word["start"] <= word["end"]:
            raise WordbrushError(
                f"{origin}: {word['word']!r} lasts from {word['start']:g} to {word['end']:g} "
                f"seconds, and the word before it ends at {before:g}: correct the times."
            )
        before = word["end"]
    return [
        {"word": spelling, "start": word["start"], "end": word["end"]}
        for spelling, word in zip(spelled, words, strict=True)
    ]


def inside(root: Path, name: str, origin: str) -> Path:
    """A file in a folder. Raises WordbrushError where it is missing, or the name leads outside."""
    try:
        path = (root / name).resolve()
        there = path.is_file()
    except (OSError, ValueError) as error:  # a loop of links, a null character
        raise WordbrushError(f"{origin}: {name!r:.80} is no path ({error}).") from None
    if not path.is_relative_to(root):
        raise WordbrushError(
            f"{origin}: {name!r:.80} leads out of the folder {root}: put the sound there."
        )
    if not there:
        raise WordbrushError(f"{origin}: {path} is missing.")
    return path
