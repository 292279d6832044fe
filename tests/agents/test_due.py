from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.agents.due import GRACE, enter_due
from mlops_jupyter.agents.schedules import Schedules, is_to_be_tended
from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.pipelines.scheduling.times import Cron, times_after
from mlops_jupyter.store.firings import Firing, change, claim, firings, forget_old
from mlops_jupyter.store.schedules import find_schedule, remove_schedule, save_schedule

from .conftest import NOON

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.direct import Ledger

    from .conftest import Make

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def finish(store: Ledger, firing: Firing, state: str = "SUCCEEDED", now: datetime = NOON) -> None:
    """End a firing as a process of its own would."""
    change(store, firing.id, firing.token, state=state, closed=True, ended=now)


def dues(store: Ledger, state: str | None = None) -> list[datetime]:
    return [each.due for each in reversed(firings(store)) if state in (None, each.state)]


def test_nothing_is_written_before_it_is_due_and_one_row_when_it_is(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + 59 * MINUTE)
    assert firings(store) == []
    for seconds in (0, 1, 10):
        enter_due(store, NOON + HOUR + timedelta(seconds=seconds))
    (firing,) = firings(store)
    assert (firing.due, firing.state, firing.passed_over, firing.closed) == (NOON + HOUR, "DUE", 0, False)


def test_what_was_missed_runs_once_for_all_of_it(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + 5 * HOUR + 30 * MINUTE)
    (firing,) = firings(store)
    assert (firing.due, firing.state, firing.passed_over) == (NOON + 5 * HOUR, "DUE", 4)
    assert firing.reason == "for 4 missed before it, too"


def test_what_was_missed_is_skipped_where_that_is_the_policy(store: Ledger, make: Make):
    make(missed="skip")
    enter_due(store, NOON + 5 * HOUR + 30 * MINUTE)
    (firing,) = firings(store)
    assert (firing.due, firing.state, firing.closed) == (NOON + 5 * HOUR, "MISSED", True)
    assert "--missed is skip" in firing.reason
    assert find_schedule(store, "nightly").next_due == NOON + 6 * HOUR


def test_a_little_late_is_not_missed(store: Ledger, make: Make):
    make(missed="skip")
    enter_due(store, NOON + 5 * HOUR + GRACE)
    (firing,) = firings(store)
    assert (firing.state, firing.passed_over) == ("DUE", 4)


def test_a_missed_time_calls_the_hook(store: Ledger, make: Make):
    make(missed="skip", hook="true")
    enter_due(store, NOON + 5 * HOUR + 30 * MINUTE)
    (firing,) = firings(store)
    assert (firing.state, firing.hook, firing.closed) == ("MISSED", "due", False)


def test_one_runs_at_a_time_and_what_came_due_meanwhile_comes_after_it(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + HOUR)
    (first,) = firings(store)
    claim(store, first, "a", NOON + HOUR)
    change(store, first.id, "a", state="RUNNING")
    enter_due(store, NOON + 3 * HOUR + 10 * MINUTE)
    assert dues(store) == [NOON + HOUR]
    finish(store, firings(store)[0])
    enter_due(store, NOON + 3 * HOUR + 10 * MINUTE)
    assert dues(store, "DUE") == [NOON + 3 * HOUR]
    assert firings(store)[0].passed_over == 1


def test_one_that_never_began_makes_room_for_the_next(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + HOUR)
    enter_due(store, NOON + 2 * HOUR)
    later, earlier = firings(store)
    assert (earlier.state, earlier.closed, earlier.hook) == ("MISSED", True, "")
    assert (later.state, later.due, later.passed_over) == ("DUE", NOON + 2 * HOUR, 1)


def test_a_machine_that_was_off_for_years_is_caught_up_with_at_once(store: Ledger, make: Make):
    make(cron="* * * * *", now=datetime(2020, 1, 1, tzinfo=UTC))
    enter_due(store, NOON)
    (firing,) = firings(store)
    assert (firing.due, firing.reason) == (NOON, "for 999 or more missed before it, too")


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC), 2, ["28 02:30", "29 03:00", "30 02:30"]),
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC), 2, ["24 02:30", "25 02:30", "26 02:30"]),
        ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC), 2, ["07 02:30", "08 03:00", "09 02:30"]),
        ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC), 1, ["31 01:30", "01 01:30", "02 01:30"]),
        (
            "Australia/Lord_Howe",
            datetime(2026, 4, 3, 12, tzinfo=UTC),
            1,
            ["04 01:30", "05 01:30", "06 01:30"],
        ),
    ],
)
def test_a_clock_that_moves_fires_each_night_once(
    store: Ledger, make: Make, zone: str, day: datetime, hour: int, expected: list[str]
):
    make(cron=f"30 {hour} * * *", timezone=zone, now=day)
    moment = day
    while moment < day + 3 * DAY:
        enter_due(store, moment)
        for firing in firings(store, closed=False):
            finish(store, firing)
        moment += 20 * MINUTE
    assert [f"{due.astimezone(ZoneInfo(zone)):%d %H:%M}" for due in dues(store, "SUCCEEDED")] == expected


def test_two_that_look_at_once_write_one_row(store: Ledger, make: Make):
    for number in range(8):
        make(f"nightly-{number}")
    together = threading.Barrier(3)

    def look() -> None:
        together.wait()
        enter_due(store, NOON + HOUR)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.schedule for each in firings(store)) == [f"nightly-{number}" for number in range(8)]


def test_only_one_of_two_gets_to_start_a_process(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + HOUR)
    (firing,) = firings(store)
    assert claim(store, firing, "mine", NOON + HOUR)
    assert not claim(store, firing, "theirs", NOON + HOUR)
    assert change(store, firing.id, "theirs", state="RUNNING") is None
    assert change(store, firing.id, "mine", state="RUNNING").attempts == 1


def test_a_schedule_that_was_made_anew_is_not_moved_by_who_read_the_old_one(store: Ledger, make: Make):
    old = make()
    make(cron="30 * * * *", now=NOON + MINUTE)
    save = find_schedule(store, "nightly")
    enter_due(store, NOON + HOUR)
    assert dues(store) == [NOON + 30 * MINUTE]
    assert save != old


def test_what_was_unscheduled_does_not_begin(store: Ledger, make: Make):
    make()
    enter_due(store, NOON + HOUR)
    assert remove_schedule(store, "nightly", NOON + HOUR)
    (firing,) = firings(store)
    assert (firing.state, firing.reason, firing.closed) == ("STOPPED", "it was unscheduled", True)
    assert not remove_schedule(store, "nightly", NOON + HOUR)


def test_a_process_that_dies_is_replaced_ever_later_and_at_last_given_up(store: Ledger, make: Make):
    made, now, started = make(), NOON + HOUR, []
    enter_due(store, now)
    while not (firing := firings(store)[0]).closed and now < NOON + 2 * HOUR:
        if is_to_be_tended(store, firing, made, now):
            claim(store, firing, f"token {len(started)}", now)
            started.append(now)
        now += timedelta(seconds=5)
    waits = [(b - a).total_seconds() for a, b in pairwise(started)]
    assert waits == [5, 10, 20, 30]
    assert firing.state == "FAILED"
    assert "ended 5 times" in firing.reason


def test_a_firing_of_another_host_is_left_to_it_until_it_is_silent(store: Ledger, make: Make):
    made = make()
    enter_due(store, NOON + HOUR)
    claim(store, firings(store)[0], "theirs", NOON + HOUR)
    change(store, firings(store)[0].id, "theirs", host="elsewhere", pid=1, state="RUNNING")
    firing = firings(store)[0]
    assert not is_to_be_tended(store, firing, made, NOON + HOUR + 9 * MINUTE)
    assert is_to_be_tended(store, firing, made, NOON + HOUR + 11 * MINUTE)


def test_an_interpreter_that_is_gone_fails_the_firing_with_its_name(store: Ledger, make: Make):
    make(python="/no/such/python")
    Schedules().look(store, NOON + HOUR)
    (firing,) = firings(store)
    assert (firing.state, firing.closed) == ("FAILED", True)
    assert "/no/such/python is gone" in firing.reason


def test_a_schedule_that_cannot_be_read_holds_up_no_other(store: Ledger, make: Make):
    save_schedule(store, replace(make("a"), timezone="Atlantis/Capital", python="/no/such/python"))
    make("b", python="/no/such/python")
    with pytest.raises(WorkspaceError, match=r"the schedule a cannot be read: .*Atlantis"):
        Schedules().look(store, NOON + HOUR)
    assert [(each.schedule, each.state) for each in firings(store)] == [("b", "FAILED")]


def test_a_process_that_cannot_be_started_holds_up_no_other(store: Ledger, make: Make, tmp_path: Path):
    (tmp_path / "python").touch(0o644)
    make("a", python=str(tmp_path / "python"))
    make("b", python="/no/such/python")
    Schedules().look(store, NOON + HOUR)
    states = {each.schedule: (each.state, each.attempts) for each in firings(store)}
    assert states == {"a": ("DUE", 1), "b": ("FAILED", 1)}


def test_the_next_look_is_at_the_next_time_that_something_is_due(store: Ledger, make: Make):
    make()
    make("other", cron="*/20 * * * *")
    assert Schedules().look(store, NOON + MINUTE) == NOON + 20 * MINUTE


def test_old_firings_are_forgotten_and_open_ones_kept(store: Ledger, make: Make):
    make(cron="* * * * *")
    for number in range(1, 6):
        enter_due(store, NOON + number * MINUTE)
        if number > 1:
            finish(store, firings(store)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlops_jupyter.store.firings.KEPT", 2)
        forget_old(store, "nightly")
    assert [each.due for each in firings(store)] == [NOON + 5 * MINUTE, NOON + 4 * MINUTE]


moves = st.lists(
    st.tuples(st.sampled_from(["look", "look", "begin", "end", "postpone", "sleep"]), st.integers(1, 300)),
    min_size=5,
    max_size=40,
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.sampled_from(["*/30 * * * *", "15 * * * *", "0 */3 * * *"]))
def test_whatever_happens_each_time_is_stood_for_once(store: Ledger, make: Make, steps, cron: str):
    remove_schedule(store, "nightly", NOON)
    name, now = f"nightly-{abs(hash((tuple(steps), cron)))}-{len(firings(store))}", NOON
    made = make(name, cron)
    for move, minutes in steps:
        now += minutes * MINUTE
        waiting = firings(store, name, closed=False)
        if move == "look":
            enter_due(store, now)
        elif waiting and move == "begin":
            claim(store, waiting[0], waiting[0].token + "x", now)
            change(store, waiting[0].id, waiting[0].token + "x", state="RUNNING", host="elsewhere", beat=now)
        elif waiting and move == "end":
            finish(store, waiting[0], now=now)
        elif waiting and move == "postpone" and waiting[0].state == "DUE":
            change(store, waiting[0].id, waiting[0].token, not_before=now + MINUTE)
    for firing in firings(store, name, closed=False):
        finish(store, firing, now=now)
    enter_due(store, now)
    for firing in firings(store, name, closed=False):
        finish(store, firing, now=now)
    done = [each for each in firings(store, name) if each.state == "SUCCEEDED"]
    due = list(_until(Cron(cron, "UTC"), made.created, now))
    assert sum(1 + each.passed_over for each in done) == len(due)
    assert {each.due for each in done} <= set(due)
    save_schedule(store, made)
    remove_schedule(store, name, now)


def _until(cron: Cron, since: datetime, until: datetime):
    for at in times_after(cron, since):
        if at > until:
            return
        yield at
