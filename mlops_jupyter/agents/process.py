"""The agent as a process: it holds a lease, wakes each kind of work in its time, and ends cleanly.

APScheduler is its clock. It counts by the clock on the wall and sleeps by a steady one, so a machine that
slept, or whose clock was set, would wake it late: that is looked for every few seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.store.leases import beat, end_idle_lease, end_lease

from .work import WORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.leases import Lease

    from .work import Work

log = logging.getLogger("mlops.agent")

BEAT_SECONDS = 30.0
WATCH_SECONDS = 5.0
IDLE_SECONDS = 900.0
JUMP_SECONDS = 1.0
AT_ONCE = 4
#: After which time work is looked at again at the soonest, whatever it says.
SOONEST = timedelta(seconds=0.1)


class Agent:
    """What looks after a workspace, from when it has the lease until it is told to end.

    Parameters
    ----------
    store : Ledger
        The workspace's.
    mine : Lease
        Its lease, taken already.
    works : sequence of callable
        What makes each kind of work.
    """

    def __init__(self, store: Kept, mine: Lease, works: Sequence[Callable[[], Work]] = WORKS) -> None:
        self._store, self._mine = store, mine
        self._works = {work.name: work for work in (make() for make in works)}
        self._troubles: dict[str, str] = {}
        self._ending = threading.Event()
        self._since_idle = time.monotonic()
        self._jumps = 0  # of the clock
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(AT_ONCE)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def run(self) -> None:
        """Work until `end` is called, the lease is somebody else's, or the workspace is gone."""
        begun = _clocks()
        self._scheduler.add_job(self._beat, "interval", seconds=BEAT_SECONDS)
        for work in self._works.values():
            once = {"next_run_time": datetime.now(UTC), "id": work.name, "args": (work,)}
            self._scheduler.add_job(self._look, "interval", seconds=work.every, **once)
        self._scheduler.start()
        try:
            self._watch(begun)
        finally:
            self._scheduler.shutdown()
            self._give_back()

    def end(self, *_: object) -> None:
        """Let it end: what it started goes on, and the next agent finds it."""
        self._ending.set()

    def _watch(self, before: tuple[float, float]) -> None:
        while not self._ending.wait(WATCH_SECONDS):
            if self._is_homeless():
                return
            now = _clocks()
            wall, steady = now[0] - before[0], now[1] - before[1]
            if abs(wall - steady) > JUMP_SECONDS:
                self._wake()
            before = now

    def _is_homeless(self) -> bool:
        """Whether the workspace is gone: it must not come back because the agent looks into it."""
        if self._store.workspace.database.exists():
            return False
        log.warning("the workspace %s is gone", self._store.workspace.root)
        self.end()
        return True

    def _wake(self) -> None:
        log.info("the clock was set, or the machine slept")
        self._jumps += 1
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC) + SOONEST)  # what has just ended is still counted

    def _look(self, work: Work) -> None:
        if self._is_homeless():
            return
        now, jumps = datetime.now(UTC), self._jumps
        try:
            later = work.look(self._store, now)
        except MlopsError as failure:
            self._note(work, str(failure))
        except Exception as failure:
            log.exception("%s", work.name)
            self._note(work, f"{type(failure).__name__}: {failure}")
        else:
            self._troubles.pop(work.name, None)
            if later and later < now + timedelta(seconds=work.every):
                self._look_again(work, max(later, now + SOONEST))
        if self._jumps != jumps:  # and it was not woken, for it was at work
            self._look_again(work, datetime.now(UTC) + SOONEST)

    def _look_again(self, work: Work, moment: datetime) -> None:
        try:
            self._scheduler.modify_job(work.name, next_run_time=moment)
        except JobLookupError:
            log.debug("the agent is ending")

    def _note(self, work: Work, trouble: str) -> None:
        if self._troubles.get(work.name) != trouble:
            log.error("%s: %s", work.name, trouble)
        self._troubles[work.name] = trouble
        self._beat()

    def _beat(self) -> None:
        if self._is_homeless():
            return
        try:
            if not beat(self._store, self._mine, datetime.now(UTC), "; ".join(self._troubles.values())):
                log.warning("another agent has the lease")
                self.end()
            elif not self._mine.stays and self._is_idle():
                log.info("there is nothing to do")
                self.end()
        except MlopsError as failure:
            log.warning("%s", failure)

    def _is_idle(self) -> bool:
        if time.monotonic() - self._since_idle < IDLE_SECONDS:
            return False
        self._since_idle = time.monotonic()
        return end_idle_lease(self._store, self._mine)

    def _give_back(self) -> None:
        try:
            if not self._is_homeless():
                end_lease(self._store, self._mine)
        except MlopsError as failure:
            log.warning("%s", failure)


def _clocks() -> tuple[float, float]:
    """Return the seconds of the clock that can be set, and of the one that cannot."""
    return time.time(), time.monotonic()
