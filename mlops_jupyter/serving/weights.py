"""Who gets how much of the traffic: one small file, the only thing that changes in a live worker.

The file has its full size from the start and is replaced by a single `os.pwrite`, so a change needs no
space on the disk, is seen at once by every process that mapped it, and outlives whoever wrote it. A
sequence number tells one table from the next; a checksum tells a whole table from a torn one.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal["stable", "candidate", "shadow", "resident"]
ROLES: tuple[Role, ...] = get_args(Role)
MOST_SLOTS = 16

_MAGIC = b"MLW1"
_HEADER = struct.Struct("<4sQH")  # magic, sequence, number of slots
_SLOT = struct.Struct("<BH")  # role, hundredths of a percent
_CHECKSUM = struct.Struct("<I")
SIZE = _HEADER.size + MOST_SLOTS * _SLOT.size + _CHECKSUM.size
_HUNDREDTHS = 100


@dataclass(frozen=True)
class Share:
    """What one slot is, and its percent of the traffic.

    Parameters
    ----------
    role : str
        ``stable``, ``candidate``, ``shadow`` or ``resident`` (loaded, gets nothing).
    percent : float
        0 to 100, in hundredths.
    """

    role: Role
    percent: float


@dataclass(frozen=True)
class Weights:
    """The table of one generation: slot ``i`` has share ``shares[i]``.

    Examples
    --------
    >>> table = Weights((Share("stable", 100.0), Share("resident", 0.0)))
    >>> table.stable, table.with_stable(1).stable
    (0, 1)
    """

    shares: tuple[Share, ...]
    sequence: int = 0

    @property
    def stable(self) -> int:
        """The slot that is stable."""
        return next(slot for slot, share in enumerate(self.shares) if share.role == "stable")

    def with_stable(self, slot: int) -> Weights:
        """Return the table in which `slot` answers everything and all others are resident."""
        shares = tuple(
            Share("stable", 100.0) if each == slot else Share("resident", 0.0)
            for each in range(len(self.shares))
        )
        return replace(self, shares=shares)


class WeightsUnreadable(Exception):  # noqa: N818 - it says what is so
    """The file holds no whole table."""


def encode(weights: Weights) -> bytes:
    """Return the file's bytes, always `SIZE` of them."""
    if not 0 < len(weights.shares) <= MOST_SLOTS:
        raise ValueError(f"{len(weights.shares)} slots: a generation holds 1 to {MOST_SLOTS}")
    slots = b"".join(
        _SLOT.pack(ROLES.index(share.role), round(share.percent * _HUNDREDTHS)) for share in weights.shares
    )
    table = _HEADER.pack(_MAGIC, weights.sequence, len(weights.shares)) + slots
    table = table.ljust(SIZE - _CHECKSUM.size, b"\0")
    return table + _CHECKSUM.pack(zlib.crc32(table))


def decode(data: bytes) -> Weights:
    """Return the table in the file's bytes.

    Raises
    ------
    WeightsUnreadable
        When they are not one whole table.
    """
    table, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    if len(data) != SIZE or _CHECKSUM.pack(zlib.crc32(table)) != checksum:
        raise WeightsUnreadable("the table of weights is torn")
    magic, sequence, count = _HEADER.unpack_from(table)
    if magic != _MAGIC:
        raise WeightsUnreadable("not a table of weights")
    slots = (_SLOT.unpack_from(table, _HEADER.size + slot * _SLOT.size) for slot in range(count))
    return Weights(
        tuple(Share(ROLES[role], hundredths / _HUNDREDTHS) for role, hundredths in slots), sequence
    )


def create_weights(path: Path, weights: Weights) -> None:
    """Make the file, with every block it will ever need."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, encode(weights))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_weights(path: Path) -> Weights:
    """Return the table as it is now."""
    return decode(path.read_bytes())


def write_weights(path: Path, weights: Weights) -> Weights:
    """Put a table in place of the one that is there, with the next sequence number, and return it.

    Every reader has it now, and it survives the death of this process; `sync_weights` makes it survive that
    of the machine, which may take a while. Writers take turns by the deployment's activation lock; readers
    need none.
    """
    following = replace(weights, sequence=read_weights(path).sequence + 1)
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, encode(following), 0)
    finally:
        os.close(descriptor)
    return following


def sync_weights(path: Path) -> None:
    """Wait until the table is on the disk."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WeightsReader:
    """The table as a worker sees it: mapped, compared with the last one at each request.

    A torn table is never used: the last whole one stays until the writer is done.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), SIZE, access=mmap.ACCESS_READ)
        self._seen = self._map[:]
        self._weights = decode(self._seen)

    def current(self) -> Weights:
        """Return the table in force."""
        data = self._map[:]
        if data != self._seen:
            self._take(data)
        return self._weights

    def _take(self, data: bytes) -> None:
        try:
            self._weights = decode(data)
        except WeightsUnreadable:
            return
        self._seen = data

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
