from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter._version import __version__
from mlops_jupyter.errors import UnavailableError
from mlops_jupyter.pipelines.scheduling import starting
from mlops_jupyter.pipelines.scheduling.starting import ensure_agent, stop_agent
from mlops_jupyter.store.direct import writing
from mlops_jupyter.store.leases import (
    SILENCE,
    Lease,
    beat,
    end_idle_lease,
    end_lease,
    leases,
    lives,
    living_agent,
    take_lease,
    this_host,
)

from .conftest import NOON
from .processes import agent, wait_until

if TYPE_CHECKING:
    from mlops_jupyter.store.direct import Ledger

    from .conftest import Make


@pytest.fixture
def sleeper():
    """A process that bears the token ``mine``."""
    process = subprocess.Popen([sys.executable, "-c", "input()", "mine"], stdin=subprocess.PIPE)
    with process:
        yield process
        process.kill()


def lease(pid: int, token: str = "mine", **facts: object) -> Lease:
    made = Lease(this_host(), pid, token, 0.0, NOON, NOON, __version__)
    return replace(made, **facts)


def test_a_living_agent_keeps_its_lease_and_a_dead_ones_is_taken(store: Ledger, sleeper):
    assert take_lease(store, mine := lease(sleeper.pid)) is None
    assert take_lease(store, lease(os.getpid(), "other")) == mine
    sleeper.kill()
    sleeper.wait()
    assert take_lease(store, lease(os.getpid(), "other")) is None
    assert [each.token for each in leases(store)] == ["other"]


def test_a_process_that_got_the_id_of_a_dead_agent_is_not_taken_for_it(store: Ledger):
    assert take_lease(store, lease(os.getpid(), "somebody else's")) is None
    assert living_agent(store) is None
    assert take_lease(store, lease(1, "other")) is None


def test_an_agent_that_lost_its_lease_is_told_so_and_takes_nothing_back(store: Ledger):
    take_lease(store, old := lease(os.getpid(), "old"))
    take_lease(store, lease(os.getpid(), "new"))
    assert not beat(store, old, NOON)
    end_lease(store, old)
    assert [each.token for each in leases(store)] == ["new"]


def test_each_host_has_a_lease_and_another_is_judged_by_its_silence(store: Ledger):
    take_lease(store, lease(os.getpid()))
    take_lease(store, theirs := lease(1, "theirs", host="elsewhere"))
    assert len(leases(store)) == 2
    assert lives(theirs, NOON + SILENCE - timedelta(seconds=1))
    assert not lives(theirs, NOON + SILENCE)


def test_what_an_agent_says_of_itself_is_kept(store: Ledger):
    take_lease(store, mine := lease(os.getpid()))
    assert beat(store, mine, NOON + SILENCE, "the disk is full")
    assert leases(store) == [replace(mine, beat=NOON + SILENCE, trouble="the disk is full")]


def test_an_agent_may_end_when_there_is_nothing_to_do_and_not_before(store: Ledger, make: Make):
    take_lease(store, mine := lease(os.getpid()))
    make()
    assert not end_idle_lease(store, mine)
    assert leases(store) == [mine]
    with writing(store) as connection:
        connection.execute("DELETE FROM schedules")
    assert end_idle_lease(store, mine)
    assert leases(store) == []


def test_of_agents_that_start_at_once_one_stays(store: Ledger):
    assert leases(store) == []  # its tables are there
    with ExitStack() as stack:
        started = [stack.enter_context(agent(store, "--token", f"agent {number}")) for number in range(3)]
        wait_until(lambda: sum(each.poll() is None for each in started) == 1, "all but one give up")
        (left,) = [each for each in started if each.poll() is None]
        wait_until(lambda: living_agent(store), "the lease")
        assert [each.returncode for each in started if each is not left] == [0, 0]
        assert living_agent(store).pid == left.pid


def test_one_that_is_to_stay_waits_and_takes_the_place_of_one_that_was_killed(store: Ledger):
    with agent(store, "--token", "first") as first:
        wait_until(lambda: living_agent(store), "the first")
        with agent(store, "--stays", "--token", "second") as second:
            assert "waiting to take its place" in second.stderr.readline()
            assert living_agent(store).pid == first.pid
            first.kill()
            first.wait()
            wait_until(lambda: living_agent(store), "the second")
            assert (living_agent(store).pid, living_agent(store).stays) == (second.pid, True)
            second.terminate()
            assert second.wait() == 0
    assert leases(store) == []


def test_an_agent_ends_by_itself_when_its_workspace_is_gone(store: Ledger):
    with agent(store) as process:
        wait_until(lambda: living_agent(store), "the agent")
        shutil.rmtree(store.workspace.root)
        assert process.wait(60) == 0
        assert not store.workspace.root.exists()


def test_callers_that_need_an_agent_at_once_get_the_same_and_find_it_later(store: Ledger):
    found: list[Lease] = []
    callers = [threading.Thread(target=lambda: found.append(ensure_agent(store.workspace))) for _ in range(2)]
    try:
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        again = ensure_agent(store.workspace)
        assert [each.pid for each in found] == [again.pid] * 2
        assert again.version == __version__
    finally:
        stopped = stop_agent(store.workspace)
    assert stopped.pid == again.pid
    assert leases(store) == []
    assert stop_agent(store.workspace) is None
    assert "looks after" in starting.log_file(store.workspace).read_text()


def test_an_agent_of_another_release_is_replaced(store: Ledger, sleeper):
    take_lease(store, lease(sleeper.pid, version="0.0.1", beat=datetime.now(UTC)))
    try:
        assert ensure_agent(store.workspace).version == __version__
        assert sleeper.wait(60) != 0
    finally:
        stop_agent(store.workspace)


def test_an_agent_that_cannot_start_says_why(store: Ledger, monkeypatch: pytest.MonkeyPatch):
    words = [sys.executable, "-c", "raise SystemExit('no room on the moon')"]
    monkeypatch.setattr(starting, "agent_command", lambda *_: words)
    monkeypatch.setattr(starting, "STARTED_WITHIN", 0.1)
    with pytest.raises(UnavailableError, match="the agent did not start: no room on the moon"):
        ensure_agent(store.workspace)
