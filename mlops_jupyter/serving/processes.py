"""Which process is ours: known by its id and a token it bears, so that a reused id is never touched."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_POLL = 0.01


def find_process(record: Mapping[str, Any] | None) -> psutil.Process | None:
    """Return the living process that a record of ``pid`` and ``token`` speaks of, or None.

    The token is random and on the command line of every process we start: a foreign process that got the
    same id does not bear it. (Start times move when the clock is set, so they are shown and not trusted.)
    """
    if not record or not record.get("token"):
        return None
    try:
        process = psutil.Process(int(record["pid"]))
        return process if record["token"] in process.cmdline() else None
    except (psutil.Error, KeyError, ValueError):
        return None


def find_processes(records: Iterable[Mapping[str, Any]]) -> list[psutil.Process]:
    """Return those of the recorded processes that live."""
    return [process for record in records if (process := find_process(record)) is not None]


def end_processes(processes: Sequence[psutil.Process], grace: float) -> None:
    """Ask processes to finish what they have in hand; after `grace` seconds, end them."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in wait_for_end(processes, grace):
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_for_end(processes, grace)


def wait_for_end(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes, and return those that are left.

    A zombie has ended: in a container whose first process is no init, nobody ever buries it.
    """
    deadline = time.monotonic() + seconds
    while (left := [each for each in processes if _lives(each)]) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
