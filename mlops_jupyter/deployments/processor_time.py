"""How much processor time a deployment's workers take, and how busy the machine is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ProcessorTime:
    """The time that processes have taken since this was made; they may come and go in between.

    Parameters
    ----------
    find : callable
        Returns the processes that live now.
    """

    def __init__(self, find: Callable[[], Iterable[psutil.Process]]) -> None:
        self._find = find
        self._now: dict[int, float] = {}
        self._machine = psutil.cpu_times()
        self.look()
        self._before = dict(self._now)

    def look(self) -> None:
        """Read the clocks of those that live; of one that ended in between the last reading stands."""
        for process in self._find():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._now[process.pid] = times.user + times.system

    @property
    def processes(self) -> int:
        """How many processes were seen."""
        return len(self._now)

    @property
    def seconds(self) -> float:
        """Seconds of processor time since the beginning, of all together."""
        return sum(now - self._before.get(pid, 0.0) for pid, now in self._now.items())

    @property
    def busy(self) -> float:
        """Share of the machine's processor time since the beginning that anybody took, 0 to 1."""
        passed = [now - before for now, before in zip(psutil.cpu_times(), self._machine, strict=True)]
        idle = sum(
            seconds
            for name, seconds in zip(self._machine._fields, passed, strict=True)
            if name in {"idle", "iowait"}
        )
        return 1 - idle / sum(passed) if sum(passed) else 0.0
