"""What one worker counts: a few additions to its own memory for each request.

The calls of each request are for one thread, that of the event loop: `Series.answered` (0.26 us), `began`,
`ended`, `Meter.cache_hit` and `cache_miss` (0.06 us). The others may come from any.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any

from .families import (
    ANSWERED,
    BATCH_SIZE,
    CACHE_HITS,
    CACHE_MISSES,
    CAPTURE_DROPPED,
    IN_FLIGHT,
    NANOSECONDS,
    QUEUE_DEPTH,
    VALIDATION_ERRORS,
)
from .slab import create_slab, private_slab

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from ..problems import Problem
    from .families import Family
    from .slab import Counts, Slab

OTHER = "other"
LONGEST_LABEL = 120
LEAST_ROOM = 0.5  # of a slab: beyond it no column gets a count of its own, whatever callers send

log = logging.getLogger("model_server")

_EDGES = list(ANSWERED.edges)
_SUM = len(_EDGES) + 1
_ROWS = list(BATCH_SIZE.edges)
_ROWS_SUM = len(_ROWS) + 1


class Meter:
    """Counts what this process does.

    Parameters
    ----------
    folder : Path or None
        Where all workers of a deployment keep their counts; None for a server of one process. Should there
        be no room for this worker's, it counts for itself until there is (`settle`): better than totals that
        depend on who is asked.
    model : str
        The model's name.

    Examples
    --------
    >>> meter = Meter(None, "churn")
    >>> series = meter.series("1.2.0", "stable", ["age"])
    >>> series.answered(200, 0.0004)
    >>> [sum(cells[:-1]) for key, cells in meter.read().items() if key[0].startswith("answered")][-1:]
    [1]
    """

    def __init__(self, folder: Path | None, model: str) -> None:
        self.folder = folder
        slab = _open_slab(folder)
        self._unsettled = folder is not None and slab is None
        self._slab = slab or private_slab()
        self._cells = self._slab.cells
        self._model = shortened_label(model)
        self._series: dict[tuple[str, str], Series] = {}
        self._hits = self.place(CACHE_HITS)
        self._misses = self.place(CACHE_MISSES)

    def series(self, version: str, variant: str, columns: Collection[str] = ()) -> Series:
        """Return what counts the requests of one version in one role; the caller keeps it.

        Parameters
        ----------
        version : str
            The semantic version.
        variant : str
            ``stable``, ``candidate`` or ``shadow``; empty for what is not told apart by it.
        columns : collection of str
            The model's, by which problems are counted; all others are ``other``.
        """
        series = self._series.get((version, variant))
        if series is None:
            series = self._series[version, variant] = Series(self, version, variant)
        series.know(columns)
        return series

    def cache_hit(self) -> None:
        """Count a request that was answered from the cache."""
        self._cells[self._hits] += 1

    def cache_miss(self) -> None:
        """Count a request that the cache could not answer."""
        self._cells[self._misses] += 1

    def settle(self) -> None:
        """Try again to find room for what is counted, if there was none: for the thread of the event loop.

        It takes a fraction of a millisecond, and nothing once there was room.
        """
        if not self._unsettled or self.folder is None:
            return
        with contextlib.suppress(OSError):
            self._move_to(create_slab(self.folder))
            self._unsettled = False
            log.warning("requests of this worker are in /metrics from now on")

    def _move_to(self, slab: Slab) -> None:
        """Go on in other memory; who counts in another thread waits meanwhile."""
        with contextlib.ExitStack() as still:
            for series in self._series.values():
                still.enter_context(series.turns)
            slab.go_on_from(self._slab)
            self._slab, self._cells = slab, slab.cells
            for series in self._series.values():
                series.move_to(slab.cells)

    def read(self) -> Counts:
        """Return what this process has counted."""
        return self._slab.read()

    def close(self) -> None:
        """Be done; what was counted stays, to be folded. Later calls do no harm, and may not be counted."""
        self._unsettled = False
        self._slab.close()

    @property
    def cells(self) -> memoryview:
        """The memory that `place` points into."""
        return self._cells

    @property
    def crowded(self) -> bool:
        """Whether what callers can bring about may take no more room."""
        return self._slab.room < LEAST_ROOM

    def place(self, family: Family, *labels: str) -> int:
        """Return where a label set is counted; when there is no more room, that of ``other``."""
        key = (family.tag, self._model, *map(shortened_label, labels))
        place = self._slab.place(key, family.size)
        if place is None:
            others = [OTHER] * len(labels)
            place = self._slab.place((family.tag, self._model, *others), family.size, spare=True)
        assert place is not None, "there is spare room for one label set of each family"
        return place


class Series:
    """Counts the requests of one version in one role."""

    __slots__ = (
        "_batches", "_cells", "_codes", "_columns", "_depth", "_dropped", "_flight", "_problems", "turns",
    )  # fmt: skip

    def __init__(self, meter: Meter, version: str, variant: str) -> None:
        self._cells = meter.cells
        self._columns: frozenset[str] = frozenset()
        self._codes = _Places(lambda code: meter.place(ANSWERED, version, variant, str(code)))
        self._problems = _Places(lambda problem: place_problem(meter, version, variant, *problem))
        self._batches = cache(lambda: meter.place(BATCH_SIZE, version, variant))
        self._flight = meter.place(IN_FLIGHT, version, variant)
        self._depth = meter.place(QUEUE_DEPTH, version, variant)
        self._dropped = meter.place(CAPTURE_DROPPED, version, variant)
        self.turns = threading.Lock()
        if variant:
            self._codes[200]  # there from the start, at 0: a rate needs a value before the first

    def move_to(self, cells: memoryview) -> None:
        """Count in other memory from now on."""
        self._cells = cells

    def know(self, columns: Collection[str]) -> None:
        """Count problems of these columns by their names, too."""
        self._columns = self._columns.union(columns)

    def began(self) -> None:
        """Count a request that is being answered."""
        self._cells[self._flight] += 1

    def ended(self) -> None:
        """Count it no more."""
        self._cells[self._flight] -= 1

    def answered(self, code: int, seconds: float) -> None:
        """Count an answer.

        Parameters
        ----------
        code : int
            HTTP status.
        seconds : float
            How long it took.
        """
        place, cells = self._codes[code], self._cells
        cells[place + bisect_left(_EDGES, seconds)] += 1
        cells[place + _SUM] += int(seconds * NANOSECONDS)

    def queued(self, depth: int) -> None:
        """Say how many requests wait."""
        self._cells[self._depth] = depth

    def batched(self, size: int) -> None:
        """Count rows that were predicted together."""
        with self.turns:
            place = self._batches()
            self._cells[place + bisect_left(_ROWS, size)] += 1
            self._cells[place + _ROWS_SUM] += size

    def invalid(self, problems: Iterable[Problem]) -> None:
        """Count what was wrong with a request, by the model's columns: what a caller wrote is no label."""
        with self.turns:
            for problem in problems:
                column = problem.field if problem.field in self._columns else OTHER
                self._cells[self._problems[column, problem.reason]] += 1

    def dropped(self, count: int = 1) -> None:
        """Count requests that were not captured."""
        with self.turns:
            self._cells[self._dropped] += count


class _Places(dict[Any, int]):
    """Where things are counted, found at their first time; what it is asked for must be bounded."""

    def __init__(self, find: Callable[..., int]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: object) -> int:
        place = self[key] = self._find(key)
        return place


def place_problem(meter: Meter, version: str, variant: str, column: str, reason: str) -> int:
    """Return where a problem is counted: under its column for as long as there is room."""
    return meter.place(VALIDATION_ERRORS, version, variant, OTHER if meter.crowded else column, reason)


def shortened_label(text: str) -> str:
    """Return a label of a length that fits a slab."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _open_slab(folder: Path | None) -> Slab | None:
    if folder is None:
        return None
    try:
        return create_slab(folder)
    except OSError as problem:
        log.warning("requests of this worker are not in /metrics for now: %s", problem.strerror)
        return None
