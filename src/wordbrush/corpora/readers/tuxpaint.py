"""The stamps of Tux Paint (Debian's `tuxpaint-stamps-default`, GPL-2): pictures that volunteers
describe in their languages.

    NAME.png or NAME.svg
    NAME.txt                           its description in English; then `fr.utf8=…` and so on
    NAME_desc.ogg, NAME_desc_fr.ogg    the description, spoken in English, in French
    NAME.ogg or NAME.wav               the sound of the thing itself

Who speaks is not written down, so there is one speaker for each language. Sounds of things have the
language `zxx`, which is BCP 47's word for what is no language.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from wordbrush.corpora.readers.lists import text_of
from wordbrush.corpora.readers.source import Source, utterance, walk
from wordbrush.corpora.records import Fault, Utterance

TITLE = "stamps of Tux Paint"
DEPTH = 12
SPOKEN = re.compile(r"(?P<stem>.+)_desc(_(?P<language>[a-z]{2,3}(_[A-Z]{2})?))?")
SOUNDS = (".ogg", ".wav")
FIRST = "en"  # the language of names and texts that name none
NO_LANGUAGE = "zxx"


def fits(source: Source) -> bool:
    return source.given.is_dir() and any(
        name.endswith(SOUNDS) and SPOKEN.fullmatch(name.rpartition(".")[0])
        for _, names in walk(source.folder, DEPTH)
        for name in names
    )


def read(source: Source) -> Iterator[Utterance | Fault]:
    for path, names in walk(source.folder, DEPTH):
        folder, there = Path(path), set(names)
        texts: dict[str, str] = {}
        described = ""
        for name in names:
            if not name.endswith(SOUNDS):
                continue
            stem, language = _description(name.rpartition(".")[0])
            if stem != described:
                described, texts = stem, {}
                if f"{stem}.txt" in there:
                    found = _texts(source, folder / f"{stem}.txt")
                    if isinstance(found, Fault):
                        yield found
                    else:
                        texts = found
            yield _utterance(source, folder, stem, name, language, there, texts)


def _description(name: str) -> tuple[str, str]:
    """Of which stamp, and in which language."""
    match = SPOKEN.fullmatch(name)
    return (match["stem"], match["language"] or FIRST) if match else (name, NO_LANGUAGE)


def _utterance(
    source: Source,
    folder: Path,
    stem: str,
    name: str,
    language: str,
    there: set[str],
    texts: dict[str, str],
) -> Utterance | Fault:
    place = source.place(folder / name)
    # Tux Paint itself prefers drawings that it can scale.
    picture = next((stem + end for end in (".svg", ".png") if stem + end in there), None)
    values = {
        "id": place.file.rpartition(".")[0],
        "language": language,
        "speaker": f"tuxpaint-{language}" if language != NO_LANGUAGE else "",
        "text": texts.get(language, ""),
    }
    return utterance(
        place,
        values,
        source.picture(picture, folder) if picture else None,
        source.sound(name, folder),
    )


def _texts(source: Source, path: Path) -> dict[str, str] | Fault:
    """The descriptions by language."""
    text = text_of(source, path)
    if isinstance(text, Fault):
        return Fault(text.place, "no text", text.detail, lost=False)
    first, _, rest = text.partition("\n")
    pairs = (line.partition(".utf8=") for line in rest.splitlines() if ".utf8=" in line)
    others = {language.strip(): said.strip() for language, _, said in pairs}
    return {FIRST: first.strip(), **others}
