"""A source is read, every picture and sound in it decoded, and what is wrong found."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from wordbrush.corpora.division import Division, divided
from wordbrush.corpora.examining import Facts, Subject, examine
from wordbrush.corpora.journal import Journal
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import known_split
from wordbrush.corpora.records import Fault, Media, Utterance
from wordbrush.data.splits import CAPTIONED
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, ordered

CHUNK = 32  # pictures or sounds that a worker is given at a time


@dataclass(frozen=True)
class Checked:
    """What a source holds: the utterances that are kept, and every fault, in the source's order.

    facts: of each picture and sound that a row names. splits: train, validation or test for each
    utterance. images: for each utterance the number of its picture. pictures: one for each number;
    files with the same pixels are one picture. divided: whether the splits are ours, since the
    source has none. elsewhere: rows in languages that were not asked for.
    """

    utterances: list[Utterance]
    splits: list[str]
    images: list[int]
    pictures: list[Media]
    facts: Mapping[Media, Facts]
    faults: list[Fault]
    divided: bool = False
    elsewhere: int = 0


@dataclass
class _Rows:
    """Utterances while they are sifted, and the faults found meanwhile."""

    kept: list[Utterance] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def sift(self, fault_of: Callable[[Utterance], Fault | None]) -> None:
        """Ask of every utterance what is wrong with it, and drop those that a fault leaves out."""
        kept = []
        for one in self.kept:
            fault = fault_of(one)
            if fault is not None:
                self.faults.append(fault)
            if fault is None or not fault.lost:
                kept.append(one)
        self.kept = kept


def check(
    found: Iterable[Utterance | Fault],
    look: Look,
    longest: float,
    division: Division,
    languages: Sequence[str] = (),
    journal: Journal | None = None,
) -> Checked:
    """Examine what a reader found.

    look, longest: as pictures and sounds are imported. division: of what has no splits. languages:
    the only ones that are kept, if any are named. journal: facts of an earlier check, used where
    the file is as it was, and where new ones are kept.
    """
    rows = _Rows()
    for one in found:
        (rows.faults if isinstance(one, Fault) else rows.kept).append(one)  # type: ignore[arg-type]
    everything = len(rows.kept)
    if languages:
        rows.kept = [one for one in rows.kept if one.language in languages]
    elsewhere = everything - len(rows.kept)
    rows.sift(_repeated_id({}))
    facts = examine_all(rows.kept, look, longest, journal)
    rows.sift(_unusable(facts))
    rows.faults += _odd(rows.kept, facts)
    rows.sift(_repeated_recording(facts, {}))
    is_split = any(one.split for one in rows.kept)
    if is_split:
        rows.sift(_unknown_split)
    numbers: dict[str, int] = {}
    images = {one.id: numbers.setdefault(facts[one.picture].content, len(numbers))
              for one in rows.kept}  # fmt: skip
    if is_split:
        splits = {one.id: known_split(one.split) for one in rows.kept}
        rows.sift(_leaking("picture", images, splits))
        heard = {one.id: facts[one.sound].content for one in rows.kept}
        rows.sift(_leaking("recording", heard, splits))
    else:
        numbered = [images[one.id] for one in rows.kept]
        recordings = [facts[one.sound].content for one in rows.kept]
        splits = divided(rows.kept, numbered, recordings, division)
        rows.sift(partial(_between, splits))
    rows.faults += _shared_speakers(rows.kept, splits)
    return _checked(rows, splits, facts, not is_split, elsewhere)


def _checked(
    rows: _Rows, splits: dict[str, str], facts: dict[Media, Facts], is_divided: bool, elsewhere: int
) -> Checked:
    """With the pictures numbered that are left, in the order of the splits and of the source."""
    order = sorted(rows.kept, key=lambda one: CAPTIONED.index(splits[one.id]))  # stable
    numbers: dict[str, int] = {}
    pictures: list[Media] = []
    for one in order:
        if facts[one.picture].content not in numbers:
            numbers[facts[one.picture].content] = len(pictures)
            pictures.append(one.picture)
    return Checked(
        order,
        [splits[one.id] for one in order],
        [numbers[facts[one.picture].content] for one in order],
        pictures,
        facts,
        rows.faults,
        is_divided,
        elsewhere,
    )


def examine_all(
    utterances: Sequence[Utterance],
    look: Look,
    longest: float,
    journal: Journal | None = None,
) -> dict[Media, Facts]:
    """The facts of every picture and sound, each looked at once, by all cores."""
    sounds = dict.fromkeys(one.sound for one in utterances)
    pictures = dict.fromkeys(one.picture for one in utterances)
    subjects = [
        Subject(media, is_sound, journal.known(media) if journal else None)
        for group, is_sound in ((pictures, False), (sounds, True))
        for media in group
    ]
    facts: dict[Media, Facts] = {}
    for subject, found in zip(subjects, _examined(subjects, look, longest), strict=True):
        facts[subject.media] = found
        if journal is not None and found != subject.known:
            journal.keep(subject.media, found)
    return facts


def _examined(subjects: Sequence[Subject], look: Look, longest: float) -> Iterator[Facts]:
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    task = Task(
        partial(examine, look, longest),
        lambda subject: f"reading {subject.media.name!r}",
        CHUNK,
    )
    found = ordered(task, subjects, processes)
    yield from track(found, "checking", len(subjects), "file")


def _repeated_id(seen: dict[str, Utterance]) -> Callable[[Utterance], Fault | None]:
    def fault(one: Utterance) -> Fault | None:
        first = seen.setdefault(one.id, one)
        if first is one:
            return None
        detail = f"{one.id!r} is the id of {first.place} already"
        return Fault(one.place, "repeated id", detail)

    return fault


def _unusable(facts: Mapping[Media, Facts]) -> Callable[[Utterance], Fault | None]:
    def fault(one: Utterance) -> Fault | None:
        for media, what in ((one.picture, "picture"), (one.sound, "sound")):
            if (reason := facts[media].unusable) is not None:
                return Fault(one.place, f"{what}: {reason[0]}", f"{one.id!r}: {reason[1]}")
        return None

    return fault


def _odd(utterances: Sequence[Utterance], facts: Mapping[Media, Facts]) -> Iterator[Fault]:
    """What is odd about files that are kept: each once, where it is first named."""
    seen: set[Media] = set()
    for one in utterances:
        for media, what in ((one.picture, "picture"), (one.sound, "sound")):
            if media not in seen:
                seen.add(media)
                for kind, detail in facts[media].notes:
                    yield Fault(one.place, f"{what}: {kind}", detail, lost=False)


def _repeated_recording(
    facts: Mapping[Media, Facts], seen: dict[str, Utterance]
) -> Callable[[Utterance], Fault | None]:
    """The same sound again: of the same picture it is left out, of another one kept."""

    def fault(one: Utterance) -> Fault | None:
        first = seen.setdefault(facts[one.sound].content, one)
        if first is one:
            return None
        same = facts[first.picture].content == facts[one.picture].content
        what = "the same picture" if same else "another picture"
        detail = f"{one.id!r}: {first.id!r} ({first.place}) has the same sound, of {what}"
        return Fault(one.place, "repeated recording", detail, lost=same)

    return fault


def _unknown_split(one: Utterance) -> Fault | None:
    if known_split(one.split):
        return None
    detail = f"{one.id!r} is in {one.split!r}" if one.split else f"{one.id!r} is in no split"
    return Fault(one.place, "unknown split", f"{detail}; use {', '.join(CAPTIONED)}")


def _leaking(
    what: str, belongs: Mapping[str, int] | Mapping[str, str], splits: Mapping[str, str]
) -> Callable[[Utterance], Fault | None]:
    """What several utterances share, a picture or a recording, belongs to the last of its splits:
    tests stay whole, and training loses it.

    belongs: which one each utterance has, by its id.
    """
    last: dict[int | str, str] = {}
    for name, shared in belongs.items():
        last[shared] = max(last.get(shared, CAPTIONED[0]), splits[name], key=CAPTIONED.index)

    def fault(one: Utterance) -> Fault | None:
        own, other = splits[one.id], last[belongs[one.id]]
        if own == other:
            return None
        detail = f"{one.id!r} is in {own}, but its {what} is in {other}, too"
        return Fault(one.place, f"{what} in two splits", detail)

    return fault


def _between(splits: Mapping[str, str], one: Utterance) -> Fault | None:
    if splits[one.id]:
        return None
    detail = f"{one.id!r}: its picture and its speaker fall into different splits"
    return Fault(one.place, "between two splits", detail)


def _shared_speakers(utterances: Sequence[Utterance], splits: Mapping[str, str]) -> Iterator[Fault]:
    """Each speaker of training who is heard in another split, where that is first so."""
    trained = {one.speaker for one in utterances if one.speaker and splits[one.id] == CAPTIONED[0]}
    seen: set[tuple[str, str]] = set()
    for one in utterances:
        key = one.speaker, splits[one.id]
        if one.speaker in trained and key[1] != CAPTIONED[0] and key not in seen:
            seen.add(key)
            detail = f"the speaker {one.speaker!r} is in {CAPTIONED[0]} and in {key[1]}"
            yield Fault(one.place, "speaker in two splits", detail, lost=False)
