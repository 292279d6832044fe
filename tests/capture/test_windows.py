"""Windows: what is asked for, in UTC."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capture.windows import HOUR, Window, window_of
from mlops_jupyter.errors import UsageError

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
MOMENTS = st.datetimes(*map(datetime.fromisoformat, ("1971-01-01", "2100-01-01")), timezones=st.just(UTC))


@pytest.fixture
def berlin(monkeypatch):
    """A machine in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_last_day_is_what_is_looked_at_when_nothing_is_said():
    assert window_of(now=NOW) == Window(NOW - timedelta(hours=24), NOW)


@pytest.mark.parametrize(("last", "hours"), [("1h", 1), ("7d", 168), ("1h30m", 1.5), (timedelta(hours=2), 2)])
def test_the_last_hours_end_now(last, hours):
    assert window_of(last, now=NOW) == Window(NOW - timedelta(hours=hours), NOW)


def test_a_length_goes_from_a_beginning_or_up_to_an_end():
    begin, end = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC)
    assert window_of("31d", since="2013-01-01T00Z", now=NOW) == Window(begin, end)
    assert window_of("31d", until="2013-02-01T00Z", now=NOW) == Window(begin, end)


def test_a_beginning_alone_goes_on_until_now():
    assert window_of(since="2026-11-20T12:00Z", now=NOW).length == timedelta(minutes=30)


def test_times_without_a_zone_are_local_and_a_date_is_the_beginning_of_its_day(berlin):
    began = datetime(2026, 11, 18, 23, tzinfo=UTC)
    for written in ("2026-11-19", "2026-11-19T00:00", " 2026-11-19 ", "2026-11-19T00:00+01:00"):
        assert window_of(since=written, now=NOW).since == began
    for moment in (
        date(2026, 11, 19),
        datetime.fromisoformat("2026-11-19"),
        pd.Timestamp("2026-11-18 18:00-05:00"),
    ):
        assert window_of(since=moment, now=NOW).since == began


def test_a_timestamp_of_pandas_is_a_time_with_a_zone_or_without(berlin):
    window = window_of(since=pd.Timestamp("2013-07-01"), until=pd.Timestamp("2013-08-01", tz="UTC"))
    assert window.since == datetime(2013, 6, 30, 22, tzinfo=UTC)
    assert window.until == datetime(2013, 8, 1, tzinfo=UTC)


def test_it_is_shown_in_local_time(berlin):
    assert str(window_of(since="2026-11-20T10:00Z", now=NOW)) == "2026-11-20 11:00 to 13:30 CET"
    assert str(window_of("1d", now=NOW)) == "2026-11-19 13:30 to 2026-11-20 13:30 CET"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"last": "soon"}, "--last cannot be 'soon'; write 30s"),
        ({"last": "0s"}, "--last cannot be '0s'; write 1h, 24h or 7d"),
        ({"last": "99999999999d"}, "--last cannot be '99999999999d'"),
        ({"last": "40000d"}, "--last cannot be '40000d'"),
        ({"since": "yesterday"}, "--since cannot be 'yesterday'; write 2026-11-20"),
        ({"until": "2026-13-01"}, "--until cannot be '2026-13-01'"),
        (
            {"since": "2026-11-20", "until": "2026-11-20"},
            "begins at .* and ends at .*; --since must be before",
        ),
        ({"since": "2027-01-01"}, "--since must be before --until, and before now"),
        ({"last": "1h", "since": "2026-11-19", "until": "2026-11-20"}, "--last says nothing beside"),
    ],
)
def test_what_is_no_window_is_refused_in_one_line(asked, told):
    with pytest.raises(UsageError, match=told):
        window_of(**asked, now=NOW)


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=9)), st.sampled_from([1, 6, 24]))
def test_its_parts_are_all_of_it_and_end_at_whole_hours(since, length, hours):
    window, every = Window(since, since + length), HOUR * hours
    parts = list(window.parts(every))
    assert (parts[0].since, parts[-1].until) == (window.since, window.until)
    assert [part.until for part in parts[:-1]] == [part.since for part in parts[1:]]
    assert all(part.until.timestamp() % every.total_seconds() == 0 for part in parts[:-1])
    assert all(timedelta(0) < part.length <= every for part in parts)


def test_parts_of_no_length_are_refused():
    with pytest.raises(UsageError, match="parts of no length"):
        list(window_of(now=NOW).parts(timedelta(0)))
