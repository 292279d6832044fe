"""A process that compares the same two windows whenever it is told to, and says what that took.

Every method runs in a process of its own, in whatever environment it needs: this file asks for pandas alone.
The windows are read before the first turn; a line on the standard input is a turn, its answer a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Compare = Callable[[pd.DataFrame, pd.DataFrame], list[str]]

PROCESS = Path("/proc/self")
FIRST = 2000


def take_turns(compare: Compare) -> None:
    """Read the windows of the folder that the command names, then take a turn for each line that comes.

    Parameters
    ----------
    compare : callable
        From the reference and the current window to the columns that it says have drifted.
    """
    import pandas as pd

    folder = Path(sys.argv[1])
    reference, current = (pd.read_parquet(folder / f"{side}.parquet") for side in ("reference", "current"))
    read = time.process_time()
    compare(reference.head(FIRST), current.head(FIRST))  # what is imported only where it is used
    say({"ready_cpu_s": read, "first_cpu_s": time.process_time() - read})
    for _ in sys.stdin:
        say(turn(compare, reference, current))


def turn(compare: Compare, reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    """Return what one comparison took, and what it found."""
    forget_peak()
    before, cpu, wall = resident_mb(), time.process_time(), time.perf_counter()
    drifted = compare(reference, current)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": peak_mb(),
        "over_data_mb": peak_mb() - before,
        "drifted": drifted,
    }


def say(answer: dict[str, Any]) -> None:
    """Answer on a line."""
    print(json.dumps(answer), flush=True)


def resident_mb() -> float:
    """Return the megabytes that this process has in memory."""
    return _status("VmRSS") or peak_mb()


def peak_mb() -> float:
    """Return the most megabytes that it had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status("VmHWM") or most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Begin to look for a new peak, on systems that can."""
    with contextlib.suppress(OSError):
        (PROCESS / "clear_refs").write_text("5")


def _status(field: str) -> float | None:
    # getrusage tells of the parent, too, when it was larger before this process began
    try:
        text = (PROCESS / "status").read_text()
    except OSError:
        return None
    return int(text.partition(f"{field}:")[2].split(None, 1)[0]) / 1024
