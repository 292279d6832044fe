"""The profile of a numeric column: counts in the reference's cells, and moments. Merging is addition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from mlops_jupyter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlops_jupyter.stats.edges import Edges

SAMPLE = 10_000
"""Raw values are kept up to this many, so that small windows are compared exactly."""

SMALLEST = 1e-290
"""Sums of squares below this have lost digits, or all."""

Number = TypeVar("Number", int, float)
Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]


@dataclass(frozen=True, eq=False)
class NumericProfile:
    """What is known of a numeric column, a datetime or the lengths of a text.

    Parameters
    ----------
    edges : Edges
        The reference's edges.
    counts : ndarray of int64, shape (len(edges.values) + 1,)
        Rows in each cell; infinite values are in the first and the last.
    missing, count : int
        Rows without and with a value.
    infinite : tuple of int
        How many values are -inf and +inf.
    minimum, maximum, mean, m2 : float
        Of the finite values (nan where there are none); `m2` is the sum of squared deviations from the mean.
    integral : bool
        Whether all finite values are whole numbers.
    excess : tuple of float
        By how much, summed, the finite values lie below the first and above the last edge.
    kind : {"numeric", "datetime", "text"}
        A datetime is seconds since 1970 UTC; a text is its lengths.
    sample : ndarray of float64 or None
        The values themselves, sorted, while there are at most `SAMPLE`.
    words : tuple of int
        Of a text: words that are in `vocabulary`, and all words.
    vocabulary : tuple of str
        Of a text: the words that the reference knows.
    error : float
        Share of rows by which a cumulative count may be wrong: not 0 after `rebinned`.
    """

    edges: Edges
    counts: NDArray[np.int64]
    missing: int
    count: int
    infinite: tuple[int, int] = (0, 0)
    minimum: float = np.nan
    maximum: float = np.nan
    mean: float = np.nan
    m2: float = 0.0
    integral: bool = True
    excess: tuple[float, float] = (0.0, 0.0)
    kind: Kind = "numeric"
    sample: NDArray[np.float64] | None = None
    words: tuple[int, int] = (0, 0)
    vocabulary: tuple[str, ...] = ()
    error: float = 0.0

    @property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return self.count + self.missing

    @property
    def finite(self) -> int:
        """Rows with a finite value."""
        return self.count - sum(self.infinite)

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite values; half the range where a float cannot hold the squares."""
        if not self.finite:
            return np.nan
        if self.minimum < self.maximum and not SMALLEST < self.m2 < np.inf:
            return self.maximum / 2 - self.minimum / 2  # nothing in the range can deviate more
        return float(np.sqrt(self.m2 / self.finite))

    @property
    def constant(self) -> bool:
        """Whether there is one value only."""
        return self.count > 0 and self.finite == self.count and self.minimum == self.maximum

    @property
    def known(self) -> float | None:
        """Of a text: the share of words that the reference's vocabulary has."""
        return self.words[0] / self.words[1] if self.words[1] else None

    def merge(self, other: NumericProfile) -> NumericProfile:
        """Return the profile of both windows together.

        Raises
        ------
        DataError
            When the edges are not equal: such profiles cannot be added.
        """
        return merged_numeric([self, other])


def merged_numeric(parts: Sequence[NumericProfile]) -> NumericProfile:
    """Return the profile of all parts together, as one pass over all their rows would have made it."""
    first = parts[0]
    if any(_incompatible(first, part) for part in parts):
        raise DataError(
            "profiles of different edges cannot be merged", hint="profile both with one reference"
        )
    full = [part for part in parts if part.finite]
    mean, m2 = _moments(full)
    return replace(
        first,
        counts=reduce(np.add, (part.counts for part in parts)),
        missing=sum(part.missing for part in parts),
        count=sum(part.count for part in parts),
        infinite=_added([part.infinite for part in parts]),
        minimum=min((part.minimum for part in full), default=np.nan),
        maximum=max((part.maximum for part in full), default=np.nan),
        mean=mean,
        m2=m2,
        integral=all(part.integral for part in parts),
        excess=_added([part.excess for part in parts]),
        sample=_samples(parts),
        words=_added([part.words for part in parts]),
        error=max(part.error for part in parts),
    )


def _incompatible(one: NumericProfile, other: NumericProfile) -> bool:
    if one.edges is other.edges:
        return one.kind != other.kind
    return one.kind != other.kind or one.edges.digest != other.edges.digest


def _added(pairs: Sequence[tuple[Number, Number]]) -> tuple[Number, Number]:
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


def _moments(parts: Sequence[NumericProfile]) -> tuple[float, float]:
    # Chan, Golub and LeVeque (1983): parts' means and squared deviations combine without cancellation
    rows = sum(part.finite for part in parts)
    if not rows:
        return np.nan, 0.0
    mean = sum(part.mean * (part.finite / rows) for part in parts)
    with np.errstate(over="ignore"):
        return mean, sum(part.m2 + part.finite * _squared(part.mean - mean) for part in parts)


def _squared(value: float) -> float:
    return float(np.square(value))  # inf where Python's ** would raise


def _samples(parts: Sequence[NumericProfile]) -> NDArray[np.float64] | None:
    kept = [part.sample for part in parts if part.sample is not None]
    if len(kept) < len(parts) or sum(values.size for values in kept) > SAMPLE:
        return None
    return np.sort(np.concatenate(kept))
