from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.agents import attending
from mlops_jupyter.agents.attending import attend
from mlops_jupyter.agents.due import enter_due
from mlops_jupyter.agents.kinds import Kind, kind_of
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.scheduling.schedules import failing
from mlops_jupyter.store.direct import writing
from mlops_jupyter.store.firings import Ended, Firing, change, claim, firings
from mlops_jupyter.store.schedules import remove_schedule

from .conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.store.direct import Ledger

    from .conftest import Make

HOUR = timedelta(hours=1)


class Work:
    """A kind of work that is known by what it did."""

    def __init__(self) -> None:
        self.ends: Ended | BaseException = Ended("SUCCEEDED", "all well", "run-1")
        self.found: Ended | None = None
        self.did: list[int] = []

    def perform(self, store: Ledger, schedule, firing: Firing, tell: Callable[[str], None]) -> Ended:
        self.did.append(firing.id)
        tell("run-1")
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends

    def recover(self, store: Ledger, schedule, firing: Firing) -> Ended | None:
        return self.found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    made = Work()
    monkeypatch.setattr(attending, "kind_of", lambda name: Kind(made.perform, made.recover))
    return made


@pytest.fixture
def due(store: Ledger, make: Make) -> Firing:
    """A firing that is due and given to the token ``mine``."""
    make(hook="true")
    enter_due(store, NOON + HOUR)
    claim(store, firings(store)[0], "mine", NOON + HOUR)
    return firings(store)[0]


def test_what_is_due_is_done_and_closed(store: Ledger, due: Firing, work: Work):
    done = attend(store, due.id, "mine")
    assert (done.state, done.reason, done.result, done.closed) == ("SUCCEEDED", "all well", "run-1", True)
    assert done.hook == ""
    assert done.began <= done.ended


def test_who_bears_another_token_does_nothing(store: Ledger, due: Firing, work: Work):
    assert attend(store, due.id, "theirs") is None
    attend(store, due.id, "mine")
    assert attend(store, due.id, "mine") is None
    assert work.did == [due.id]


def test_a_failure_is_kept_and_calls_the_hook(store: Ledger, due: Firing, work: Work):
    work.ends = Ended("FAILED", "train failed in cell 3: ValueError: no rows", "run-1")
    done = attend(store, due.id, "mine")
    assert (done.state, done.hook, done.closed) == ("FAILED", "the hook was called", True)
    assert failing(store) == [done]


@pytest.mark.parametrize(
    ("raised", "state", "reason"),
    [
        (UsageError("no parameter named 'mnth'", hint="did you mean month?"), "FAILED", "no parameter named"),
        (ZeroDivisionError("1/0"), "FAILED", "ZeroDivisionError: 1/0"),
        (KeyboardInterrupt(), "STOPPED", "it was interrupted"),
    ],
)
def test_whatever_is_raised_is_told_in_one_line(store: Ledger, due, work, raised, state, reason):
    work.ends = raised
    done = attend(store, due.id, "mine")
    assert (done.state, done.closed, done.result) == (state, True, "run-1")
    assert reason in done.reason
    assert "\n" not in done.reason


def test_what_cannot_be_done_now_is_tried_again_later_and_ever_more_rarely(store, due, work):
    work.ends = Ended("DUE", "delays is being run by process 7")
    pauses = []
    for number in range(6):
        done = attend(store, due.id, f"{number - 1}" if number else "mine")
        pauses.append(round((done.not_before - done.beat).total_seconds()))
        assert (done.state, done.reason, done.began, done.closed) == ("DUE", work.ends.reason, None, False)
        assert claim(store, done, str(number), NOON)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_what_was_done_by_one_that_died_is_not_done_again(store: Ledger, due: Firing, work: Work):
    change(store, due.id, "mine", state="RUNNING", began=NOON + HOUR)
    work.found = Ended("SUCCEEDED", "5 steps ran", "run-9")
    done = attend(store, due.id, "mine")
    assert (work.did, done.state, done.result) == ([], "SUCCEEDED", "run-9")


def test_what_had_not_begun_when_its_process_died_is_begun(store: Ledger, due: Firing, work: Work):
    change(store, due.id, "mine", state="RUNNING", began=NOON + HOUR)
    done = attend(store, due.id, "mine")
    assert (work.did, done.state, done.began) == ([due.id], "SUCCEEDED", NOON + HOUR)


def test_a_hook_that_was_left_to_do_is_called_alone(store: Ledger, due: Firing, work: Work):
    change(store, due.id, "mine", state="FAILED", reason="no rows", ended=NOON + HOUR)
    done = attend(store, due.id, "mine")
    assert (work.did, done.hook, done.closed) == ([], "the hook was called", True)


def test_what_was_unscheduled_while_its_process_was_dead_is_closed(store: Ledger, due: Firing, work: Work):
    change(store, due.id, "mine", state="RUNNING")
    remove_schedule(store, "nightly", NOON)
    assert attend(store, due.id, "mine").closed
    assert work.did == []


def test_one_whose_token_is_taken_while_it_works_writes_nothing(store: Ledger, due: Firing, work: Work):
    def stolen(*_: object) -> Ended:
        with writing(store) as connection:
            connection.execute("UPDATE firings SET token = 'theirs', state = 'RUNNING'")
        return Ended("FAILED", "late")

    work.perform = stolen
    assert attend(store, due.id, "mine") is None
    assert (firings(store)[0].state, firings(store)[0].reason) == ("RUNNING", "")


def test_an_unknown_kind_of_work_is_refused_by_name():
    with pytest.raises(NotFoundError, match="'rollout'"):
        kind_of("rollout")
