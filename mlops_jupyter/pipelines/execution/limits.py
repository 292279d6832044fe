"""What ends a step before its last cell: its time, its memory, and whoever stops the run."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn

from mlops_jupyter.pipelines.execution.failures import StepError, StepStopped
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.execution.memory import held, look, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.pipelines.execution.attempt import Seen

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
LOOK_SECONDS: Final = 0.1
FAMILY_EVERY: Final = 5  # looks; children are found by reading the table of all processes
LONG_SECONDS: Final = 1.0


async def out_of_time(seconds: float | None, began: float) -> NoReturn:
    """Raise when a step has taken as long as it may; never when there is no limit."""
    if seconds is None:
        await asyncio.Event().wait()
        raise AssertionError
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    raise StepError(Failure("timeout", f"took longer than {seconds:g} s"))


async def told_to_stop() -> NoReturn:
    """Raise when this process is interrupted or told to end."""
    stopped = asyncio.Event()
    with heeding(stopped.set):
        await stopped.wait()
    raise StepStopped


@contextmanager
def heeding(stop: Callable[[], None]) -> Iterator[None]:
    """Have the signals that stop a process call `stop`; only the main thread hears them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises in the middle of things
            loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def out_of_memory(pid: Callable[[], int | None], limit: int | None, seen: Seen) -> NoReturn:
    """Look at the kernel's memory as long as it runs; raise when it holds more than it may.

    Parameters
    ----------
    pid : callable
        Returns the kernel's process, None while there is none.
    limit : int or None
        Bytes that it may hold.
    seen : Seen
        Where what is seen is noted.
    """
    looks = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS if limit else LONG_SECONDS)
        kernel, looks = pid(), looks + 1
        if kernel is None:
            continue
        if limit is None:
            seen.last = look(kernel)
            seen.peak_bytes = max(seen.peak_bytes, seen.last.held)
            continue
        now = held(kernel, limit, alone=looks % FAMILY_EVERY != 0)
        seen.peak_bytes = max(seen.peak_bytes, now)
        if now > limit:
            raise StepError(Failure("memory", f"its kernel held {size(now)} of the {size(limit)} it may"))
