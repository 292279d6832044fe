"""Shares of rows and their bounds: missing values, values out of range, new levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.bounds import LEAST_ROWS, Z95, Estimate
from mlops_jupyter.stats.significance import normal_p

if TYPE_CHECKING:
    from mlops_jupyter.stats.categorical_profile import CategoricalProfile
    from mlops_jupyter.stats.numeric_profile import NumericProfile


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927).

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(5, 100)]
    [0.022, 0.112]
    """
    share, z2 = hits / rows, Z95**2 / rows
    centre = (share + z2 / 2) / (1 + z2)
    reach = Z95 * float(np.sqrt(share * (1 - share) / rows + z2 / rows / 4)) / (1 + z2)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def missing_difference(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Estimate:
    """Return the difference of the missing rates, without its sign."""
    return rate_difference((reference.missing, reference.rows), (current.missing, current.rows))


def rate_difference(reference: tuple[int, int], current: tuple[int, int]) -> Estimate:
    """Return the difference of two shares, without its sign, with Newcombe's (1998) hybrid score interval.

    Parameters
    ----------
    reference, current : tuple of int
        Hits and rows.
    """
    (a, n), (b, m) = reference, current
    more, less = ((a / n, *wilson(a, n)), (b / m, *wilson(b, m)))
    if more[0] < less[0]:
        more, less = less, more
    difference = more[0] - less[0]
    down = float(np.hypot(more[0] - more[1], less[2] - less[0]))
    up = float(np.hypot(more[2] - more[0], less[0] - less[1]))
    low = max(0.0, difference - down) if min(n, m) >= LEAST_ROWS else 0.0
    return Estimate(difference, difference, low, min(1.0, difference + up), _p(reference, current))


def _p(reference: tuple[int, int], current: tuple[int, int]) -> float | None:
    (a, n), (b, m) = reference, current
    pooled = (a + b) / (n + m)
    spread = pooled * (1 - pooled) * (1 / n + 1 / m)
    return normal_p(float((a / n - b / m) / np.sqrt(spread))) if spread > 0 else None
