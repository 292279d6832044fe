"""Large writes past the page cache.

What is captured of a request of many rows is as large as the request, and is read much later, if ever. On its
way through the page cache it takes a new page for every 4 KiB, which costs several times what making it did
(measured: 80 to 800 us for 1,000 rows of 30 columns, by whether the machine has such pages at hand), and
pushes out what others wanted kept. Written directly it costs a copy and the waiting of a thread that has
nothing else to do. Where the system has no such writes, or the disk is slow at them, the usual way is taken.
"""

from __future__ import annotations

import mmap
import os
import time

import numpy as np

LEAST = 32 * 1024  # bytes: below, the cache is quicker
BLOCK = 4096  # of which offset, length and address must be multiples
_AT_ONCE = 2**20
_FLAG = getattr(os, "O_DIRECT", 0)
_EXPECTED = 200e6  # bytes a second: a slower disk had better be written to by the system, in its own time
_PATIENCE = 0.1  # seconds behind that


class DirectWriter:
    """Writes to the end of files, large pieces past the page cache; for one thread.

    Attributes
    ----------
    wanted : bool
        Whether large pieces still go that way.
    """

    def __init__(self) -> None:
        self.try_again()
        self._aligned: mmap.mmap | None = None
        self._file = self._direct = -1

    def try_again(self) -> None:
        """Forget that the disk was slow, or that it has no such writes."""
        self.wanted, self._late = bool(_FLAG), 0.0

    def close(self) -> None:
        """Let go of the file that was written to: to be called before its descriptor is closed."""
        if self._direct >= 0:
            os.close(self._direct)
        self._file = self._direct = -1

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        """Write some of `data`, at least a byte, and return how much.

        Raises
        ------
        OSError
            When nothing could be written.
        """
        if not self.wanted or len(data) < LEAST:
            return os.pwrite(descriptor, data, offset)
        if gap := -offset % BLOCK:
            return os.pwrite(descriptor, data[:gap], offset)
        return self._write_blocks(descriptor, data, offset)

    def _write_blocks(self, descriptor: int, data: memoryview, offset: int) -> int:
        aligned = _address(data) % BLOCK == 0
        size = (len(data) if aligned else min(len(data), _AT_ONCE)) // BLOCK * BLOCK
        begun = time.perf_counter()
        try:
            piece = data[:size] if aligned else self._copied(data[:size])
            written = os.pwrite(self._directly(descriptor), piece, offset)
        except OSError:  # this file system has no such writes; or the disk is full, which the next one tells
            self.wanted = False
            return os.pwrite(descriptor, data, offset)
        self._late = max(0.0, self._late + time.perf_counter() - begun - size / _EXPECTED)
        self.wanted = self._late < _PATIENCE
        return written

    def _directly(self, descriptor: int) -> int:
        """Return a descriptor of its own for the same file: to switch one to and fro takes four calls."""
        if descriptor != self._file:
            self.close()
            self._direct = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | _FLAG)
            self._file = descriptor
        return self._direct

    def _copied(self, data: memoryview) -> memoryview:
        """Return a copy that begins where a block can."""
        if self._aligned is None:
            self._aligned = mmap.mmap(-1, _AT_ONCE)
        # NumPy copies without keeping the interpreter from whoever answers meanwhile
        copy = np.frombuffer(self._aligned, np.uint8)[: len(data)]
        copy[:] = np.frombuffer(data, np.uint8)
        return copy.data


def _address(data: memoryview) -> int:
    address: int = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    return address
