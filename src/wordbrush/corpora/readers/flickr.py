"""Flickr8k audio captions: five spoken captions a picture, in text files.

    wav2capt.txt          X_0.wav X.jpg #0
    wav2spk.txt           X_0.wav 12
    Flickr8k.token.txt    X.jpg#0⇥text            (may be missing)
    Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt, Flickr_8k.testImages.txt

The archives of sound, text and pictures unpack to folders of several names, so the lists and the
folders of the files are looked for.
"""

from collections.abc import Iterator
from pathlib import Path

from wordbrush.corpora.readers.lists import text_of
from wordbrush.corpora.readers.source import Source, split_of_name, utterance, walk
from wordbrush.corpora.records import Fault, Utterance

TITLE = "Flickr8k audio captions"
CAPTIONS, SPEAKERS, TEXTS = "wav2capt.txt", "wav2spk.txt", "Flickr8k.token.txt"
SPLITS = "Flickr_8k.*Images.txt"
DEPTH = 3  # folders in which lists and files are looked for
LANGUAGE = "en"


def fits(source: Source) -> bool:
    return bool(source.files(CAPTIONS, depth=DEPTH))


def read(source: Source) -> Iterator[Utterance | Fault]:
    tables: dict[str, dict[str, str]] = {}
    for name, separator in ((SPEAKERS, None), (TEXTS, "\t")):
        tables[name] = {}
        for path in source.files(name, depth=DEPTH):
            yield from _pairs(source, path, separator, tables[name])
    splits: dict[str, str] = {}
    for path in source.files(SPLITS, depth=DEPTH):
        split = split_of_name(path.name.removeprefix("Flickr_8k.").replace("Images", ""))
        yield from _pairs(source, path, None, splits, split)
    folders = tuple(Path(folder) for folder, names in walk(source.folder, DEPTH) if names)
    for path in source.files(CAPTIONS, depth=DEPTH):
        for number, parts in _lines(source, path):
            place = source.place(path, number)
            if isinstance(parts, Fault):
                yield parts
            elif len(parts) != 3:
                yield Fault(place, "bad row", f"{' '.join(parts)!r} is not X_0.wav X.jpg #0")
            else:
                wav, picture, caption = parts
                values = {
                    "id": wav.removesuffix(".wav"),
                    "speaker": tables[SPEAKERS].get(wav, ""),
                    "text": tables[TEXTS].get(picture + caption, ""),
                    "split": splits.get(picture, ""),
                    "language": source.language or LANGUAGE,
                }
                yield utterance(
                    place,
                    values,
                    source.picture(picture, *folders),
                    source.sound(wav, *folders),
                )


def _pairs(
    source: Source, path: Path, separator: str | None, into: dict[str, str], value: str = ""
) -> Iterator[Fault]:
    """Read lines `name value`, or names alone that all have this value."""
    for number, parts in _lines(source, path, separator):
        if isinstance(parts, Fault):
            yield parts
        elif len(parts) == (1 if value else 2):
            into[parts[0]] = value or parts[1]
        else:
            yield Fault(source.place(path, number), "bad row", f"{parts!r} has other parts")


def _lines(
    source: Source, path: Path, separator: str | None = None
) -> Iterator[tuple[int, list[str] | Fault]]:
    text = text_of(source, path)
    if isinstance(text, Fault):
        yield 1, text
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, [part.strip() for part in line.split(separator)]
