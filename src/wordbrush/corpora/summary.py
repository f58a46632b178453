"""What a check found, for people: a few lines, and a table of every fault."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wordbrush.corpora.checking import Checked
from wordbrush.corpora.records import Fault
from wordbrush.data.language_names import named_with_code
from wordbrush.data.splits import CAPTIONED
from wordbrush.errors import shown
from wordbrush.storage.files import whole_file

NAMED = 12  # values of one kind that are printed; the others are counted
HEADER = ("file", "line", "entry", "left out", "kind", "what")


def lines(checked: Checked) -> Iterator[str]:
    """What was found, a line for each kind of thing."""
    yield from _media(checked)
    for title, values in (
        ("speakers", [one.speaker for one in checked.utterances]),
        ("languages", [named_with_code(one.language) for one in checked.utterances]),
    ):
        yield _line(title, f"{len(set(values) - {''}):,}: {counted(_named(values))}")
    by = " (the source has none)" if checked.divided else ""
    splits = [(split, checked.splits.count(split)) for split in CAPTIONED]
    yield _line("splits", listed(splits) + by)
    if checked.elsewhere:
        yield _line("not asked", f"{checked.elsewhere:,} utterances in other languages")
    for title, lost in (("left out", True), ("kept", False)):
        kinds = Counter(fault.kind for fault in checked.faults if fault.lost is lost)
        yield _line(title, counted(kinds) if kinds else "nothing" if lost else "nothing odd")


def _media(checked: Checked) -> Iterator[str]:
    pictures = [checked.facts[one] for one in checked.pictures]
    named = len({one.picture for one in checked.utterances})
    again = (
        f"; {named - len(pictures):,} more have the same content" if named > len(pictures) else ""
    )
    yield _line(
        "pictures", f"{len(pictures):,}{again}: {counted(Counter(p.form for p in pictures))}"
    )
    sounds = [checked.facts[one.sound] for one in checked.utterances]
    seconds = sorted(sound.seconds for sound in sounds)
    span = f"; {seconds[0]:.1f} to {seconds[-1]:.1f} s" if seconds else ""
    yield _line("utterances", f"{len(sounds):,}, {sum(seconds) / 3600:.2f} hours{span}")
    yield _line("sounds", counted(Counter(sound.form for sound in sounds)))
    yield _line("rates", counted(Counter(f"{sound.rate} Hz" for sound in sounds)))


def _named(values: Sequence[str]) -> Counter[str]:
    return Counter(shown(value) if value else "not named" for value in values)


def counted(counts: Mapping[str, int]) -> str:
    """Names with their counts, the most frequent first."""
    return listed(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def listed(ranked: Sequence[tuple[str, int]]) -> str:
    """Names with their counts, in this order, as far as they fit a line."""
    texts = [f"{name} {count:,}" for name, count in ranked[:NAMED]]
    more = [f"and {len(ranked) - NAMED} more"] if len(ranked) > NAMED else []
    return ", ".join(texts + more) or "none"


def _line(title: str, text: str) -> str:
    return f"  {title:11}{text}"


def write_faults(path: Path, faults: Iterable[Fault]) -> None:
    """Every fault, a row each, as CSV."""
    with whole_file(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for fault in faults:
            place = fault.place
            lost = "yes" if fault.lost else "no"
            writer.writerow(
                [shown(place.file), place.line, place.entry, lost, fault.kind, fault.detail]
            )
