"""p-values, and what they become when many columns are looked at. They are shown, and never the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def chi_square_p(statistic: float, freedom: int) -> float | None:
    """Return the probability of so large a chi-square; None where nothing can vary."""
    if freedom < 1:
        return None
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic))


def kolmogorov_smirnov_p(distance: float, rows: tuple[int, int]) -> float:
    """Return the asymptotic p of a Kolmogorov-Smirnov distance, as `scipy.stats.ks_2samp` has it."""
    from scipy.special import kolmogorov

    n = rows[0] * rows[1] / (rows[0] + rows[1])
    if (
        n > EXACT_ROWS
    ):  # Stephens' correction is within 1 % there, without the second that scipy.stats takes to load
        return float(kolmogorov((np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n)) * distance))
    from scipy.stats import kstwo

    return float(kstwo.sf(distance, max(1.0, np.round(n))))  # one row against one: scipy divides by 0


EXACT_ROWS = 2_000


def normal_p(z: float) -> float:
    """Return the two-sided probability of so large a standard normal value."""
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for the number of columns (Benjamini and Hochberg, 1995); None stays None.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, None, 0.03])
    [0.03, 0.04, None, 0.04]
    """
    known = np.array([p for p in p_values if p is not None], dtype=np.float64)
    if not known.size:
        return list(p_values)
    order = np.argsort(known)
    scaled = known[order] * known.size / np.arange(1, known.size + 1)
    adjusted = np.empty_like(known)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    rest = iter(adjusted.tolist())
    return [None if p is None else next(rest) for p in p_values]
