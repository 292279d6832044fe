"""How much memory a kernel holds, and whether the system ended it for want of memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

KILLS: Final = Path("/proc/vmstat")  # Linux alone counts them; elsewhere the memory last seen must tell
NEARLY: Final = 0.9


@dataclass(frozen=True)
class Look:
    """The memory of a kernel and of the machine at one time.

    Parameters
    ----------
    held : int
        Bytes of the kernel and of all that it started.
    free : int
        Bytes that the machine had left.
    kills : int
        How often the system had ended a process for want of memory.
    """

    held: int = 0
    free: int = 0
    kills: int = 0


def held(pid: int, limit: int | None = None, alone: bool = False) -> int:
    """Return the bytes that a process and its children, or it `alone`, hold; 0 when it is gone.

    Shared pages count once for each process, but when that would be over the `limit` they are shared out.
    """
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *([] if alone else process.children(recursive=True))]
        rough = sum(resident(each) for each in family)
        if limit is None or rough <= limit or len(family) == 1:
            return rough
        return sum(proportional(each) for each in family)
    return 0


def resident(process: psutil.Process) -> int:
    """Return the bytes that a process has in memory, shared ones included."""
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def proportional(process: psutil.Process) -> int:
    """Return the bytes of a process, shared ones divided among those who share them."""
    with suppress(psutil.Error):
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.uss))
    return 0


def look(pid: int | None) -> Look:
    """Look at a kernel's memory now."""
    return Look(held(pid) if pid else 0, psutil.virtual_memory().available, kills())


def kills() -> int:
    """Return how often this system has ended a process for want of memory, where it counts that."""
    with suppress(OSError, ValueError):
        lines = (line.split() for line in KILLS.read_text().splitlines())
        return sum(int(count) for name, count in lines if name == "oom_kill")
    return 0


def starved(before: Look, last: Look, now: int) -> bool:
    """Whether a kernel that was killed was killed for want of memory.

    Parameters
    ----------
    before, last : Look
        As it began, and as it was last seen alive.
    now : int
        The count of kills after it ended.

    Examples
    --------
    >>> starved(Look(kills=3), Look(held=8, free=9, kills=3), 4)
    True
    >>> starved(Look(), Look(held=95, free=4), 0), starved(Look(), Look(held=5, free=95), 0)
    (True, False)
    """
    return now > before.kills or last.held > NEARLY * (last.held + last.free) > 0


def size(count: float) -> str:
    """Return a number of bytes with a unit.

    Examples
    --------
    >>> size(1_500_000_000), size(200_000)
    ('1.5 GB', '0.2 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
