"""Two cumulative distributions at common points, as exact as the profiles are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.stats.numeric_profile import NumericProfile

    Floats = NDArray[np.float64]


class Cumulative(NamedTuple):
    """Two cumulative distributions.

    Parameters
    ----------
    at : ndarray
        Rising points.
    reference, current : ndarray
        Shares of values up to and with each point.
    exact : bool
        Whether both are flat between the points; if not, they are read as straight lines.
    """

    at: Floats
    reference: Floats
    current: Floats
    exact: bool


@lru_cache(maxsize=1)  # two measures ask for the same pair, one after the other
def cumulative(reference: NumericProfile, current: NumericProfile, *, infinite: bool = True) -> Cumulative:
    """Return both distributions: of the raw values where both have them, else at the cells' ends.

    Parameters
    ----------
    reference, current : NumericProfile
    infinite : bool
        Whether infinite values count.
    """
    if reference.sample is not None and current.sample is not None:
        samples = reference.sample, current.sample
        return _of_samples(*(samples if infinite else (values[np.isfinite(values)] for values in samples)))
    counts = [one.counts if infinite else finite_counts(one) for one in (reference, current)]
    shares = [np.cumsum(cells[:-1]) / cells.sum() for cells in counts]
    return Cumulative(reference.edges.values, shares[0], shares[1], exact=False)


def _of_samples(reference: Floats, current: Floats) -> Cumulative:
    pooled = np.concatenate([reference, current])
    order = np.argsort(pooled, kind="stable")  # of two sorted runs this is one merge
    values = pooled[order]
    last = np.append(values[1:] != values[:-1], True)  # of equal values
    upto, both = np.cumsum(order < reference.size)[last], np.flatnonzero(last) + 1
    return Cumulative(values[last], upto / reference.size, (both - upto) / current.size, exact=True)


def straight_lines(profile: NumericProfile) -> tuple[Floats, Floats]:
    """Return points and the finite values up to them, to be joined by straight lines, within the range."""
    if not profile.finite:
        return np.array([np.nan]), np.array([0.0])
    counts, low, high = finite_counts(profile), profile.minimum, profile.maximum
    rights = np.append(np.minimum(profile.edges.values, high), high)
    lefts = np.where(profile.edges.atoms, rights, np.maximum(np.append(low, rights[:-1]), low))
    filled = counts > 0
    upto = np.cumsum(counts[filled])
    ends = np.column_stack([np.minimum(lefts[filled], rights[filled]), rights[filled]]).ravel()
    return ends, np.column_stack([upto - counts[filled], upto]).ravel().astype(np.float64)


def finite_counts(profile: NumericProfile) -> NDArray[np.int64]:
    """Return the counts without the infinite values."""
    counts = profile.counts.copy()
    counts[0] -= profile.infinite[0]
    counts[-1] -= profile.infinite[1]
    return counts


def counts_upto(profile: NumericProfile, at: Floats) -> tuple[Floats, float]:
    """Return the values up to each point, -inf included, and the largest error of these counts."""
    if not profile.finite:
        return np.full(at.size, float(profile.infinite[0])), 0.0
    ends, upto = straight_lines(profile)
    found = np.interp(at, ends, upto, left=0.0)
    before, after = _known_counts(profile, at)
    return found + profile.infinite[0], float(np.maximum(found - before, after - found).max(initial=0.0))


def _known_counts(profile: NumericProfile, at: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most values that may lie up to each point."""
    upto = np.append(0, np.cumsum(finite_counts(profile)))
    cell = np.searchsorted(profile.edges.values, at, "left")
    on_edge = np.append(profile.edges.values, np.nan)[cell] == at
    inside = ~on_edge & (at >= profile.minimum) & (at < profile.maximum)
    exact = np.where(at < profile.minimum, 0, np.where(at >= profile.maximum, profile.finite, upto[cell + 1]))
    return np.where(inside, upto[cell], exact), np.where(inside, upto[cell + 1], exact)
