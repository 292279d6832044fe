"""Two cumulative distributions at common points, as exact as the profiles are."""

from __future__ import annotations

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


def cumulative(reference: NumericProfile, current: NumericProfile) -> Cumulative:
    """Return both distributions: of the raw values where both have them, else at the cells' ends."""
    if reference.sample is not None and current.sample is not None:
        return _of_samples(reference.sample, current.sample)
    shares = [np.cumsum(one.counts[:-1]) / one.count for one in (reference, current)]
    return Cumulative(reference.edges.values, shares[0], shares[1], exact=False)


def _of_samples(reference: Floats, current: Floats) -> Cumulative:
    at = np.unique(np.concatenate([reference, current]))
    shares = [np.searchsorted(values, at, "right") / values.size for values in (reference, current)]
    return Cumulative(at, shares[0], shares[1], exact=True)
