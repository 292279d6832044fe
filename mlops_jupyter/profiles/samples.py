"""A sample of a column that streams by, spread evenly over all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of so many values each of 4096 cells holds 49, so that the largest of them has half as much again.
SAMPLE: Final = 200_000


class Sample:
    """Keeps one value of each stretch of equal length, at a random place in it.

    A value of each stretch and not any: rows are often sorted by time. At a random place and not at the
    same: they often come in turns.

    Parameters
    ----------
    limit : int or None
        How many are kept at most; None for all.
    rows : int, optional
        How many will come, where that is known.
    """

    def __init__(self, limit: int | None = SAMPLE, rows: int | None = None) -> None:
        self.limit = limit
        self.stretch = max(1, -(-rows // limit)) if limit and rows else 1
        self.kept = 0
        self._parts: list[NDArray[np.float64]] = []
        self._random = np.random.default_rng(0)

    @property
    def complete(self) -> bool:
        """Whether every value is in it."""
        return self.stretch == 1

    def add(self, values: NDArray[np.float64]) -> None:
        """Take more values."""
        taken = self._thinned(values, self.stretch)
        self._parts.append(taken)
        self.kept += len(taken)
        while self.limit is not None and self.kept > self.limit:
            self.stretch *= 2
            self._parts = [self._thinned(self.values(), 2)]
            self.kept = len(self._parts[0])

    def values(self) -> NDArray[np.float64]:
        """Return what was kept, in its order."""
        if len(self._parts) == 1:
            return self._parts[0]
        return np.concatenate(self._parts) if self._parts else np.empty(0)

    def _thinned(self, values: NDArray[np.float64], stretch: int) -> NDArray[np.float64]:
        if stretch == 1:
            return values
        starts = np.arange(0, len(values), stretch)
        places = starts + self._random.integers(0, stretch, len(starts))
        taken: NDArray[np.float64] = values[np.minimum(places, len(values) - 1)]
        return taken
