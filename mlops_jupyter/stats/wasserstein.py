"""The Wasserstein distance between two windows of numbers, with bounds, from cells or raw values.

One value of 1e12 among a million moves the plain integral by 1e6. So what is judged is the distance of
values clipped to `FENCE` robust deviations beyond the reference's quartiles: there an outlier neither makes
drift nor hides it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_jupyter.stats.bounds import Estimate, folded
from mlops_jupyter.stats.cumulative import cumulative
from mlops_jupyter.stats.distances import quantiles, robust_deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.stats.cumulative import Cumulative
    from mlops_jupyter.stats.numeric_profile import NumericProfile

    Floats = NDArray[np.float64]

FENCE = 20.0


def wasserstein(reference: NumericProfile, current: NumericProfile) -> Estimate:
    """Return ``integral |F_ref - F_cur| dx`` of the finite values.

    It is told in robust standard deviations of the reference (IQR / 1.349). A row at ``y`` moves the
    integral by the sign of the difference, summed to the right of ``y``: its variance over the rows is the
    delta method's. What chance alone makes of the integral is taken off in quadrature. Within a cell both
    distributions are read as straight lines.
    """
    scale, rows = robust_deviation(reference), (reference.finite, current.finite)
    low, high = quantiles(reference, np.array([0.25, 0.75])).tolist()
    pieces = _clipped(_pieces(reference, current), *_range(reference, current))
    judged = _in_units(_clipped(pieces, low - FENCE * scale, high + FENCE * scale), low, scale)
    plain, chance = _area(judged), _chance(judged, rows)
    variance = max(_variance(judged, rows), (BRIDGE * chance) ** 2)
    found = folded(plain, chance, variance, rows)
    width = float(judged.at[-1] - judged.at[0])
    pull = _spread(judged.masses[0], judged.at)
    return replace(
        found,
        observed=_area(pieces) / scale,
        row_variance=pull,
        error=(reference.error + current.error) * width,
    )


BRIDGE = 0.43  # standard deviation over mean of the integral of |Brownian bridge|: Shepp (1982)


class _Pieces(NamedTuple):
    """The difference of two cumulative distributions, piece by piece between rising points.

    `left` and `right` are the differences at each piece's ends, `pooled` the distribution of both together
    at the points; `masses` are the shares at each point (the last two: in each piece, spread evenly).
    """

    at: Floats
    left: Floats
    right: Floats
    pooled: Floats
    masses: tuple[Floats, Floats]
    even: bool


def _pieces(reference: NumericProfile, current: NumericProfile) -> _Pieces:
    both = cumulative(reference, current, infinite=False)
    if not both.exact:
        both = _with_tails(both, reference, current)
    difference = both.reference - both.current
    rows = (reference.finite, current.finite)
    return _Pieces(
        at=both.at,
        left=difference[:-1],
        right=difference[:-1] if both.exact else difference[1:],
        pooled=(both.reference * rows[0] + both.current * rows[1]) / sum(rows),
        masses=(np.diff(both.reference, prepend=0.0), np.diff(both.current, prepend=0.0)),
        even=not both.exact,
    )


def _clipped(pieces: _Pieces, low: float, high: float) -> _Pieces:
    return pieces._replace(at=np.clip(pieces.at, low, high))


def _in_units(pieces: _Pieces, zero: float, scale: float) -> _Pieces:
    # before anything is squared: the square of 1e-310 is 0, and that of 1e300 infinite; halves never overflow
    return pieces._replace(at=(pieces.at / 2 - zero / 2) / scale * 2)


def _range(reference: NumericProfile, current: NumericProfile) -> tuple[float, float]:
    return min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)


def _with_tails(both: Cumulative, reference: NumericProfile, current: NumericProfile) -> Cumulative:
    """Add a point on either side, as far out as the values beyond the edges are on average."""
    below, above = (
        (reference.excess[side] + current.excess[side])
        / max(1, _beyond(reference, side) + _beyond(current, side))
        for side in (0, 1)
    )
    return both._replace(
        at=np.concatenate([[both.at[0] - below], both.at, [both.at[-1] + above]]),
        reference=_held(both.reference),
        current=_held(both.current),
    )


def _beyond(profile: NumericProfile, side: int) -> int:
    return int(profile.counts[-side]) - profile.infinite[side]


def _held(shares: Floats) -> Floats:
    return np.concatenate([shares[:1], shares, shares[-1:]])


def _area(pieces: _Pieces) -> float:
    heights = _heights(np.abs(pieces.left), pieces) if pieces.even else np.abs(pieces.left)
    return 2 * float(np.einsum("i,i", heights, np.diff(pieces.at / 2)))  # halves: no width overflows


def _heights(left: Floats, pieces: _Pieces) -> Floats:
    # two triangles where the distributions cross, else one trapezium
    right, crossing = np.abs(pieces.right), pieces.left * pieces.right < 0
    both = np.where(left + right > 0, left + right, 1.0)
    return np.where(crossing, (left**2 + right**2) / both, left + right) / 2


def _chance(pieces: _Pieces, rows: tuple[int, int]) -> float:
    """Return the area expected where both windows are of one distribution."""
    spread = pieces.pooled * (1 - pieces.pooled) * (1 / rows[0] + 1 / rows[1])
    heights = np.sqrt(2 / np.pi * np.maximum(spread, 0.0))
    ends = (heights[:-1] + heights[1:]) / 2 if pieces.even else heights[:-1]
    return float(np.sum(ends * np.diff(pieces.at)))


def _variance(pieces: _Pieces, rows: tuple[int, int]) -> float:
    signs = np.sign(pieces.left + pieces.right) * np.diff(pieces.at)
    pull = np.append(np.cumsum(signs[::-1])[::-1], 0.0)
    if pieces.even:
        pull[1:-1] = (pull[1:-1] + pull[:-2]) / 2
    return sum(_spread(mass, pull) / n for mass, n in zip(pieces.masses, rows, strict=True))


def _spread(mass: Floats, pull: Floats) -> float:
    # the last point takes what is left: rows above the last edge
    mass = np.append(mass[:-1], 1 - mass[:-1].sum())
    centre = float(np.sum(mass * pull))
    return float(np.sum(mass * (pull - centre) ** 2))
