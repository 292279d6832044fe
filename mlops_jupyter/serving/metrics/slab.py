"""Named cells of eight bytes in a file that one process writes and any process reads, without a lock.

The file has its full size from the start, and every block of it, so a full disk stops no counting. Cells hold
integers, which add up to the same in any order: a sum of floats may go back by its last digit when the order
changes, and a counter that goes back is taken for one that began anew. A cell is one aligned word, so a
reader sees the value before or after an addition, and a death between two additions tears nothing.

Layout, in words: the format, the number of words in use, then records. A record is a head (checksum and
length of its key, number of its cells), the key as JSON, padded, and the cells. It is written whole before
the number of words in use takes it in.

The writer holds a lock on the file for as long as it lives. The kernel gives it back at any death, so who
reads knows the living from the dead without being told.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

Key = tuple[str, ...]
Counts = dict[Key, tuple[int, ...]]

SIZE = 1 << 18
SPARE = 1024  # words
SUFFIX, UNFINISHED = ".slab", ".unfinished"

_FORMAT = b"MLSLAB01"
_WORD = 8
_USED, _FIRST = 1, 2  # words
_HEAD = struct.Struct("=IHH")  # checksum and length of the key, number of cells


class Slab:
    """The cells of this process.

    Parameters
    ----------
    memory : mmap.mmap
        Zeros.
    file : int or None
        Descriptor of the locked file behind it, if there is one.

    Examples
    --------
    >>> slab = private_slab()
    >>> place = slab.place(("requests", "churn"), 1)
    >>> slab.cells[place] += 1
    >>> slab.read()
    {('requests', 'churn'): (1,)}
    """

    def __init__(self, memory: mmap.mmap, file: int | None = None) -> None:
        self._bytes = memoryview(memory)
        self.cells = self._bytes.cast("q")
        self._file = file
        self._places: dict[Key, int] = {}
        self._growing = threading.Lock()
        self.cells[_USED] = _FIRST
        self._bytes[:_WORD] = _FORMAT

    def place(self, key: Key, size: int, *, spare: bool = False) -> int | None:
        """Return where the cells of a key begin, None when there is no room for them.

        Parameters
        ----------
        key : tuple of str
            What they are called; asked again, it is the same place.
        size : int
            How many cells it has.
        spare : bool
            Whether it may take of the last `SPARE` words, which are for when there is no room.
        """
        with self._growing:
            place = self._places.get(key)
            if place is None:
                place = self._append(key, size, len(self.cells) - (0 if spare else SPARE))
            return place

    def _append(self, key: Key, size: int, limit: int) -> int | None:
        encoded = orjson.dumps(key)
        head = self.cells[_USED]
        place = head + 1 + -(-len(encoded) // _WORD)
        if place + size > limit:
            return None
        name = (head + 1) * _WORD
        self._bytes[name : name + len(encoded)] = encoded
        _HEAD.pack_into(self._bytes, head * _WORD, _checksum(encoded, size), len(encoded), size)
        self.cells[_USED] = place + size
        self._places[key] = place
        return place

    @property
    def room(self) -> float:
        """The part that is free, 0 to 1."""
        return 1 - self.cells[_USED] / len(self.cells)

    def read(self) -> Counts:
        """Return all cells by their keys."""
        return read_cells(self._bytes)

    def go_on_from(self, before: Slab) -> None:
        """Take over all that another has counted, each at its place; nobody may count there meanwhile."""
        self._bytes[:] = before._bytes
        self._places = dict(before._places)

    def close(self) -> None:
        """Be counted among the dead. The cells stay, for whoever is late; nobody may count what it adds."""
        if self._file is not None:
            _unlock(self._file)  # by word, for `mmap` has a copy of the descriptor
            os.close(self._file)
            self._file = None


def private_slab() -> Slab:
    """Return a slab in memory alone."""
    return Slab(mmap.mmap(-1, SIZE))


def create_slab(folder: Path) -> Slab:
    """Return a new slab in a folder, which is made if need be.

    Raises
    ------
    OSError
        When there is no room for the whole of it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # a name that is never used again, whatever becomes of it
    path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
    unfinished = path.with_suffix(UNFINISHED)
    file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        lock(file, exclusively=True)
        _fill(file)
        slab = Slab(mmap.mmap(file, SIZE), file)
        unfinished.rename(path)  # nobody ever saw it without its lock
    except OSError:
        os.close(file)
        unfinished.unlink(missing_ok=True)
        raise
    return slab


def _fill(file: int) -> None:
    """Take every block now: a hole that cannot be filled later kills who writes to it, by SIGBUS."""
    zeros = bytes(SIZE)
    written = 0
    while written < SIZE:
        written += os.write(file, zeros[written:])


def lock(file: int, *, exclusively: bool) -> None:
    """Lock a file or raise `BlockingIOError`. Of POSIX alone, so imported where files are shared."""
    import fcntl

    fcntl.flock(file, (fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def _unlock(file: int) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)


@dataclass(frozen=True)
class Reading:
    """What a file held.

    Parameters
    ----------
    name : str
        Of the file.
    living : bool
        Whether its writer lives; if not, the counts are final.
    counts : dict
        Cells by key.
    """

    name: str
    living: bool
    counts: Counts


def dead_slabs(folder: Path) -> list[str]:
    """Return the files whose writers live no more."""
    return [path.name for path in folder.glob(f"*{SUFFIX}") if not _is_living(path)]


def read_slabs(folder: Path) -> list[Reading]:
    """Return what the slabs of a folder hold; one that goes meanwhile is left out."""
    readings = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            readings.append(_read_slab(path))
    return readings


def _is_living(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY)
    try:
        return is_locked(file)
    finally:
        os.close(file)


def _read_slab(path: Path) -> Reading:
    file = os.open(path, os.O_RDONLY)
    try:
        living = is_locked(file)  # first: what is read of the dead is then all there will be
        if os.fstat(file).st_size != SIZE:
            return Reading(path.name, living, {})
        with mmap.mmap(file, SIZE, access=mmap.ACCESS_READ) as memory, memoryview(memory) as view:
            return Reading(path.name, living, read_cells(view))
    finally:
        os.close(file)


def is_locked(file: int) -> bool:
    """Return whether somebody holds the lock."""
    try:
        lock(file, exclusively=False)
    except BlockingIOError:
        return True
    return False


def read_cells(memory: memoryview) -> Counts:
    """Return the cells by their keys; nothing when the bytes are no slab of this format."""
    if memory[:_WORD] != _FORMAT:
        return {}
    with memory.cast("q") as words:
        used = min(words[_USED], len(words))
        cells = words[:used].tolist()  # word by word: a copy of bytes might tear one
    data = bytes(memory[: used * _WORD])
    counts: Counts = {}
    head = _FIRST
    while head < used:
        checksum, length, size = _HEAD.unpack_from(data, head * _WORD)
        name = (head + 1) * _WORD
        encoded = data[name : name + length]
        place = head + 1 + -(-length // _WORD)
        if _checksum(encoded, size) != checksum or place + size > used:
            break
        counts[tuple(orjson.loads(encoded))] = tuple(cells[place : place + size])
        head = place + size
    return counts


def _checksum(encoded: bytes, size: int) -> int:
    """Return what no zeros have: a head that is not yet there is none."""
    return zlib.crc32(encoded, size + 1)
