"""Where the cells of a numeric column lie: at the quantiles of the reference, with a cell for each atom.

A uniform grid is fast and wrong on spikes and heavy tails: one outlier of 1e12 leaves a single cell for all
the rest. Edges at the reference's quantiles put the same share of rows into each cell, so
Kolmogorov-Smirnov from counts errs by at most the largest cell that is no atom, whatever the distribution.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = 4096
"""Cells of a column: shares of 0.00024, so that Kolmogorov-Smirnov errs by less than 0.0005."""

EVEN = 256
BULK = 15.0
"""Evenly spaced edges, and how many interquartile ranges around the median they span."""

BEYOND = 64
"""Evenly spaced edges on either side of the reference, as far as it is wide itself."""

DECILES = np.arange(1, 10) / 10


@dataclass(frozen=True, eq=False)
class Edges:
    """The right ends of a column's cells, and which of them bound the bins of PSI.

    Parameters
    ----------
    values : ndarray of float64
        Rising right ends. Cell ``i`` is ``(values[i-1], values[i]]``; the first is open below, and one more
        lies above the last edge.
    bins : ndarray of intp
        Positions in `values` of the reference's deciles, equal ones merged.

    Examples
    --------
    >>> edges = edges_of(np.arange(101.0))
    >>> edges.values[edges.bins]
    array([10., 20., 30., 40., 50., 60., 70., 80., 90.])
    """

    values: NDArray[np.float64]
    bins: NDArray[np.intp]

    @cached_property
    def digest(self) -> str:
        """Name of these edges: profiles merge only when theirs are equal."""
        content = self.values.astype("<f8").tobytes() + self.bins.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    @cached_property
    def atoms(self) -> NDArray[np.bool_]:
        """Which cells hold one value only: there a count tells all."""
        lone = np.zeros(self.values.size + 1, dtype=bool)
        with np.errstate(over="ignore", under="ignore"):
            lone[1:-1] = np.nextafter(self.values[1:], -np.inf) == self.values[:-1]
        return lone


def edges_of(values: NDArray[np.float64], cells: int = CELLS) -> Edges:
    """Return exact edges from raw values; what is missing or infinite is left aside.

    Parameters
    ----------
    values : ndarray of float64
        The reference's values, or a sample of them, in any order.
    cells : int
        How many cells of equal share to aim at. An atom (a value with a share over ``1 / cells``) gets a cell
        of its own, and both tails are cut finer, down to single rows.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return edges_of_sorted(np.sort(numbers[np.isfinite(numbers)]), cells)


def edges_of_sorted(ordered: NDArray[np.float64], cells: int = CELLS) -> Edges:
    """Return exact edges of finite values that are sorted already."""
    if not ordered.size:
        return Edges(np.empty(0), np.empty(0, dtype=np.intp))
    deciles = np.unique(quantiles_of_sorted(ordered, DECILES))
    ends = np.unique(ordered[_ranks(ordered.size, cells)])
    lone = np.append(_atoms(ordered, ends, cells), ordered[0])
    with np.errstate(over="ignore", under="ignore"):
        below = np.nextafter(lone, -np.inf)
    return edges_at(np.concatenate([ends, lone, below[np.isfinite(below)], _evenly(ordered)]), deciles)


def edges_at(ends: NDArray[np.float64], deciles: NDArray[np.float64]) -> Edges:
    """Return edges at `ends` and at the given deciles of the reference.

    For a reference too large to be sorted at once: `ends` from a sample, the deciles exact from a second
    pass.
    """
    values = np.unique(np.concatenate([ends, deciles]) + 0.0)  # + 0.0: -0.0 and 0.0 are one edge
    return Edges(values, np.searchsorted(values, np.unique(deciles)))


def quantiles_of_sorted(ordered: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quantiles as `numpy.quantile` does by default (Hyndman and Fan's type 7), to the last bit."""
    place = at * (ordered.size - 1)
    left = np.floor(place).astype(np.intp)
    return interpolated(ordered[left], ordered[np.minimum(left + 1, ordered.size - 1)], place - left)


def interpolated(
    low: NDArray[np.float64], high: NDArray[np.float64], part: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values between `low` and `high`, rounded as `numpy.quantile` rounds and safe from overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        inner = np.where(part >= 0.5, high - width * (1 - part), low + width * part)
    return np.where(np.isfinite(width), inner, low * (1 - part) + high * part)


def _evenly(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return evenly spaced points over the bulk of the values.

    Where the reference has a gap it has one cell, and of rows that come to lie there only their number would
    be known: too little for a distance that counts how far they moved.
    """
    low, middle, high = quantiles_of_sorted(ordered, np.array([0.25, 0.5, 0.75]))
    with np.errstate(over="ignore", invalid="ignore"):
        reach = BULK * (high - low) or np.inf
        ends = max(ordered[0], middle - reach), min(ordered[-1], middle + reach)
        points = np.concatenate([np.linspace(*ends, EVEN), *_beyond(ordered, ends[1] - ends[0])])
    return points[np.isfinite(points)] if ends[0] < ends[1] else points[:0]


def _beyond(ordered: NDArray[np.float64], wide: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return evenly spaced points on either side of all values: what drifts out of them has a shape too."""
    steps = np.arange(1, BEYOND + 1) / BEYOND * wide
    return ordered[0] - steps, ordered[-1] + steps


def _ranks(rows: int, cells: int) -> NDArray[np.intp]:
    even = np.ceil(np.arange(1, cells + 1) * (rows / cells)).astype(np.intp) - 1
    depth = (rows / cells / 2.0 ** np.arange(64)).astype(np.intp)
    depth = depth[depth > 0]
    return np.concatenate([np.clip(even, 0, rows - 1), depth - 1, rows - 1 - depth])


def _atoms(ordered: NDArray[np.float64], ends: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    # a run longer than a cell holds at least one of the ranks, so every atom is among the ends
    rows = np.searchsorted(ordered, ends, "right") - np.searchsorted(ordered, ends, "left")
    return ends[rows > ordered.size / cells]
