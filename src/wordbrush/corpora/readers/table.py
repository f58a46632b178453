"""All readers, in the order in which a source is shown to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wordbrush.corpora.readers import coco, flickr, folder, huggingface, places, tuxpaint
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.records import Fault, Utterance
from wordbrush.errors import WordbrushError, shown


@dataclass(frozen=True)
class Reader:
    """fits: whether a source looks like one of this form. read: its rows."""

    name: str
    title: str
    fits: Callable[[Source], bool]
    read: Callable[[Source], Iterator[Utterance | Fault]]


READERS = {
    reader.name: reader
    for reader in (
        Reader("flickr8k", flickr.TITLE, flickr.fits, flickr.read),
        Reader("places", places.TITLE, places.fits, places.read),
        Reader("coco", coco.TITLE, coco.fits, coco.read),
        Reader("huggingface", huggingface.TITLE, huggingface.fits, huggingface.read),
        Reader("folder", folder.TITLE, folder.fits, folder.read),
        Reader("tuxpaint", tuxpaint.TITLE, tuxpaint.fits, tuxpaint.read),
    )
}


def reader_of(source: Source, name: str | None) -> Reader:
    """The reader of this name, or the first that a source fits.

    Raises WordbrushError where there is no such source, or none fits.
    """
    if not source.given.exists():
        raise WordbrushError(f"{shown(str(source.given))} is missing: correct its name.")
    if name is not None:
        return READERS[name]
    for reader in READERS.values():
        if reader.fits(source):
            return reader
    forms = "; ".join(f"{reader.title} ({reader.name})" for reader in READERS.values())
    raise WordbrushError(
        f"{shown(str(source.given))} is no source that can be read. Bring one of these: {forms}."
    )
