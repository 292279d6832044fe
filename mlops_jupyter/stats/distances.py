"""Measures between two windows of numbers: Kolmogorov-Smirnov, the means; and quantiles of a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.bounds import LEAST_ROWS, Estimate, estimate
from mlops_jupyter.stats.cumulative import cumulative, straight_lines
from mlops_jupyter.stats.edges import quantiles_of_sorted
from mlops_jupyter.stats.significance import kolmogorov_smirnov_p, normal_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.stats.numeric_profile import NumericProfile

    Floats = NDArray[np.float64]

QUANTILES = np.array([0.25, 0.05, 0.005])
NORMAL_SPREADS = np.array([1.3489795003921634, 3.2897072539029436, 5.151658607097801])
"""What lies between such quantiles of a standard normal distribution."""


def kolmogorov_smirnov(reference: NumericProfile, current: NumericProfile) -> Estimate:
    """Return the largest difference of the cumulative distributions.

    Its bounds are those of Dvoretzky, Kiefer, Wolfowitz and Massart for two samples (Wei and Dudley, 2012):
    they hold for every distribution and are wide rather than narrow.
    """
    both = cumulative(reference, current)
    observed = float(np.abs(both.reference - both.current).max(initial=0.0))
    rows = (reference.count, current.count)
    band = float(np.sqrt(np.log(2 / 0.05) / 2 * (1 / rows[0] + 1 / rows[1])))
    reach = band + (0.0 if both.exact else _largest_cell(reference, current))
    low = max(0.0, observed - reach) if min(rows) >= LEAST_ROWS else 0.0
    p = kolmogorov_smirnov_p(observed, rows)
    return Estimate(
        observed, observed, low, min(1.0, observed + reach), p, error=reference.error + current.error
    )


FAR = 1e150
"""Standard deviations whose square is still a number."""


def mean_difference(reference: NumericProfile, current: NumericProfile) -> Estimate:
    """Return the difference of the means in standard deviations of the reference, without its sign."""
    scale = reference.deviation or robust_deviation(reference)
    rows = (reference.finite, current.finite)
    with np.errstate(over="ignore"):  # infinite where floats end: then nothing is claimed
        spreads = np.square(np.array([reference.deviation, current.deviation]) / scale)
        observed = float(np.abs(np.float64(current.mean) / scale - reference.mean / scale))
    variance = float(spreads[0] / rows[0] + spreads[1] / rows[1])
    p = normal_p(observed / np.sqrt(variance)) if 0 < variance < np.inf else None
    effect = estimate(observed, bias=0.0, variance=variance, rows=rows, p=p)
    return replace(effect, row_variance=float(spreads.max()))


def robust_deviation(profile: NumericProfile) -> float:
    """Return IQR / 1.349; where it is 0, of wider ranges, then the standard deviation, the mean's size, 1."""
    low, high = quantiles(profile, np.array([QUANTILES, 1 - QUANTILES]))
    with np.errstate(over="ignore"):
        spreads = ((high - low) / NORMAL_SPREADS).tolist()
    for scale in (*spreads, profile.deviation, abs(profile.mean)):
        if scale > 0 and np.isfinite(scale):
            return float(scale)
    return 1.0


def quantiles(profile: NumericProfile, at: Floats) -> Floats:
    """Return quantiles of the values: exact while they are few, else interpolated within their cells."""
    if profile.sample is not None and profile.finite:
        return quantiles_of_sorted(profile.sample[np.isfinite(profile.sample)], at)
    ends, upto = straight_lines(profile)
    return np.interp(at * profile.finite, upto, ends)


def _largest_cell(reference: NumericProfile, current: NumericProfile) -> float:
    """Return by how much a difference within a cell can exceed those at its ends."""
    hidden = np.minimum(reference.counts / reference.count, current.counts / current.count)
    return float(hidden[~reference.edges.atoms].max(initial=0.0))
