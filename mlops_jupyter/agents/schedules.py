"""The agent's work on schedules: what came due is written down, and a process started for each."""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.firings import OPEN, attended, change, claim, firings
from mlops_jupyter.store.schedules import all_schedules

from .due import GRACE, enter_due

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule

log = logging.getLogger("mlops.agent")

#: How often a process is started for a firing that never gets to say why it does not begin.
MOST_ATTEMPTS = 5
_PAUSE = timedelta(seconds=10)


class Schedules:
    """Looks after schedules and their firings; only rows count, so another agent can go on from there."""

    name = "schedules"
    every = 10.0

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def look(self, store: Kept, now: datetime) -> datetime | None:
        """Do what there is to do now; return when there will be more, as far as is known."""
        self._started = [process for process in self._started if process.poll() is None]
        wrong = enter_due(store, now)
        kill_point("agent.entered")
        known = {schedule.name: schedule for schedule in all_schedules(store)}
        waiting = firings(store, closed=False)
        for firing in reversed(waiting):
            if is_to_be_tended(store, firing, known.get(firing.schedule), now):
                self._tend(store, firing, known.get(firing.schedule), now)
        if wrong:
            raise WorkspaceError("; ".join(wrong))
        return next_look(known.values(), waiting, now)

    def _tend(self, store: Kept, firing: Firing, schedule: Schedule | None, now: datetime) -> None:
        token = secrets.token_hex(16)
        if not claim(store, firing, token, now):
            return
        kill_point("agent.claimed")
        python = schedule.python if schedule and firing.state in OPEN else sys.executable
        if not Path(python).exists():
            why = f"the interpreter {python} is gone; schedule it again"
            change(store, firing.id, token, state="FAILED", reason=why, ended=now, closed=not firing.hook)
            return
        try:
            process = subprocess.Popen(
                command(python, store, firing, token),
                stdin=subprocess.DEVNULL, cwd=store.workspace.root, start_new_session=True,
            )  # fmt: skip
        except OSError as failure:  # no memory, no more processes: it is tried again, and others now
            log.error("%s cannot be started: %s", firing.schedule, failure)  # noqa: TRY400 - one line says it
            return
        kill_point("agent.spawned")
        self._started.append(process)
        change(store, firing.id, token, pid=process.pid)
        log.info("%s, due %s: process %d", firing.schedule, firing.due.isoformat(), process.pid)


def command(python: str, store: Kept, firing: Firing, token: str) -> list[str]:
    """Return the command line of the process that attends to a firing."""
    where = ["--workspace", str(store.workspace.root)]
    program = [python, "-P", "-m", "mlops_jupyter.agents.attending"]
    return [*program, *where, "--firing", str(firing.id), "--token", token]


def is_to_be_tended(store: Kept, firing: Firing, schedule: Schedule | None, now: datetime) -> bool:
    """Whether a process is to be started for a firing now; what nothing can be done for is ended here."""
    if attended(firing, now) or (firing.not_before and firing.not_before > now):
        return False
    if firing.attempts >= MOST_ATTEMPTS and firing.not_before is None:
        give_up(store, firing, now)
        return False
    if firing.state == "DUE" and schedule and schedule.missed == "skip" and now - firing.due > GRACE:
        end(store, firing, "MISSED", firing.reason or "nobody began it in time, and --missed is skip", now)
        return False
    return not firing.beat or now >= firing.beat + _PAUSE * (firing.attempts - 1)


def give_up(store: Kept, firing: Firing, now: datetime) -> None:
    """End a firing whose processes die before they can say anything, time after time."""
    if firing.state in OPEN:
        end(store, firing, "FAILED", f"its process ended {firing.attempts} times before it said why", now)
    else:
        change(store, firing.id, firing.token, hook="the hook could not be called", closed=True)


def end(store: Kept, firing: Firing, state: str, reason: str, now: datetime) -> None:
    """End a firing that no process is to be started for; its hook is called by the next look's."""
    facts = {"state": state, "reason": reason, "ended": now, "attempts": 0}
    change(store, firing.id, firing.token, **facts, closed=not firing.hook)


def next_look(schedules: Iterable[Schedule], waiting: Iterable[Firing], now: datetime) -> datetime | None:
    """Return the first moment that is known to bring something to do."""
    due = [schedule.next_due for schedule in schedules if schedule.next_due]
    later = [firing.not_before for firing in waiting if firing.not_before]
    return min((moment for moment in [*due, *later] if moment > now), default=None)
