from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import pytest

from mlops_jupyter.agents import process
from mlops_jupyter.agents.process import Agent
from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.store.leases import Lease, leases, take_lease, this_host

from .processes import PATIENCE, agent, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.store.direct import Ledger


class Looks:
    """A kind of work that counts how often it is looked at."""

    name = "looks"
    every = 3600.0

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.later: timedelta | None = None
        self.fails: Exception | None = None

    def look(self, store: Ledger, now: datetime) -> datetime | None:
        self.times.append(now)
        if self.fails:
            raise self.fails
        return now + self.later if self.later is not None else None


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def mine(store: Ledger) -> Lease:
    now = datetime.now(UTC)
    made = Lease(this_host(), psutil.Process().pid, "mine", 0.0, now, now, "0.1.0")
    take_lease(store, made)
    return made


@contextmanager
def at_work(made: Agent) -> Iterator[Agent]:
    """An agent at work in a thread, ended after the block."""
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def running(store: Ledger, mine: Lease, looks: Looks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setattr(process, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(process, "BEAT_SECONDS", 0.05)
    with at_work(Agent(store, mine, [lambda: looks])) as made:
        yield made


def test_each_kind_of_work_is_looked_at_at_once_and_when_it_says(running: Agent, looks: Looks):
    wait_until(lambda: len(looks.times) == 1, "the first look")
    assert datetime.now(UTC) - looks.times[0] < timedelta(minutes=1)


def test_work_that_knows_when_there_is_more_is_looked_at_then(
    store: Ledger, mine: Lease, looks: Looks, monkeypatch: pytest.MonkeyPatch
):
    looks.later = timedelta(seconds=0.5)
    monkeypatch.setattr(process, "WATCH_SECONDS", 0.02)
    with at_work(Agent(store, mine, [lambda: looks])):
        wait_until(lambda: len(looks.times) > 1, "the second look")
    assert looks.later <= looks.times[1] - looks.times[0] < timedelta(seconds=looks.every)


def test_work_that_names_a_time_of_the_past_does_not_keep_the_agent_busy(
    store: Ledger, mine: Lease, looks: Looks, monkeypatch: pytest.MonkeyPatch
):
    looks.later = timedelta(hours=-1)
    monkeypatch.setattr(process, "WATCH_SECONDS", 0.02)
    with at_work(Agent(store, mine, [lambda: looks])):
        wait_until(lambda: len(looks.times) > 2, "the third look")
    assert min(b - a for a, b in pairwise(looks.times)) >= process.SOONEST


@pytest.mark.parametrize("by", [-7200.0, 7200.0])
def test_a_clock_that_is_set_wakes_all_work(
    running: Agent, looks: Looks, monkeypatch: pytest.MonkeyPatch, by: float
):
    wait_until(lambda: len(looks.times) == 1, "the first look")
    clock = time.time
    monkeypatch.setattr(process.time, "time", lambda: clock() + by)
    wait_until(lambda: len(looks.times) > 1, "another look")
    assert looks.times[1] - looks.times[0] < timedelta(minutes=1)


def test_a_clock_that_is_set_wakes_work_that_is_being_done_as_well(
    running: Agent, looks: Looks, monkeypatch: pytest.MonkeyPatch
):
    wait_until(lambda: len(looks.times) == 1, "the first look")
    woken, clock = threading.Event(), time.time

    def slow(store: Ledger, now: datetime) -> None:
        looks.times.append(now)
        if len(looks.times) == 2:
            monkeypatch.setattr(process.time, "time", lambda: clock() + 7200)
            woken.wait(PATIENCE)
            time.sleep(5 * process.SOONEST.total_seconds())

    wake = running._wake
    monkeypatch.setattr(looks, "look", slow)
    monkeypatch.setattr(running, "_wake", lambda: (wake(), woken.set()))
    running._look_again(looks, datetime.now(UTC))
    wait_until(lambda: len(looks.times) > 2, "another look")
    assert looks.times[2] - looks.times[1] < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (WorkspaceError("the disk is full", hint="free some space"), "the disk is full; free some space"),
        (ZeroDivisionError("1/0"), "ZeroDivisionError: 1/0"),
    ],
)
def test_what_keeps_the_agent_from_its_work_is_told_and_it_goes_on(
    store: Ledger, mine: Lease, looks: Looks, failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch
):
    looks.fails, looks.every = failure, 0.05
    monkeypatch.setattr(process, "BEAT_SECONDS", 0.05)
    with at_work(Agent(store, mine, [lambda: looks])):
        wait_until(lambda: [each.trouble for each in leases(store)] == [said], "the trouble is told")
        looks.fails = None
        wait_until(lambda: [each.trouble for each in leases(store)] == [""], "it is over")
    assert leases(store) == []


def test_an_agent_whose_lease_is_anothers_ends_and_leaves_it(running: Agent, store: Ledger):
    now = datetime.now(UTC)
    take_lease(store, Lease(this_host(), 1, "other", 0.0, now, now, "0.1.0"))
    wait_until(running._ending.is_set, "it ends")
    assert [each.token for each in leases(store)] == ["other"]


def test_an_agent_with_nothing_to_do_ends(running: Agent, store: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.0)
    wait_until(running._ending.is_set, "it ends")
    assert leases(store) == []


def test_an_agent_holds_little_memory_and_imports_nothing_heavy(store: Ledger):
    with agent(store, "--token", "small"):
        wait_until(lambda: leases(store), "the lease")
        small = psutil.Process(leases(store)[0].pid)
        assert small.memory_info().rss < 60e6
        heavy = ("sqlalchemy", "numpy", "pandas", "mlflow", "papermill", "IPython", "pyarrow")
        assert not [
            each.path for each in small.memory_maps() if any(f"/{name}/" in each.path for name in heavy)
        ]
