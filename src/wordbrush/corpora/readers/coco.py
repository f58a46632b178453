"""SpokenCOCO, and Karpathy's nested lists with recordings: several captions a picture, in JSON.

    {"data": [{"image": "val2014/….jpg", "captions": [{"text", "speaker", "uttid", "wav"}, …]}, …]}
    {"images": [{"filepath": "val2014", "filename": "….jpg", "split": "restval",
                 "sentences": [{"raw", "sentid", "wav", "speaker"}, …]}, …]}

Karpathy's lists name the split of each picture; those of SpokenCOCO have it in their own names.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wordbrush.corpora.readers.lists import Row
from wordbrush.corpora.readers.nested import JsonList, json_lists
from wordbrush.corpora.readers.source import Source, as_text, fields, utterance
from wordbrush.corpora.records import Fault, Utterance

TITLE = "SpokenCOCO, or Karpathy's nested lists"
CAPTIONS = ("captions", "sentences")


def fits(source: Source) -> bool:
    return any(_is_nested(found) for found in json_lists(source) if isinstance(found, JsonList))


def _is_nested(found: JsonList) -> bool:
    return found.key in ("data", "images") and not found.first.isdisjoint(CAPTIONS)


def read(source: Source) -> Iterator[Utterance | Fault]:
    for found in json_lists(source):
        if isinstance(found, Fault):
            yield found
        elif _is_nested(found):
            folders = found.folders(source, "image_base_path")
            spoken = found.folders(source, "audio_base_path")
            for row in found.rows(source):
                if isinstance(row, Fault):
                    yield row
                else:
                    yield from _of_picture(source, found, row, folders, spoken)


def _of_picture(
    source: Source,
    found: JsonList,
    row: Row,
    folders: tuple[Path, ...],
    spoken: tuple[Path, ...],
) -> Iterator[Utterance | Fault]:
    place, entry = source.place(found.path, row.line, row.entry), row.value
    captions = next((entry[key] for key in CAPTIONS if key in entry), None)
    if not isinstance(captions, list) or not captions:
        yield Fault(place, "no captions", f"{_picture_name(entry)!r} has none")
        return
    name = _picture_name(entry)
    picture = source.picture(name, *folders) if name else None
    outer = {"split": as_text(entry.get("split")) or found.split, "language": source.language}
    for caption in captions:
        if not isinstance(caption, dict):
            yield Fault(place, "bad row", f"a caption of {name!r} is no JSON object")
            continue
        values = outer | fields(caption)
        values.setdefault("id", caption.get("sentid"))
        sound = as_text(values.get("sound"))
        yield utterance(place, values, picture, source.sound(sound, *spoken) if sound else None)


def _picture_name(entry: Mapping[str, Any]) -> str:
    if "filename" in entry:
        folder, name = as_text(entry.get("filepath")), as_text(entry["filename"])
        return f"{folder}/{name}" if folder and name else name
    return as_text(entry.get("image"))
