"""Cron expressions, by the grammar of the parser that Kubeflow Pipelines uses: robfig/cron v1.2.0.

A copy of its rules (parser.go and spec.go of https://github.com/robfig/cron), which differ from
those of other crons: Sunday is 0 and never 7, a range cannot wrap around as fri-mon would, and
there is no L, W or #. Kubernetes' CronJobs have the same grammar without the seconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, count, product

from wordbrush.errors import WordbrushError

SHOWN = 60  # characters of an expression
EXAMPLE = "an example, Mondays at three: '{}0 3 * * 1'"
ALIASES = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
EVERY = "@every "
DURATION = re.compile(r"\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")  # Go's
PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
SHORTEST = 60  # seconds between two runs: our own limit, as a pod alone takes longer to start
LONGEST = 2**63 / 1e9  # seconds of a Go duration
YEARS = 5  # in which a time must come: robfig looks no further
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True)
class Field:
    """A field of an expression: its name, and the numbers and names that it may hold."""

    name: str
    low: int
    high: int
    names: dict[str, int] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """The numbers and names, as people write them."""
        words = list(self.names)
        return f"{self.low}-{self.high}" + (f" or {words[0]}-{words[-1]}" if words else "")


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day", 1, 31),
    Field("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)}),
    Field("weekday", 0, 6, {name: number for number, name in enumerate(WEEKDAYS)}),
)


class Fault(ValueError):
    """What is wrong with an expression, for the sentence around it."""


@dataclass(frozen=True)
class Times:
    """What a field holds. any: whether it has a star, or a question mark, which is the same."""

    values: frozenset[int]
    any: bool


@dataclass(frozen=True)
class Cron:
    """An expression that the scheduler takes.

    text: with single spaces. fields: those of FIELDS, by which times are found. every: in their
    place, the pause from one run to the next.
    """

    text: str
    fields: tuple[Times, ...] = ()
    every: timedelta | None = None


def check_cron(expression: str, seconds: bool = True) -> str:
    """The expression with single spaces, if `parse_cron` takes it."""
    return parse_cron(expression, seconds).text


def parse_cron(expression: str, seconds: bool = True) -> Cron:
    """Read an expression that the scheduler takes and whose time comes, once a minute at most.

    seconds: whether the first of the fields is the second, as for Kubeflow, or there is none, as
    for Kubernetes. Raises WordbrushError, which names the field and what is allowed.
    """
    wanted = FIELDS if seconds else FIELDS[1:]
    text = " ".join(expression.split())
    try:
        if text.startswith(EVERY):
            return Cron(text, every=_pause(text.removeprefix(EVERY)))
        if text.startswith("@"):
            return Cron(text, _parse_fields(_meaning(text).split(), FIELDS))
        return Cron(text, _parse_fields(text.split(), wanted))
    except Fault as fault:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        number = "six" if seconds else "five"
        raise WordbrushError(
            f"the cron expression {shown!r} is not valid: {fault}; {number} fields are needed "
            f"({' '.join(one.name for one in wanted)}), {EXAMPLE.format('0 ' if seconds else '')}."
        ) from None


def next_times(cron: Cron, after: datetime, since: datetime | None = None) -> Iterator[datetime]:
    """The times to come, in UTC; after those of the next years, none.

    after: what has passed by then does not count. since: when a schedule with a pause began.
    """
    if cron.every:
        start = since or after
        passed = max((after - start) // cron.every, 0)
        return (start + number * cron.every for number in count(passed + 1))
    second, minute, hour, day, month, weekday = cron.fields
    clock = [
        time(*at)
        for at in product(sorted(hour.values), sorted(minute.values), sorted(second.values))
    ]
    times = (
        datetime.combine(when, at, UTC)
        for when in fitting_days(day, month, weekday, after.date())
        for at in clock
    )
    return (when for when in times if when > after)


def _meaning(alias: str) -> str:
    """The fields that @daily and the like stand for. Raises Fault."""
    if alias not in ALIASES:
        raise Fault(f"{alias[:SHOWN]} is unknown; there are {', '.join(ALIASES)} and @every 1h")
    return ALIASES[alias]


def _pause(duration: str) -> timedelta:
    """The duration of @every, as Go writes it. Raises Fault."""
    if not DURATION.fullmatch(duration):
        raise Fault(f"{duration[:SHOWN]!r} is no duration; examples: 90m, 1h30m, 24h")
    seconds = sum(float(n) * SECONDS[unit] for n, unit in PART.findall(duration))
    if not SHORTEST <= seconds < LONGEST:
        raise Fault("a duration is at least one minute, and at most 292 years")
    return timedelta(seconds=int(seconds))  # robfig leaves out what is below a second


def _parse_fields(texts: list[str], wanted: tuple[Field, ...]) -> tuple[Times, ...]:
    """What each of FIELDS holds, if there is a time that all agree on. Raises Fault."""
    if len(texts) != len(wanted):
        raise Fault(f"it has {len(texts)} of the {len(wanted)} fields")
    times = [parse_field(text, one) for text, one in zip(texts, wanted, strict=True)]
    if len(wanted) < len(FIELDS):
        times.insert(0, Times(frozenset({0}), any=False))
    if not comes(times[:-3], *times[-3:]):
        raise Fault(f"no time of the next {YEARS} years is like that, so it would never run")
    if len(times[0].values) > 1:
        raise Fault("it comes more than once a minute: name one second, such as 0")
    return tuple(times)


def parse_field(text: str, one: Field) -> Times:
    """A list of ranges, such as `1,5-7/2`. Empty parts of the list do not count. Raises Fault."""
    ranges = [_parse_range(part, one) for part in text.split(",") if part]
    values = frozenset(chain.from_iterable(numbers.values for numbers in ranges))
    return Times(values, any(numbers.any for numbers in ranges))


def _parse_range(text: str, one: Field) -> Times:
    """`*`, `?`, a number or name, or two with a hyphen; each may have a step, as in `*/15`."""
    span, *steps = text.split("/")
    start, *ends = span.split("-")
    star = start in ("*", "?")  # whatever follows it, up to a slash, does not count
    if len(steps) > 1 or (len(ends) > 1 and not star):
        raise _fault(text, one, "has too many slashes or hyphens")
    low = one.low if star else _number(start, text, one)
    high = one.high if star or steps else low  # N/step is N-max/step
    if ends and not star:
        high = _number(ends[0], text, one)
    step = _number(steps[0], text, Field("step", 1, one.high)) if steps else 1
    if low < one.low or high > one.high:
        raise _fault(text, one, "is out of bounds")
    if low > high:
        two = f"{low}-{one.high},{one.low}-{high}"
        raise _fault(text, one, f"ends before it begins: write {two}")
    if step < 1:
        raise _fault(text, one, "has a step below 1")
    return Times(frozenset(range(low, high + 1, step)), star)


def _number(text: str, whole: str, one: Field) -> int:
    """A number or, in any case, a name."""
    if (value := one.names.get(text.lower())) is not None:
        return value
    if not re.fullmatch(r"\+?0*[0-9]{1,18}", text):
        raise _fault(whole, one, f"has {text[:SHOWN]!r}, which is no number or name")
    return int(text)


def _fault(text: str, one: Field, reason: str) -> Fault:
    return Fault(f"the {one.name} {text[:SHOWN]!r} {reason}; allowed are {one.allowed}")


def comes(clock: list[Times], day: Times, month: Times, weekday: Times) -> bool:
    """Whether a day of the next years fits, and the clock's fields are not empty."""
    days = fitting_days(day, month, weekday, date.today())
    return all(one.values for one in clock) and next(days, None) is not None


def fitting_days(day: Times, month: Times, weekday: Times, first: date) -> Iterator[date]:
    """The days of the next years that fit, from the first on.

    As everywhere in cron, one of the two days is enough where neither has a star.
    """
    last = date(first.year + YEARS, 12, 31)
    both = day.any or weekday.any
    for when in (first + timedelta(ahead) for ahead in range((last - first).days + 1)):
        fits = (when.day in day.values, when.isoweekday() % 7 in weekday.values)
        if when.month in month.values and (all(fits) if both else any(fits)):
            yield when
