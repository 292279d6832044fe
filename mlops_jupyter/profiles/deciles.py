"""Exact deciles of a column too large to be sorted: the last look at the few cells that hold them.

Counts tell in which cell each decile lies. Only the values of these cells are kept, which are about one in
five hundred; cells that hold a single value need no look at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.edges import DECILES, edges_at, interpolated

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlops_jupyter.stats.numeric_profile import NumericProfile
    from mlops_jupyter.stats.profiles import ColumnProfile

    from .values import Values


class DecileSearch:
    """Collects the values of the cells that hold a decile, and puts the deciles among the edges.

    Parameters
    ----------
    profile : NumericProfile
        Counted, with the deciles of a sample.
    numbers : callable
        Returns the numbers that values are counted by.
    """

    def __init__(self, profile: NumericProfile, numbers: Callable[[Values], NDArray[np.float64]]) -> None:
        self.profile, self.numbers = profile, numbers
        place = DECILES * (profile.finite - 1)
        left = np.floor(place).astype(np.int64)
        self.part = place - left
        self.ranks = np.concatenate([left, np.minimum(left + 1, profile.finite - 1)])
        self.upto = np.cumsum(_finite_counts(profile))
        self.cell_of_rank = np.searchsorted(self.upto, self.ranks, "right")
        self.below = np.append(-np.inf, profile.edges.values)
        self.end = np.append(profile.edges.values, np.finfo(np.float64).max)
        cells = np.unique(self.cell_of_rank)
        # a cell of a single value is known without a look, and may hold half of all rows
        with np.errstate(over="ignore"):  # below the least of all floats
            self.cells = cells[np.nextafter(self.end[cells], -np.inf) > self.below[cells]]
        self.low, self.high = self.below[self.cells], self.end[self.cells]
        self._parts: list[NDArray[np.float64]] = []

    def add(self, values: Values) -> None:
        """Keep what lies in the cells."""
        numbers = self.numbers(values)
        for start in range(0, len(numbers), _CHUNK):
            self._keep(numbers[start : start + _CHUNK])

    def next(self) -> ColumnProfile:
        """Return the profile with exact deciles."""
        kept = np.sort(np.concatenate([*self._parts, np.empty(0)]))
        low, high = np.split(self._at_ranks(kept), 2)
        return self._with(np.unique(interpolated(low, high, self.part)), kept)

    def _at_ranks(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values beside the deciles."""
        found = self.end[self.cell_of_rank]
        looked = np.isin(self.cell_of_rank, self.cells)
        cells = self.cell_of_rank[looked]
        begun = np.searchsorted(kept, self.below[cells], "right")
        found[looked] = kept[begun + self.ranks[looked] - np.append(0, self.upto)[cells]]
        return found

    def _keep(self, numbers: NDArray[np.float64]) -> None:
        ordered = np.sort(numbers)  # quicker than to look for the cell of each
        starts = np.searchsorted(ordered, self.low, "right")
        stops = np.searchsorted(ordered, self.high, "right")
        self._parts.extend(
            ordered[start:stop].copy() for start, stop in zip(starts, stops, strict=True) if start < stop
        )

    def _with(self, deciles: NDArray[np.float64], kept: NDArray[np.float64]) -> NumericProfile:
        """Return the profile with edges at the deciles; of a cell that one divides, every value is kept."""
        old = self.profile.edges.values
        edges = edges_at(old, deciles)
        cell = np.searchsorted(old, edges.values, "left")
        upto = np.append(self.upto, self.upto[-1])[np.minimum(cell, len(old))]
        inner = ~np.isin(edges.values, old)
        begun = np.append(0, self.upto)[cell[inner]]
        below = np.append(-np.inf, old)[cell[inner]]
        upto[inner] = (
            begun
            + np.searchsorted(kept, edges.values[inner], "right")
            - np.searchsorted(kept, below, "right")
        )
        counts = np.diff(upto, prepend=0, append=self.upto[-1]).astype(np.int64)
        counts[0] += self.profile.infinite[0]
        counts[-1] += self.profile.infinite[1]
        return replace(self.profile, edges=edges, counts=counts)


def _finite_counts(profile: NumericProfile) -> NDArray[np.int64]:
    counts = profile.counts.copy()
    counts[0] -= profile.infinite[0]
    counts[-1] -= profile.infinite[1]
    return counts


_CHUNK = 65_536
