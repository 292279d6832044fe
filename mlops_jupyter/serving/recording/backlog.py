"""Entries on their way from the threads that answer to the one that writes, bounded in number and bytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

CROWD = 4096  # entries worth waking the writer for: waking costs as much as writing some hundred
MOST = 8192
LARGE = 4 * 1024  # bytes: a request of more is counted by its bytes
MOST_BYTES = 64 * 2**20
TOGETHER = 2**20  # bytes of large entries written at once: to begin costs as much as some of them
CROWD_BYTES = 2 * TOGETHER  # of large entries worth waking the writer for


class Backlog(Generic[Entry]):
    """A queue that never blocks who adds to it.

    Small entries are bounded by their number alone, so that adding one is a comparison and an append. Large
    ones go by their bytes, under a lock, which is nothing beside what they cost to read.

    Parameters
    ----------
    crowd : int
        From so many on `awake` is set.
    """

    def __init__(self, crowd: int = CROWD) -> None:
        self.awake = threading.Event()
        self.refused = 0
        self._calm = crowd
        self._small: deque[Entry] = deque()
        self._large: deque[tuple[int, Entry]] = deque()
        self._large_bytes = 0
        self._lock = threading.Lock()
        self._shut = False

    def add(self, entry: Entry, size: int = 0) -> bool:
        """Add an entry, or drop and count it when there is no room.

        Parameters
        ----------
        entry : object
            The entry.
        size : int
            About how many bytes it keeps from being freed; the length of the request's body will do.

        Returns
        -------
        bool
            Whether there was room.
        """
        if size < LARGE and len(self._small) < self._calm:
            self._small.append(entry)
            return True
        with self._lock:
            taken = not self._shut and (self._take_large if size >= LARGE else self._take_small)(entry, size)
            self.refused += not taken
        if self.crowded:
            self.awake.set()
        return taken

    def _take_small(self, entry: Entry, _: int) -> bool:
        if len(self._small) >= MOST:
            return False
        self._small.append(entry)
        return True

    def _take_large(self, entry: Entry, size: int) -> bool:
        if self._large_bytes and self._large_bytes + size > MOST_BYTES:  # one may be as large as it is
            return False
        self._large.append((size, entry))
        self._large_bytes += size
        return True

    def take(self, most: int = CROWD) -> list[Entry]:
        """Return the next entries, oldest first, large ones by themselves; none when there are none."""
        with self._lock:
            if self._large:
                return self._pop_large()
        pop = self._small.popleft  # only this thread takes, so what is counted is there
        return [pop() for _ in range(min(most, len(self._small)))]

    def _pop_large(self) -> list[Entry]:
        entries: list[Entry] = []
        left = TOGETHER
        while self._large and (not entries or self._large[0][0] <= left):
            size, entry = self._large.popleft()
            entries.append(entry)
            left -= size
            self._large_bytes -= size
        return entries

    @property
    def crowded(self) -> bool:
        """Whether what waits should not wait for more."""
        return self._large_bytes >= CROWD_BYTES or len(self._small) >= self._calm

    def shut(self) -> None:
        """Take no more: what comes now is dropped and counted."""
        with self._lock:
            self._shut, self._calm = True, 0
        self.awake.set()

    def __len__(self) -> int:
        return len(self._small) + len(self._large)
