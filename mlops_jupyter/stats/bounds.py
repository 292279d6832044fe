"""An effect's estimate with its bias taken off and 95 % bounds.

Two windows of one distribution never have equal counts: every distance between them is above zero by chance
alone. So the bias is subtracted, and a verdict needs the *lower bound* above its limit. Divergences of
cells use the delta method on multinomial counts of both windows, to second order where the first vanishes
(no drift).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z95 = 1.959963984540054
LEAST_ROWS = 30
"""Below this many rows of either window no bound is claimed: normal approximations mean nothing there."""

SPARSE = 5.0
"""Rows that a cell should have in the shorter window, for its share of a divergence to be known."""


@dataclass(frozen=True)
class Estimate:
    """A measure between two windows.

    Parameters
    ----------
    observed : float
        By the textbook formula.
    value : float
        The bias of finite windows taken off, never below 0.
    low, high : float
        95 % confidence bounds.
    p : float or None
        How probable so large an effect is where nothing has drifted.
    cells : int
        Bins or levels that hold rows.
    row_variance : float
        Of one row's pull on the measure: both say how many rows a verdict takes.
    error : float
        By how much the value may be wrong because a profile was rebinned.
    """

    observed: float
    value: float
    low: float
    high: float
    p: float | None = None
    cells: int = 10
    row_variance: float = 1.0
    error: float = 0.0


def estimate(
    observed: float, *, bias: float, variance: float, rows: tuple[int, int], p: float | None = None
) -> Estimate:
    """Return the estimate of an effect whose bias and variance are known."""
    value = max(0.0, observed - bias)
    reach = Z95 * float(np.sqrt(max(variance, 0.0)))
    low = max(0.0, observed - bias - reach) if min(rows) >= LEAST_ROWS else 0.0
    return Estimate(observed, value, low, max(value, observed - bias + reach), p)


def folded(
    observed: float, chance: float, variance: float, rows: tuple[int, int], p: float | None = None
) -> Estimate:
    """Return the estimate of a sum of absolute differences, of which chance alone makes `chance`.

    Noise and effect add like sides of a right angle, so the value is ``sqrt(observed**2 - chance**2)``.
    Near `chance` that rises steeply, and noise with it: the lower bound takes off more there, the upper
    nothing.
    """
    value = float(np.sqrt(max(observed**2 - chance**2, 0.0)))
    effect = estimate(observed, bias=observed - value, variance=variance, rows=rows, p=p)
    effect = replace(effect, high=effect.high + observed - value)
    if not chance:
        return effect
    careful = observed - chance * float(np.exp(1 - max(observed / chance, 1.0)))
    return replace(effect, low=max(0.0, effect.low - max(0.0, value - careful)))


def rooted(squared: Estimate, observed: float) -> Estimate:
    """Return the estimate of a distance from its square's: roots keep the order, so bounds carry over."""
    value, low, high = np.sqrt([squared.value, squared.low, squared.high]).tolist()
    error = float(np.sqrt(squared.value + squared.error)) - value
    return replace(squared, observed=observed, value=value, low=low, high=high, error=error)


@dataclass(frozen=True)
class CellDivergence:
    """A sum over cells, with what its delta method needs.

    Parameters
    ----------
    value : float
    slopes : tuple of ndarray
        Its derivatives by the reference's and the current shares.
    curvatures : tuple of ndarray
        Its second derivatives by the same share (others are zero: cells add).
    """

    value: float
    slopes: tuple[NDArray[np.float64], NDArray[np.float64]]
    curvatures: tuple[NDArray[np.float64], NDArray[np.float64]]


def delta_method(
    divergence: CellDivergence, shares: tuple[NDArray[np.float64], NDArray[np.float64]], rows: tuple[int, int]
) -> tuple[float, float]:
    """Return bias and variance of a divergence of two multinomial samples.

    Near no drift the slopes vanish and the divergence is a multiple of chi-square: its variance is then
    ``2 bias**2 / (cells - 1)``, and the plugged-in slopes carry twice that of noise themselves.
    """
    bias = variance = 0.0
    for share, slope, curvature, n in zip(
        shares, divergence.slopes, divergence.curvatures, rows, strict=True
    ):
        bias += 0.5 * float(np.sum(curvature * share * (1 - share))) / n
        variance += float(np.sum(share * slope**2) - np.sum(share * slope) ** 2) / n
    cells = max(2, int(np.count_nonzero(shares[0] + shares[1])))
    noise = 2 * bias**2 / (cells - 1)
    return bias, max(variance - noise, noise)
