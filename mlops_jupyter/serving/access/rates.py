"""How often a key may call: token buckets that all workers share, in one small mapped file.

A worker takes tokens from a bucket a few at a time, under a file lock, and hands them out without one. The
few are set aside from the bucket's size, so that over all workers of a generation a key never gets more
than ``burst + rate * seconds`` within any time; in a burst from rest it may get up to 4 % less
(`SET_ASIDE`), which other workers have taken and not used. Where a bucket is too small for that, tokens are
taken one by one, and the count is exact. While one generation replaces another both have workers, and the
first sentence is true of each.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import mmap
import os
import struct
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RATES = "rates"
SET_ASIDE = 0.04  # of a burst, and of a second's tokens, for all workers together
MOST_KEYS = 1024

_SLOT = struct.Struct("<16sdd")  # whose, tokens, as of (monotonic)
SIZE = MOST_KEYS * _SLOT.size
_EMPTY = bytes(16)
_TRIES = 200  # about 0.1 ms; whoever holds the lock does so for a microsecond or two


@dataclass(frozen=True)
class Limit:
    """What one caller may do.

    Parameters
    ----------
    rate : float
        Requests a second, over all workers.
    burst : int
        Requests at once.
    """

    rate: float
    burst: int

    def slice_for(self, workers: int) -> int:
        """Return how many tokens a worker takes at a time."""
        return max(1, int(SET_ASIDE * min(self.rate, self.burst) / workers))


def limit_of(rate: float | None, burst: int | None) -> Limit | None:
    """Return the limit, or None for none; without a burst it is what the rate gives in a second.

    Examples
    --------
    >>> limit_of(2.5, None)
    Limit(rate=2.5, burst=3)
    """
    if not rate:
        return None
    return Limit(float(rate), burst or max(1, math.ceil(rate)))


def create_rates(path: Path) -> None:
    """Make the file, with every block it will ever need; one that is there stays as it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size < SIZE:
            os.pwrite(descriptor, bytes(SIZE - size), size)
    finally:
        os.close(descriptor)


class Buckets:
    """The shared file: every caller's tokens.

    Parameters
    ----------
    path : Path or None
        The file, made if need be; None for a process that is alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._descriptor = -1
        if path is not None:
            create_rates(path)
            self._descriptor = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(self._descriptor, SIZE)

    def take(self, caller: bytes, limit: Limit, wanted: int, set_aside: int) -> tuple[int, float] | None:
        """Take tokens of a caller.

        Parameters
        ----------
        caller : bytes
            Sixteen bytes that stand for the caller.
        limit : Limit
            How the bucket fills.
        wanted : int
            How many to take; fewer when there are fewer.
        set_aside : int
            How many tokens the workers may hold, by which the bucket is smaller.

        Returns
        -------
        tuple of int and float, or None
            How many were taken, and when none, after how many seconds there will be one; None when the lock
            could not be had at once, which must not keep the event loop.
        """
        if not self._lock():
            return None
        try:
            return self._take(caller, limit, wanted, limit.burst - set_aside)
        finally:
            self._unlock()

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _take(self, caller: bytes, limit: Limit, wanted: int, full: int) -> tuple[int, float]:
        at, now = self._find(caller), monotonic()
        whose, tokens, as_of = _SLOT.unpack_from(self._map, at)
        if whose != caller or as_of > now:  # of before a restart of the machine, which sets the clock to zero
            tokens, as_of = full, now
        tokens = min(full, tokens + (now - as_of) * limit.rate)
        taken = min(wanted, int(tokens))
        _SLOT.pack_into(self._map, at, caller, tokens - taken, now)
        return taken, (0.0 if taken else (1 - tokens) / limit.rate)

    def _lock(self) -> bool:
        if self._descriptor < 0:
            return True
        for _ in range(_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        return False

    def _unlock(self) -> None:
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _find(self, caller: bytes) -> int:
        """Return where a caller's tokens are; when all places are taken, the one longest unused is."""
        first = int.from_bytes(caller[:4], "little") % MOST_KEYS
        oldest, at_oldest = math.inf, 0
        for step in range(MOST_KEYS):
            at = (first + step) % MOST_KEYS * _SLOT.size
            whose, _, as_of = _SLOT.unpack_from(self._map, at)
            if whose in {caller, _EMPTY}:
                return at
            if as_of < oldest:
                oldest, at_oldest = as_of, at
        return at_oldest


class Allowance:
    """What this worker may hand out to one caller.

    Parameters
    ----------
    buckets : Buckets
        Where it takes tokens.
    caller : str
        The key's id.
    limit : Limit
        The caller's limit.
    workers : int
        How many share it.
    """

    def __init__(self, buckets: Buckets, caller: str, limit: Limit, workers: int) -> None:
        self._buckets, self._limit = buckets, limit
        self._caller = hashlib.blake2b(caller.encode(), digest_size=16).digest()
        self._slice = limit.slice_for(workers)
        self._set_aside = workers * (self._slice - 1)
        self._left = 0
        self._empty_until = 0.0
        self._owed = 0

    def take(self) -> float:
        """Return 0 for a request that may be answered, else after how many seconds one may."""
        if self._left:
            self._left -= 1
            return 0.0
        now = monotonic()
        if now < self._empty_until:
            return self._empty_until - now
        return self._refill(now)

    def _refill(self, now: float) -> float:
        taken = self._buckets.take(self._caller, self._limit, self._slice + self._owed, self._set_aside)
        if taken is None:
            return self._on_credit()
        count, wait = taken
        paid = min(count, self._owed)
        self._owed -= paid
        if count > paid:
            self._left = count - paid - 1
            return 0.0
        wait = wait or 1 / self._limit.rate
        self._empty_until = now + wait
        return wait

    def _on_credit(self) -> float:
        """Answer one slice for which the lock could not be had, and no more before it is paid for."""
        if self._owed:
            return 1 / self._limit.rate
        self._owed = self._slice
        self._left = self._slice - 1
        return 0.0
