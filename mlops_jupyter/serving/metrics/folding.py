"""The counts of the dead: added to one document, their slabs removed, nothing lost and nothing counted twice.

The document names the slabs that it holds, and is put in place by a rename. A slab that it names counts for
nothing from that moment, whether it has been removed yet or not; so the fold may end anywhere. Its sequence
number changes with every fold. A reader that finds the same one before and after it read the slabs saw them
as they were between two folds.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..documents import write_document
from .families import STORED
from .slab import UNFINISHED, Counts, Key, Reading, dead_slabs, lock, read_slabs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDED, _TURN = "folded.json", "folding.lock"
MOST_KEPT = 2048  # label sets; what no living worker counts goes first
_ABANDONED = 60.0  # seconds after which an unfinished file is nobody's
_TRIES = 100

_COUNTED = {family.tag for family in STORED if family.kind != "gauge"}


@dataclass(frozen=True)
class Folded:
    """What was folded so far.

    Parameters
    ----------
    sequence : int
        How many folds there were.
    slabs : frozenset of str
        Files of which the counts are here, and that may still be there.
    counts : dict
        Cells by key, those folded last at the end.
    """

    sequence: int
    slabs: frozenset[str]
    counts: Counts


@dataclass(frozen=True)
class Totals:
    """What all workers of a deployment have counted.

    Parameters
    ----------
    counts : dict
        Cells by key, summed: of the living and the dead; gauges of the living alone.
    processes : int
        How many live.
    """

    counts: Counts
    processes: int


def read_totals(folder: Path) -> Totals:
    """Return the sums over all workers, at one moment between two folds."""
    for _ in range(_TRIES):
        folded = _read_folded(folder)
        readings = read_slabs(folder)
        if _read_folded(folder).sequence == folded.sequence:
            break
    unfolded = [reading for reading in readings if reading.name not in folded.slabs]
    counts = [reading.counts if reading.living else _lasting(reading.counts) for reading in unfolded]
    return Totals(add_counts([folded.counts, *counts]), sum(reading.living for reading in unfolded))


def fold_slabs(folder: Path) -> int:
    """Add up the slabs of workers that have ended, and return how many there were.

    Safe to call from anywhere, at any time, and to be killed in. On a full disk nothing is folded and
    nothing lost.
    """
    with contextlib.suppress(OSError), _turn(folder):
        return _fold(folder)
    return 0


def add_counts(several: Iterable[Counts]) -> Counts:
    """Return the sums, cell by cell.

    Examples
    --------
    >>> add_counts([{("a",): (1, 2)}, {("a",): (10, 20), ("b",): (3,)}])
    {('a',): (11, 22), ('b',): (3,)}
    """
    sums: dict[Key, tuple[int, ...]] = {}
    for counts in several:
        for key, cells in counts.items():
            before = sums.pop(key, None)  # so that the order is that of the last change
            sums[key] = cells if before is None else tuple(map(sum, zip(before, cells, strict=True)))
    return sums


def _fold(folder: Path) -> int:
    _sweep(folder)
    if not dead_slabs(folder):  # nearly always: let that cost nothing
        return 0
    before = _read_folded(folder)
    readings = read_slabs(folder)
    _remove(folder, before.slabs.intersection(reading.name for reading in readings))
    left = [reading for reading in readings if reading.name not in before.slabs]
    dead = [reading for reading in left if not reading.living]
    if dead:
        counts = add_counts([before.counts, *(_lasting(reading.counts) for reading in dead)])
        names = frozenset(reading.name for reading in dead)
        kept = _within_bounds(counts, [reading for reading in left if reading.living])
        _write_folded(folder, Folded(before.sequence + 1, names, kept))
        _remove(folder, names)
    return len(dead)


def _lasting(counts: Counts) -> Counts:
    """Return what outlives a worker: no gauge, and nothing that only another release knows."""
    return {key: cells for key, cells in counts.items() if key[0] in _COUNTED}


def _within_bounds(counts: Counts, living: list[Reading]) -> Counts:
    """Drop what was folded longest ago, but nothing that a living worker goes on with: it would go back."""
    in_use = {key for reading in living for key in reading.counts}
    excess = len(counts) - MOST_KEPT
    dropped = set([key for key in counts if key not in in_use][:excess]) if excess > 0 else set()
    return {key: cells for key, cells in counts.items() if key not in dropped}


def _read_folded(folder: Path) -> Folded:
    """Return what was folded, nothing where nothing was; that it cannot be read just now is an error."""
    try:
        document = json.loads((folder / FOLDED).read_bytes())
        counts = {tuple(key): tuple(cells) for key, cells in document["counts"]}
        return Folded(document["sequence"], frozenset(document["slabs"]), counts)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Folded(0, frozenset(), {})


def _write_folded(folder: Path, folded: Folded) -> None:
    document: dict[str, Any] = {
        "sequence": folded.sequence,
        "slabs": sorted(folded.slabs),
        "counts": list(folded.counts.items()),
    }
    write_document(folder / FOLDED, document)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what was never finished: its process was killed before it could count anything."""
    long_ago = time.time() - _ABANDONED
    for pattern in (f"*{UNFINISHED}", f"{FOLDED}.*.new"):
        for path in folder.glob(pattern):
            if path.stat().st_mtime < long_ago:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the lock of the one that folds, or raise `BlockingIOError`."""
    file = os.open(folder / _TURN, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(file, exclusively=True)
        yield
    finally:
        os.close(file)
