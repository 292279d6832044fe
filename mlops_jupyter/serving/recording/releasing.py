"""Memory given back to the system.

Requests of many rows wait for the writer in pieces of some hundred kilobytes. When they are written, the
allocators keep what they had for the next burst, in each worker, for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WORTH = 64 * 2**20  # bytes written since the last time: what less of them leaves behind is not much
QUIET = 1.0  # seconds without large writes: while they go on, all of it is wanted again at once


class Releaser:
    """Gives memory back once large writes are over; for one thread."""

    def __init__(self) -> None:
        self._written = self._before = 0
        self._last = 0.0

    def look(self, written: int) -> None:
        """Give memory back if a burst is over.

        Parameters
        ----------
        written : int
            Bytes that the writer has written in all.
        """
        now = time.monotonic()
        if written - self._written > WORTH // 64:
            self._last = now
        self._written = written
        if written - self._before > WORTH and now - self._last > QUIET:
            self._before = written
            release_memory()


def release_memory() -> None:
    """Return to the system what Arrow and the C library hold and nobody uses."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; None where the C library is another one."""
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL(None).malloc_trim
    return None
