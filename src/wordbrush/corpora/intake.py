"""`wordbrush data`: a source is checked, what was found is said, and it becomes a collection."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wordbrush.corpora import summary
from wordbrush.corpora.checking import Checked, check
from wordbrush.corpora.division import Division
from wordbrush.corpora.importing import import_collection
from wordbrush.corpora.journal import journal
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.readers.table import Reader, reader_of
from wordbrush.errors import Stopped, WordbrushError, shown
from wordbrush.storage.files import require_new
from wordbrush.storage.locks import one_at_a_time


@dataclass(frozen=True)
class Settings:
    """What is imported, and how.

    reader: by name, or None for the first that fits. longest: seconds of an utterance. languages:
    the only ones that are imported, or all if none is named.
    """

    reader: str | None
    look: Look
    longest: float
    division: Division
    languages: Sequence[str]


def take_in(
    source: Source, target: Path, settings: Settings, only_check: bool, strict: bool
) -> None:
    """Check a source, print what it holds, write its faults beside the target, and import it.

    strict: any fault is an error, before anything is imported.
    Raises WordbrushError: there is no such source, nothing in it can be used, the target exists, or
    there are faults and `strict` is set.
    """
    settings.look.colour()
    _ = settings.division.shares
    if settings.longest <= 0:
        raise WordbrushError(f"--longest {settings.longest:g} allows no sound: give seconds.")
    if not only_check:
        require_new(target)
    reader = reader_of(source, settings.reader)
    work = target.parent / f".{target.name}.import"
    print(f"{shown(str(source.given))}: {reader.title}")
    try:
        with one_at_a_time(work):
            checked = _check(source, reader, settings, work)
            _report(checked, target, strict)
            if not only_check:
                import_collection(
                    checked, reader.name, settings.look, settings.longest, target, work
                )
    except Stopped as stop:
        raise Stopped(f"{stop.reason.partition(';')[0]}; called again, it resumes") from None
    if not only_check:
        print(f"{shown(str(target))} holds the collection.")


def _check(source: Source, reader: Reader, settings: Settings, work: Path) -> Checked:
    with journal(work, settings.look, settings.longest) as kept:
        return check(
            reader.read(source),
            settings.look,
            settings.longest,
            settings.division,
            settings.languages,
            kept,
        )


def _report(checked: Checked, target: Path, strict: bool) -> None:
    """Raises WordbrushError where nothing is left, or faults are not allowed."""
    for line in summary.lines(checked):
        print(line)
    path = target.with_name(f"{target.name}.faults.csv")
    see = ""
    if checked.faults:
        summary.write_faults(path, checked.faults)
        print(f"{shown(str(path))} names each fault with its file and line.")
        see = f"; {shown(str(path))} names them"
    else:
        path.unlink(missing_ok=True)
    kinds = summary.counted(Counter(fault.kind for fault in checked.faults))
    if not checked.utterances:
        raise WordbrushError(f"nothing in the source can be used ({kinds}){see}.")
    if strict and checked.faults:
        raise WordbrushError(
            f"the source has {len(checked.faults):,} faults ({kinds}){see}. Mend them, or leave "
            "out --strict."
        )
