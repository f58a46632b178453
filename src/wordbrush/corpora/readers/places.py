"""Places audio captions, plain and aligned: JSON lists, one caption a picture.

    {"image_base_path": …, "audio_base_path": …,
     "data": [{"uttid", "speaker", "asr_text", "wav", "image"}, …]}

The aligned lists add `text_alignment`, words as `start__word__end`. The splits are those of the
lists' names: train.json, val.json; of 2020 also dev_seen, dev_unseen, test_seen and test_unseen.
"""

from collections.abc import Iterator

from wordbrush.corpora.readers.nested import JsonList, json_lists
from wordbrush.corpora.readers.source import Source, as_text, fields, utterance
from wordbrush.corpora.records import Fault, Utterance

TITLE = "Places audio captions"


def fits(source: Source) -> bool:
    return any(_is_places(found) for found in json_lists(source) if isinstance(found, JsonList))


def _is_places(found: JsonList) -> bool:
    return found.key == "data" and "wav" in found.first and "image" in found.first


def read(source: Source) -> Iterator[Utterance | Fault]:
    for found in json_lists(source):
        if isinstance(found, Fault):
            yield found
        elif _is_places(found):
            yield from _captions(source, found)


def _captions(source: Source, found: JsonList) -> Iterator[Utterance | Fault]:
    pictures = found.folders(source, "image_base_path")
    sounds = found.folders(source, "audio_base_path")
    for row in found.rows(source):
        if isinstance(row, Fault):
            yield row
            continue
        values = {"split": found.split, "language": source.language} | fields(row.value)
        picture, sound = as_text(values.get("picture")), as_text(row.value.get("wav"))
        yield utterance(
            source.place(found.path, row.line, row.entry),
            values,
            source.picture(picture, *pictures) if picture else None,
            source.sound(sound, *sounds) if sound else None,
        )
