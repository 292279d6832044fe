"""Requests and answers of one version, recorded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .backlog import LARGE
from .entries import Entries, Entry
from .hashing import Hasher, read_key
from .journal import Journal
from .layout import make_layout
from .packing import Record, packing
from .retention import Retention
from .ring import RecordRow, make_ring
from .slabs import make_slabs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..options import Options
    from ..router import Contract
    from .packing import Add, Packed
    from .slabs import Slabs

FOLDER = "capture"
REPLAYED = "replay-"  # begins the writer's name in files of requests that said themselves when they were
_UNPACKED = 10  # items of an entry that was not packed
_DIGEST = 8  # hex digits of it in a folder's name


class Recorder:
    """Records what a version is asked and what it answers.

    Parameters
    ----------
    folder : Path or None
        The deployment's; None records nothing.
    contract : Contract
        What the version takes and answers.
    version, digest : str
        Which it is.
    options : Options
        Whether to capture, what is masked or hashed, how much is kept.
    writer : str
        Names this process in the names of the files.

    Attributes
    ----------
    idle : bool
        Whether it records nothing, so that no entry need be made.
    record : callable
        Takes an `Entry`, and about how many bytes its request had. It never waits: with no room, it drops
        the entry and counts it.
    record_row : callable or None
        The same for one answered row of doubles, in fewer steps and by one thread alone; None where the
        version takes others.
    """

    record: Record

    def __init__(
        self,
        folder: Path | None,
        contract: Contract,
        version: str,
        digest: str,
        options: Options,
        writer: str = "server",
    ) -> None:
        self.idle = folder is None or not options.capture
        self._journals: list[Journal] = []
        self._replaying: Callable[[], Record] = lambda: _ignore
        self._replays: Record | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.record = _ignore
        self.record_row: RecordRow | None = None
        if folder is None or not options.capture:
            return
        about = {"model": contract.model, "version": version, "digest": digest}
        layout = make_layout(contract, options)

        def entries(slabs: Slabs | None = None) -> Entries:
            hasher = Hasher(read_key(folder)) if layout.secretive else None
            return Entries(layout, about, hasher, slabs)

        capture = folder / FOLDER

        def journal(name: str, slabs: Slabs | None = None) -> Journal:
            retention = Retention(capture, options.capture_days, options.capture_bytes)
            written = capture / capture_name(version, digest)
            self._journals.append(Journal(written, name, lambda: entries(slabs), retention))
            return self._journals[-1]

        slabs = make_slabs(contract, layout)
        usual = journal(writer, slabs)
        self.record = packing(layout, usual.add if slabs is None else _adding(slabs, usual.add))
        self._replaying = lambda: packing(layout, journal(f"{REPLAYED}{writer}").add)
        ring = make_ring(contract, layout, usual.awake, slabs)
        if ring is not None:
            usual.write_also(ring)
            self.record_row = ring.add
        if slabs is not None:
            slabs.wake = usual.awake.set
            usual.write_also(slabs)

    def record_replayed(self, entry: Entry, size: int = 0) -> bool:
        """Record a request that says itself when it was, in files of their own.

        All others hold what came while they were written, so a reader need open only those of its window.
        """
        if self._replays is None and not self.idle:
            with self._lock:
                if self._replays is None and not self._closed:
                    self._replays = self._replaying()
        return (self._replays or self.record)(entry, size)

    @property
    def dropped(self) -> int:
        """How many entries found no room, in memory or on the disk."""
        return sum(journal.dropped for journal in self._journals)

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most so many seconds; what comes after is dropped and counted."""
        with self._lock:
            self._closed = True
        for journal in self._journals:
            journal.close(seconds)


def capture_name(version: str, digest: str) -> str:
    """Return the folder of a version's captures, within ``capture/``.

    Examples
    --------
    >>> capture_name("1.2.0", "sha256:0123456789abcdef")
    '1.2.0-01234567'
    """
    return f"{version}-{digest.rpartition(':')[2][:_DIGEST]}"


def _adding(slabs: Slabs, add: Add) -> Add:
    """Return what adds a large entry to slabs, where they take it, and all else by `add`."""

    def add_either(entry: Entry | Packed, size: int) -> bool:
        if size >= LARGE and len(entry) == _UNPACKED and slabs.add(entry):  # type: ignore[arg-type]
            return True
        return add(entry, size)

    return add_either


def _ignore(entry: Entry, size: int = 0) -> bool:  # noqa: ARG001
    """Record nothing, and lose nothing that was wanted."""
    return True
