"""Before hours of speaking: every voice of another engine than espeak-ng says each word once.

It speaks a few of its own lines, which together have all of its words. So an engine that reads
letters, stops early or crashes at a word is found within minutes. What was said is kept, and not
said again.
"""

from collections.abc import Iterable

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.lines import Line
from wordbrush.captions.recital import recite
from wordbrush.params import ESPEAK, Captions, engine_of_voice


def rehearse(lines: Iterable[Line], captions: Captions) -> None:
    """Speak the lines that `with_new_words` chooses.

    Raises WordbrushError for the first one that cannot be spoken.
    """
    chosen = with_new_words(lines)
    if chosen:
        for _ in recite(chosen, captions, "trying words"):
            pass


def with_new_words(lines: Iterable[Line]) -> list[Line]:
    """Those in which a voice of another engine says a word, alone or in a sentence, that it did not
    say before."""
    known: set[tuple[str, str, bool]] = set()
    chosen = []
    for line in lines:
        if engine_of_voice(line.voice.name) == ESPEAK:
            continue
        words = line.text.casefold().replace(PAUSE, "").split()
        said = {(line.voice.name, word, len(words) == 1) for word in words}
        if not said <= known:
            known |= said
            chosen.append(line)
    return chosen
