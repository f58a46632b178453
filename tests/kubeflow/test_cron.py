"""Cron expressions are those that robfig/cron v1.2.0 takes, and whose time comes."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server.cron import (
    FIELDS,
    Times,
    check_cron,
    comes,
    next_times,
    parse_cron,
    parse_field,
)

SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY = FIELDS

GOOD = [
    "0 0 3 * * 1",
    "0 */15 * * * *",
    "0 0 9 ? * 2-6",
    "15 20-35/15 1/2 */2 * *",
    "55/10 * * * * *",
    "0 30 08 15 Jul ?",
    "0 30 08 ? Jul Sun",
    "0 0 0 */5 Apr,Aug,Oct Mon",
    "0 0 0 * FEB mon/2",
    "0 0 0 29 Feb ?",
    "0 0 * 1,15 * Sun",
    "0 0 0 31 2 1",  # without a star, the Mondays are enough
    "0 0 22-23,0-2 * * sun-sat",
    "0 0 3 * * 1,,2",
    "0 */100 3 * * *",
    "0 0 +3 * * 1",
    "@daily",
    "@every 1h30m",
    "@every 1.5h",
    "  0 0  3 * *\t1\n",
]
BAD = [
    ("", "0 of the 6"),
    ("nonsense", "1 of the 6"),
    ("0 3 * * 1", "5 of the 6"),
    ("0 0 3 * * 1 2026", "7 of the 6"),
    ("0 0 3 * * 7", "the weekday '7' is out of bounds; allowed are 0-6 or sun-sat"),
    ("0 0 3 * * 1-7", "the weekday '1-7'"),
    ("0 0 3 * * fri-mon", "write 5-6,0-1"),
    ("0 0 22-2 * * *", "the hour '22-2' ends before it begins: write 22-23,0-2"),
    ("0 0 3 L * *", "the day 'L'"),
    ("0 0 3 15W * *", "the day '15W'"),
    ("0 0 3 * * 1#2", "the weekday '1#2'"),
    ("0 0 3 * * 5L", "the weekday '5L'"),
    ("0 0 3 * * monday", "the weekday 'monday'"),
    ("0 0 3 * januar *", "the month 'januar'"),
    ("60 0 3 * * *", "the second '60' is out of bounds; allowed are 0-59"),
    ("0 60 3 * * *", "the minute"),
    ("0 0 24 * * *", "the hour"),
    ("0 0 3 0 * *", "the day"),
    ("0 0 3 32 * *", "the day"),
    ("0 0 3 * 0 *", "the month"),
    ("0 0 3 * 13 *", "the month"),
    ("0 */0 3 * * *", "a step below 1"),
    ("0 5/0 3 * * *", "a step below 1"),
    ("0 */-12 3 * * *", "'-12'"),
    ("0 *//2 3 * * *", "slashes"),
    ("0 1/2/3 3 * * *", "slashes"),
    ("0 5--5 3 * * *", "hyphens"),
    ("0 -5 3 * * *", "no number or name"),
    ("0 5- 3 * * *", "no number or name"),
    ("0 1.5 3 * * *", "'1.5'"),
    ("0 ٣ 3 * * *", "no number or name"),
    ("0 99999999999999999999999 3 * * *", "no number or name"),
    ("0 0 H * * *", "'H'"),
    ("0 0 3 30 2 *", "never run"),
    ("0 0 3 31 4,6,9,11 ?", "never run"),
    ("0 0 3 30 2 */2", "never run"),
    ("0 0 , * * *", "never run"),
    ("@Daily", "unknown"),
    ("@reboot", "unknown"),
    ("@every", "unknown"),
    ("@every 5", "no duration"),
    ("@every Xm", "no duration"),
    ("@every -1h", "no duration"),
    ("* 5 * * * *", "more than once a minute: name one second"),
    ("15/35 0 3 * * *", "more than once a minute"),
    ("* * * * * *", "more than once a minute"),
    ("@every 0s", "at least one minute"),
    ("@every 10ms", "at least one minute"),
    ("@every 59.9s", "at least one minute"),
    ("@every 9999999999h", "292 years"),
    ("0 0 3 * * " + "1" * 10_000, "the weekday"),
]


@pytest.mark.parametrize("cron", GOOD)
def test_what_kubeflow_takes(cron):
    assert check_cron(cron) == " ".join(cron.split())


@pytest.mark.parametrize(("cron", "words"), BAD)
def test_what_it_refuses_is_named(cron, words):
    with pytest.raises(WordbrushError) as caught:
        check_cron(cron)
    text = str(caught.value)
    assert words in text and text.isprintable() and len(text) < 600
    assert "six fields are needed" in text and "'0 0 3 * * 1'" in text


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("5", SECOND, {5}),
        ("5-7/2", SECOND, {5, 7}),
        ("5-6/2", SECOND, {5}),
        ("1,5-7/2,3", SECOND, {1, 3, 5, 7}),
        ("50/4", SECOND, {50, 54, 58}),
        ("*/20", MINUTE, {0, 20, 40}),
        ("?/20", MINUTE, {0, 20, 40}),
        ("*-7", HOUR, set(range(24))),  # whatever follows a star does not count
        ("Mon/2", WEEKDAY, {1, 3, 5}),
        ("mOn-fRi", WEEKDAY, {1, 2, 3, 4, 5}),
        ("oct/1", MONTH, {10, 11, 12}),
        ("*/10", DAY, {1, 11, 21, 31}),
    ],
)
def test_the_values_of_a_field(text, field, values):
    assert parse_field(text, field) == Times(frozenset(values), text[0] in "*?")


def test_kubernetes_has_the_same_fields_without_seconds():
    assert check_cron("0 3 * * 1", seconds=False) == "0 3 * * 1"
    for cron in ("0 0 3 * * 1", "0 3 * * 7"):
        with pytest.raises(WordbrushError, match="five fields are needed"):
            check_cron(cron, seconds=False)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    day=st.sets(st.integers(1, 31), min_size=1),
    month=st.sets(st.integers(1, 12), min_size=1, max_size=3),
    weekday=st.sets(st.integers(0, 6), min_size=1),
    stars=st.tuples(st.booleans(), st.booleans()),
)
def test_a_time_comes_if_a_day_of_the_calendar_fits(day, month, weekday, stars):
    """By counting the days of the years to come, one after the other."""
    fitting, when = [], date.today()
    while when.year <= date.today().year + 5:
        on = [when.day in day, int(when.strftime("%w")) in weekday]
        if when.month in month and (all(on) if any(stars) else any(on)):
            fitting.append(when)
        when += timedelta(1)
    found = comes(
        [Times(frozenset({0}), any=False)] * 3,
        Times(frozenset(day), stars[0]),
        Times(frozenset(month), any=False),
        Times(frozenset(weekday), stars[1]),
    )
    assert found == bool(fitting)


NOW = datetime(2026, 11, 27, 8, 30, 15, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        ("0 0 3 * * 1", ["2026-11-30 03:00:00", "2026-12-07 03:00:00", "2026-12-14 03:00:00"]),
        ("0 30 8 * * *", ["2026-11-28 08:30:00", "2026-11-29 08:30:00", "2026-11-30 08:30:00"]),
        ("16 30 8,9 * * *", ["2026-11-27 08:30:16", "2026-11-27 09:30:16", "2026-11-28 08:30:16"]),
        ("0 0 0 29 2 ?", ["2028-02-29 00:00:00"]),  # robfig looks five years ahead
        ("0 0 0 13 * fri", ["2026-12-04 00:00:00", "2026-12-11 00:00:00", "2026-12-13 00:00:00"]),
        ("0 0 0 */10 * 1", ["2026-12-21 00:00:00", "2027-01-11 00:00:00", "2027-02-01 00:00:00"]),
        ("@weekly", ["2026-11-29 00:00:00", "2026-12-06 00:00:00", "2026-12-13 00:00:00"]),
        ("@yearly", ["2027-01-01 00:00:00", "2028-01-01 00:00:00", "2029-01-01 00:00:00"]),
        ("@every 1h", ["2026-11-27 09:30:15", "2026-11-27 10:30:15", "2026-11-27 11:30:15"]),
    ],
)
def test_the_next_times(cron, times):
    found = islice(next_times(parse_cron(cron), NOW), 3)
    assert [f"{when:%Y-%m-%d %H:%M:%S}" for when in found] == times


def test_a_pause_counts_from_the_beginning_of_the_schedule():
    began = NOW - timedelta(minutes=150)
    (first,) = islice(next_times(parse_cron("@every 1h"), NOW, began), 1)
    assert first == NOW + timedelta(minutes=30)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    minute=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hour=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    weekday=st.sets(st.integers(0, 6), min_size=1),
)
def test_the_next_time_is_the_first_minute_that_fits(minute, hour, weekday):
    """By counting the minutes to come, one after the other."""
    when = NOW.replace(second=0)
    while True:
        when += timedelta(minutes=1)
        if when.minute in minute and when.hour in hour and int(when.strftime("%w")) in weekday:
            break
    fields = [",".join(map(str, one)) for one in (minute, hour, weekday)]
    text = f"0 {fields[0]} {fields[1]} * * {fields[2]}"
    assert next(next_times(parse_cron(text), NOW)) == when


TEXT = st.one_of(
    st.text("0123456789*?/-,LW#@ abcmonjul", max_size=25),
    st.lists(st.sampled_from(["0", "*", "1-5", "7", "?", "sun", "*/2", "L"]), max_size=8).map(
        " ".join
    ),
    st.text(max_size=30),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(text=TEXT)
def test_any_text_is_a_cron_or_one_sentence(text):
    try:
        assert check_cron(check_cron(text)) == " ".join(text.split())
    except WordbrushError as error:
        assert str(error).isprintable() and "not valid" in str(error)
