"""The process that attends to one firing: does what is due, writes how it ended, calls the hook.

It outlives the agent that started it. Whatever it finds done already, by one that was killed before it, it
does not do again; the hook alone may be called twice, when the first was killed while it called.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.firings import OPEN, Ended, change, forget_old
from mlops_jupyter.store.leases import this_host
from mlops_jupyter.store.schedules import find_schedule
from mlops_jupyter.store.workspace import Workspace

from .hooks import call_hook
from .kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Firing
    from mlops_jupyter.store.schedules import Schedule

log = logging.getLogger("mlops.agent")

BEAT_SECONDS = 60.0
LONGEST_PAUSE = timedelta(minutes=5)
_FIRST_PAUSE = timedelta(seconds=15)


def attend(store: Kept, number: int, token: str) -> Firing | None:
    """Bring a firing to its end, from wherever it stands; return it, or None when it is not ours."""
    firing = change(store, number, token, pid=os.getpid(), host=this_host(), beat=datetime.now(UTC))
    if firing is None:
        return None
    kill_point("firing.taken")
    schedule = find_schedule(store, firing.schedule)
    if schedule is None:
        return change(store, number, token, closed=True, hook="", ended=firing.ended or datetime.now(UTC))
    with beating(store, number, token):
        done = settled(store, schedule, firing) if firing.state in OPEN else firing
        closed = hooked(store, schedule, done) if done and done.state not in OPEN else done
    forget_old(store, schedule.name)
    return closed


def settled(store: Kept, schedule: Schedule, firing: Firing) -> Firing | None:
    """Do what is due, unless it was done, and write how it ended."""
    try:
        ended = outcome(store, schedule, firing)
    except MlopsError as failure:
        ended = Ended("FAILED", str(failure))
    except (KeyboardInterrupt, SystemExit):
        ended = Ended("STOPPED", "it was interrupted")
    except Exception as failure:
        log.exception("firing %d of %s", firing.id, firing.schedule)
        ended = Ended("FAILED", f"{type(failure).__name__}: {failure}")
    kill_point("firing.performed")
    return written(store, firing, ended)


def outcome(store: Kept, schedule: Schedule, firing: Firing) -> Ended:
    """Return how the work ended: what was begun before is not begun again."""
    kind = kind_of(schedule.kind)
    found = kind.recover(store, schedule, firing) if firing.state == "RUNNING" else None
    if found:
        return found
    began = firing.began or datetime.now(UTC)
    running = change(store, firing.id, firing.token, state="RUNNING", began=began, not_before=None)
    if running is None:
        raise SystemExit  # another attends to it now
    kill_point("firing.running")

    def tell(result: str) -> None:
        kill_point("firing.begun")
        change(store, firing.id, firing.token, result=result)

    return kind.perform(store, schedule, running, tell)


def written(store: Kept, firing: Firing, ended: Ended) -> Firing | None:
    """Write how the work ended, or when to look again."""
    facts: dict[str, Any] = {"state": ended.state, "reason": ended.reason or firing.reason}
    if ended.result:
        facts["result"] = ended.result
    now = datetime.now(UTC)
    if ended.state in OPEN:
        pause = min(LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(firing.attempts, 10))
        facts |= {"began": None} if ended.state == "DUE" else {}
        return change(store, firing.id, firing.token, **facts, not_before=now + pause)
    hook = firing.hook if ended.state != "SUCCEEDED" else ""
    done = change(store, firing.id, firing.token, **facts, hook=hook, closed=not hook, ended=now)
    kill_point("firing.ended")
    return done


def hooked(store: Kept, schedule: Schedule, firing: Firing) -> Firing | None:
    """Call the hook if that is left to do, and close the firing."""
    if firing.closed:
        return firing
    said = call_hook(store, schedule, firing) if schedule.hook else ""
    kill_point("firing.hooked")
    return change(store, firing.id, firing.token, hook=said, closed=True)


@contextmanager
def beating(store: Kept, number: int, token: str) -> Iterator[None]:
    """Say every minute that this process lives: other hosts know it by that alone."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            try:
                change(store, number, token, beat=datetime.now(UTC))
            except MlopsError as failure:
                log.warning("%s", failure)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def interrupted(_number: int, _frame: object) -> NoReturn:
    """Take SIGTERM as Ctrl-C: a run is stopped cleanly."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Attend to the firing that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--firing", type=int, required=True)
    parser.add_argument("--token", required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, interrupted)
    store = Ledger(Workspace(options.workspace))
    if not store.workspace.database.exists():
        log.error("the workspace %s is gone", options.workspace)
        return 1
    try:
        attend(store, options.firing, options.token)
    except MlopsError as failure:
        log.error("firing %d: %s", options.firing, failure)  # noqa: TRY400 - one line says it
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
