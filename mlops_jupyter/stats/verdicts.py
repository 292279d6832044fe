"""From an effect to a verdict, and how many rows a verdict takes. The widget follows the same rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.stats.bounds import LEAST_ROWS, SPARSE, Z95

Verdict = Literal["OK", "WARNING", "CRITICAL", "INCONCLUSIVE", "INVALID"]

RANKS: dict[Verdict, int] = {"CRITICAL": 0, "INVALID": 1, "WARNING": 2, "INCONCLUSIVE": 3, "OK": 4}
"""In which order columns are shown; of two verdicts on one column the one of lower rank stands."""

UNREACHABLE = 10**12
"""Rows needed where no current window is long enough, because the reference is too short."""

CURVATURE = {"psi": 1.0, "js": 1 / (8 * math.log(2)), "cramers_v": 0.25}
"""Without drift a divergence is chi-square times this, over the rows; of `js` and `cramers_v`: the square."""

OF_CELLS = (*CURVATURE, "tv")


@dataclass(frozen=True)
class Effect:
    """One measure of one column, ready to be judged.

    Parameters
    ----------
    measure : str
    value : float
        The bias of finite windows taken off.
    low, high : float
        95 % confidence bounds.
    p, p_adjusted : float or None
        As it is, and after Benjamini and Hochberg over the columns.
    limits : tuple of float
        For WARNING and for CRITICAL.
    observed : float
        By the textbook formula, bias included.
    rows_needed : int
        Current rows from which an effect of the critical size shows over the warning limit.
    cells : int
        Bins or levels that hold rows.
    row_variance : float
        Of one row's pull on the measure; it and `cells` say what `rows_needed` becomes at other limits.
    error : float
        By how much the value may be wrong because a profile was counted by other edges.
    """

    measure: str
    value: float
    low: float
    high: float
    p: float | None = None
    p_adjusted: float | None = None
    limits: tuple[float, float] = (0.1, 0.2)
    observed: float = math.nan
    rows_needed: int = LEAST_ROWS
    cells: int = 10
    row_variance: float = 1.0
    error: float = 0.0


def judge(effect: Effect, rows: int, rows_needed: int) -> Verdict:
    """Return the verdict on an effect seen in `rows` current rows.

    Examples
    --------
    >>> judge(Effect("psi", 0.31, 0.27, 0.35), rows=10_000, rows_needed=400)
    'CRITICAL'
    >>> judge(Effect("psi", 0.31, 0.0, 1.9), rows=5, rows_needed=400)
    'INCONCLUSIVE'
    """
    warning, critical = effect.limits
    if any(abs(effect.value - limit) < effect.error for limit in effect.limits):
        return "INCONCLUSIVE"
    if effect.low > critical:
        return "CRITICAL"
    if effect.low > warning:
        return "WARNING"
    return "INCONCLUSIVE" if rows < rows_needed else "OK"


def rows_needed(
    measure: str, limits: tuple[float, float], reference_rows: int, cells: int = 10, variance: float = 1.0
) -> int:
    """Return the current rows that a verdict takes: an effect of the critical size then shows over WARNING's.

    Parameters
    ----------
    measure : str
    limits : tuple of float
        For WARNING and for CRITICAL.
    reference_rows : int
        Rows of the reference; where they alone are too few, the answer is `UNREACHABLE`.
    cells : int
        Bins or levels of the column.
    variance : float
        Of one row's pull, for measures whose variance depends on the column: `wasserstein`, `mean`.

    Examples
    --------
    >>> rows_needed("ks", (0.1, 0.2), reference_rows=1_000_000)
    185
    """
    if not limits[1]:
        return LEAST_ROWS
    spread = _spread_allowed(measure, limits, cells, variance)  # of 1 / n_ref + 1 / n_cur
    left = spread - 1 / max(reference_rows, 1)
    least = math.ceil(SPARSE * cells) if measure in OF_CELLS else 0
    return max(LEAST_ROWS, least, math.ceil(1 / left)) if left * UNREACHABLE > 1 else UNREACHABLE


def _spread_allowed(measure: str, limits: tuple[float, float], cells: int, variance: float) -> float:
    critical = limits[1]
    gap = max(critical - limits[0], critical / 2)  # limits near one another would never be told apart
    if measure == "ks":
        return gap**2 / (math.log(2 / 0.05) / 2)
    if measure == "psi":
        return _chi_square_spread(CURVATURE[measure], critical, gap, cells)
    if measure in CURVATURE:
        return _chi_square_spread(CURVATURE[measure], critical**2, critical**2 - (critical - gap) ** 2, cells)
    one = {"tv": 0.25, "missing": critical * (1 - min(critical, 1.0)) + 0.05}.get(measure, variance)
    return gap**2 / (Z95**2 * max(one, 1e-300))


def _chi_square_spread(curvature: float, effect: float, gap: float, cells: int) -> float:
    # a noncentral chi-square: variance = 4 k effect s + 2 (cells - 1) k**2 s**2 = (gap / z)**2, solved for s
    quadratic, linear = 2 * max(cells - 1, 1) * curvature**2, 4 * curvature * effect
    return (math.sqrt(linear**2 + 4 * quadratic * (gap / Z95) ** 2) - linear) / (2 * quadratic)
