from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.scheduling.times import Cron, in_words, passed, read_cron, times_after

MINUTE = timedelta(minutes=1)
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
# a little before each change of 2026, in UTC
CHANGES = {
    BERLIN: (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    NEW_YORK: (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    LORD_HOWE: (datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)),
    "Africa/Cairo": (datetime(2026, 4, 23, 22, tzinfo=UTC), datetime(2026, 10, 29, 21, tzinfo=UTC)),
    "Asia/Kathmandu": (datetime(2026, 6, 1, tzinfo=UTC),),
}


def local(cron: Cron, moment: datetime, count: int) -> list[str]:
    zone = ZoneInfo(cron.timezone)
    return [at.astimezone(zone).isoformat() for at in islice(times_after(cron, moment), count)]


def matches(expression: str, wall: datetime) -> bool:
    """Whether a time on the wall fits, field by field: slow, and plain to see."""
    minute, hour, day, month, weekday = expression.split()
    fits = _fits(minute, wall.minute) and _fits(hour, wall.hour) and _fits(month, wall.month)
    on_day, on_weekday = _fits(day, wall.day), _fits(weekday, (wall.weekday() + 1) % 7)
    both = day.startswith("*") or weekday.startswith("*")
    return fits and ((on_day and on_weekday) if both else (on_day or on_weekday))


def _fits(field: str, value: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return value in {int(part) for part in field.split(",")}


def minutes(zone: ZoneInfo, first: datetime, last: datetime):
    """Every minute that passes, with what the wall shows, and what it showed a minute before."""
    at = first
    while at <= last:
        yield (
            at,
            at.astimezone(zone).replace(tzinfo=None),
            (at - MINUTE).astimezone(zone).replace(tzinfo=None),
        )
        at += MINUTE


def walked(cron: Cron, first: datetime, last: datetime) -> list[datetime]:
    """The times from `first` to `last`, found minute by minute."""
    found, seen = [], set[datetime]()
    for at, wall, before in minutes(cron.zone, first - timedelta(days=1), last):
        leapt = [before + MINUTE * n for n in range(1, int((wall - before) / MINUTE) + 1)] or [wall]
        new = [each for each in leapt if each not in seen]
        shown = new if cron.by_the_wall else [wall]
        seen.update(leapt)
        if at >= first and any(matches(cron.expression, each) for each in shown):
            found.append(at)
    return found


def field(most: int, least: int = 0):
    several = st.lists(st.integers(least, most), min_size=1, max_size=3, unique=True)
    return several.map(lambda numbers: ",".join(map(str, sorted(numbers))))


starred = st.sampled_from(["*", "*/5", "*/7", "*/15", "*/30"])
hours = st.one_of(field(4), st.sampled_from(["*", "*/2", "0,1,2,3"]), field(23))
days = st.one_of(st.just("*"), field(31, 1))
weekdays = st.one_of(st.just("*"), field(6))
near_changes = st.sampled_from([(zone, change) for zone, both in CHANGES.items() for change in both])


@settings(deadline=None, max_examples=80)
@given(near_changes, st.one_of(starred, field(59)), hours, days, weekdays, st.integers(-600, 600))
def test_the_times_are_those_of_a_slow_walk_over_minutes(near, minute, hour, day, weekday, shift):
    zone, change = near
    cron = Cron(f"{minute} {hour} {day} * {weekday}", zone)
    start, end = change + MINUTE * shift, change + timedelta(hours=16)
    found = []
    for at in times_after(cron, start - timedelta(seconds=1)):
        if at > end:
            break
        found.append(at)
    assert found == walked(cron, start, end)


@settings(deadline=None, max_examples=60)
@given(near_changes, st.one_of(starred, field(59)), hours, st.integers(0, 4000), st.integers(0, 59))
def test_the_times_only_ever_grow_whatever_the_moment_they_are_asked_at(near, minute, hour, shift, second):
    zone, change = near
    cron = Cron(f"{minute} {hour} * * *", zone)
    moment = change - timedelta(hours=20) + timedelta(seconds=shift * 37 + second, microseconds=second)
    several = list(islice(times_after(cron, moment), 5))
    assert all(a < b for a, b in pairwise([moment, *several]))
    assert list(islice(times_after(cron, several[0]), 4)) == several[1:]


def test_half_past_two_comes_at_three_when_the_clock_leaps_over_it():
    cron = Cron("30 2 * * *", BERLIN)
    assert local(cron, datetime(2026, 3, 28, 12, tzinfo=UTC), 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_half_past_two_comes_once_when_the_hour_is_repeated():
    cron = Cron("30 2 * * *", BERLIN)
    assert local(cron, datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_asked_in_the_repeated_hour_the_next_time_is_not_of_the_past():
    cron = Cron("30 2 * * *", BERLIN)
    assert local(cron, datetime(2026, 10, 25, 1, 10, tzinfo=UTC), 1) == ["2026-10-26T02:30:00+01:00"]


def test_several_times_that_a_leap_hides_come_once_together():
    cron = Cron("0,15,45 2 * * *", NEW_YORK)
    assert local(cron, datetime(2026, 3, 8, 5, tzinfo=UTC), 2) == [
        "2026-03-08T03:00:00-04:00",
        "2026-03-09T02:00:00-04:00",
    ]


def test_every_quarter_of_an_hour_is_a_quarter_of_an_hour_through_every_change():
    for zone, changes in CHANGES.items():
        for change in changes:
            start = change - timedelta(hours=3)
            times = list(islice(times_after(Cron("*/15 * * * *", zone), start), 24))
            assert {b - a for a, b in pairwise(times)} == {timedelta(minutes=15)}, zone


def test_a_clock_put_back_by_half_an_hour_misses_nothing_of_the_next_hours():
    cron = Cron("*/15 3 * * *", LORD_HOWE)
    assert local(cron, datetime(2026, 4, 4, 14, tzinfo=UTC), 4) == [
        f"2026-04-05T03:{minute:02}:00+10:30" for minute in (0, 15, 30, 45)
    ]


def test_a_leap_of_half_an_hour_hides_a_quarter_past_two():
    cron = Cron("15 2 * * *", LORD_HOWE)
    assert local(cron, datetime(2026, 10, 3, 12, tzinfo=UTC), 2) == [
        "2026-10-04T02:30:00+11:00",
        "2026-10-05T02:15:00+11:00",
    ]


def test_the_last_of_what_passed_is_found_and_counted():
    cron = Cron("0 6 * * *", BERLIN)
    first = datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert passed(cron, first, datetime(2026, 11, 3, 12, tzinfo=UTC)).count == 3
    assert passed(cron, first, first).last == first


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["* * * * *", "*/5 8 * * *", "0 * * * 1", "30 2 1 * *"]), st.integers(0, 900))
def test_the_last_of_many_is_the_last_of_all(expression, days):
    cron = Cron(expression, BERLIN)
    first = next(times_after(cron, datetime(2024, 1, 1, tzinfo=UTC)))
    until = first + timedelta(days=days, hours=3)
    found = passed(cron, first, until)
    assert found.last <= until
    assert next(times_after(cron, found.last)) > until


def test_years_of_missed_minutes_are_not_counted_one_by_one():
    first = datetime(2016, 1, 1, tzinfo=UTC)
    found = passed(Cron("* * * * *", BERLIN), first, datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC))
    assert (found.last, found.count) == (datetime(2026, 1, 1, tzinfo=UTC), 1000)


def test_a_leap_day_is_found_years_ahead():
    assert local(Cron("*/30 0 29 2 *", NEW_YORK), datetime(2026, 1, 1, tzinfo=UTC), 1) == [
        "2028-02-29T00:00:00-05:00"
    ]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 25 * * 1", "bad hour"),
        ("0 6 * *", "4 of 5 fields"),
        ("0 0 6 * * 1", "6 of 5 fields"),
        ("0 6 31 2 *", "bad day-of-month"),
        ("0 6 * * MON-", "bad day-of-week"),
        ("", "0 of 5 fields"),
        ("@reboot", "run-once"),
        ("0 6 30 2 */8", "bad day-of-month|never due"),
    ],
)
def test_what_is_no_cron_expression_is_refused_in_one_line(expression, said):
    with pytest.raises(UsageError, match=said) as refused:
        read_cron(expression, "UTC")
    assert "\n" not in str(refused.value)


def test_an_unknown_zone_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean Europe/Berlin"):
        read_cron("0 6 * * 1", "Berlin")
    for name in ("Europe/Berlni", "Europe", "../etc/passwd", "/etc/localtime", "New York"):
        with pytest.raises(UsageError, match="there is no time zone"):
            read_cron("0 6 * * 1", name)


def test_the_machines_own_zone_is_taken_where_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", NEW_YORK)
    assert read_cron("0 6 * * 1").timezone == NEW_YORK


def test_named_expressions_are_written_out_and_told_in_words():
    assert read_cron("@daily", "UTC").expression == "0 0 * * *"
    assert in_words(read_cron(" 30  6 * * mon ", BERLIN)) == "at 06:30 on Monday (Europe/Berlin)"


@given(st.text(max_size=30))
def test_whatever_is_written_is_read_or_refused(text):
    assume("\x00" not in text)
    try:
        cron = read_cron(text, "UTC")
    except UsageError:
        return
    assert next(times_after(cron, datetime(2026, 1, 1, tzinfo=UTC))) is not None


fields = st.lists(st.text("0123456789*/,-#LWMONSU", min_size=1, max_size=6), min_size=5, max_size=5)


@settings(max_examples=200)
@given(fields.map(" ".join))
def test_whatever_looks_like_cron_is_read_or_refused(text):
    try:
        cron = read_cron(text, "UTC")
    except UsageError:
        return
    assert next(times_after(cron, datetime(2026, 1, 1, tzinfo=UTC))) is not None


@pytest.mark.parametrize(("set_to", "zone"), [(":Asia/Tokyo", "Asia/Tokyo"), ("CET-1CEST", "UTC")])
def test_a_zone_of_the_environment_counts_where_it_has_a_name(
    monkeypatch: pytest.MonkeyPatch, set_to: str, zone: str
):
    monkeypatch.setenv("TZ", set_to)
    assert read_cron("0 6 * * 1").timezone == zone
