"""Counting raw values into the cells of a reference, chunk by chunk in constant memory.

`searchsorted` of raw values into 4096 edges takes 70 ms a million; sorting chunks of 64k rows takes 5 to 8,
after which looking up the *edges* among the sorted values is nearly free. The counts are exact either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_jupyter.stats.edges import CELLS, edges_of_sorted
from mlops_jupyter.stats.numeric_profile import SAMPLE, NumericProfile, merged_numeric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlops_jupyter.stats.edges import Edges
    from mlops_jupyter.stats.numeric_profile import Kind

CHUNK = 65_536


class NumericCounter:
    """Counts what it is given into a reference's cells; NaN counts as missing.

    Parameters
    ----------
    edges : Edges
        The reference's edges.
    kind : {"numeric", "datetime", "text"}

    Examples
    --------
    >>> from mlops_jupyter.stats.edges import edges_of
    >>> counter = NumericCounter(edges_of(np.arange(10.0)))
    >>> counter.add(np.array([1.0, 99.0, np.nan]))
    >>> profile = counter.profile()
    >>> profile.count, profile.missing, profile.maximum
    (2, 1, 99.0)
    """

    def __init__(self, edges: Edges, kind: Kind = "numeric") -> None:
        self.edges, self.kind = edges, kind
        self._buffer = np.empty(CHUNK)
        self._filled = 0
        self._total = _profile_of_sorted(self._buffer[:0], edges, kind)

    def add(self, values: NDArray[np.float64]) -> None:
        """Count more values; numbers of any dtype are read as float64."""
        rest = np.asarray(values).ravel()
        while rest.size:
            taken = min(rest.size, CHUNK - self._filled)
            self._buffer[self._filled : self._filled + taken] = rest[:taken]
            self._filled += taken
            rest = rest[taken:]
            if self._filled == CHUNK:
                self._flush()

    def profile(self) -> NumericProfile:
        """Return the profile of all values added so far."""
        self._flush()
        return self._total

    def _flush(self) -> None:
        if self._filled:
            chunk = self._buffer[: self._filled]
            chunk.sort()
            self._total = merged_numeric([self._total, _profile_of_sorted(chunk, self.edges, self.kind)])
            self._filled = 0


def reference_profile(
    values: NDArray[np.float64], kind: Kind = "numeric", cells: int = CELLS
) -> NumericProfile:
    """Return the profile of a reference that is in memory: its edges and its counts by one sort.

    Parameters
    ----------
    values : ndarray of float64
        In any order; NaN is missing.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    return _profile_of_sorted(ordered, edges_of_sorted(_parts(ordered).finite, cells), kind)


class _Parts(NamedTuple):
    below: int
    finite: NDArray[np.float64]
    above: int
    missing: int


def _parts(ordered: NDArray[np.float64]) -> _Parts:
    # sorted, -inf is first, then the finite values, +inf and NaN last
    first = int(np.searchsorted(ordered, -np.inf, "right"))
    last, valid = (int(at) for at in np.searchsorted(ordered, [np.inf, np.nan], "left"))
    return _Parts(first, ordered[first:last], valid - last, ordered.size - valid)


def _profile_of_sorted(ordered: NDArray[np.float64], edges: Edges, kind: Kind) -> NumericProfile:
    parts = _parts(ordered)
    finite = parts.finite
    upto = np.searchsorted(finite, edges.values, "right")
    counts = np.diff(upto, prepend=0, append=finite.size).astype(np.int64)
    counts[0] += parts.below
    counts[-1] += parts.above
    count = ordered.size - parts.missing
    mean, m2 = _moments(finite)
    return NumericProfile(
        edges=edges,
        counts=counts,
        missing=parts.missing,
        count=count,
        infinite=(parts.below, parts.above),
        minimum=float(finite[0]) if finite.size else np.nan,
        maximum=float(finite[-1]) if finite.size else np.nan,
        mean=mean,
        m2=m2,
        integral=_whole(finite),
        excess=_excess(finite, edges, counts[0] - parts.below, counts[-1] - parts.above),
        kind=kind,
        sample=ordered[:count].copy() if count <= SAMPLE else None,
    )


def _moments(finite: NDArray[np.float64]) -> tuple[float, float]:
    if not finite.size:
        return np.nan, 0.0
    # around the median, at most one deviation off the mean: one pass, and nothing is lost to cancellation
    centre, rows = finite[finite.size // 2], finite.size
    with np.errstate(over="ignore", invalid="ignore"):
        total, squares = np.sum([_sums(chunk - centre) for chunk in _chunks(finite)], axis=0)
        mean, m2 = float(centre + total / rows), float(squares - rows * (total / rows) ** 2)
        if np.isfinite(mean) and np.isfinite(m2):
            return mean, m2
        mean = float((finite / rows).sum())  # near the largest float a sum overflows, a mean does not
        return mean, float(np.square(finite - mean).sum())


def _sums(centred: NDArray[np.float64]) -> tuple[float, float]:
    # einsum and no dot: threads of BLAS cost more than they save here
    return centred.sum(), np.einsum("i,i", centred, centred)


def _whole(finite: NDArray[np.float64]) -> bool:
    few = finite[:: max(1, finite.size // 256)]
    return all(bool((part == np.rint(part)).all()) for part in (few, *_chunks(finite)))


def _chunks(values: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    # steps of many passes over the same values find them in the processor's cache
    return (values[start : start + CHUNK] for start in range(0, values.size, CHUNK))


def _excess(finite: NDArray[np.float64], edges: Edges, below: int, above: int) -> tuple[float, float]:
    if not edges.values.size:
        return 0.0, 0.0
    with np.errstate(over="ignore"):
        low = (edges.values[0] - finite[:below]).sum()
        return float(low), float((finite[finite.size - above :] - edges.values[-1]).sum())
