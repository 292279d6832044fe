"""Measures between two windows counted in the same cells: PSI, Jensen-Shannon, Cramer's V and such."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.stats.bounds import (
    SPARSE,
    CellDivergence,
    Estimate,
    delta_method,
    estimate,
    folded,
    rooted,
)
from mlops_jupyter.stats.significance import chi_square_p

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

ONE_SIDED = 0.025
"""Where chi-square finds a difference less sure than this, no lower bound is claimed."""

FLOOR = 1e-4
"""Least share of a cell in PSI: an empty cell would make it infinite."""


def psi(reference: Counts, current: Counts, error: float = 0.0) -> Estimate:
    """Return the population stability index, ``sum((q - p) ln(q / p))`` with shares floored at 1e-4.

    Its bias without drift is about ``(bins - 1)(1 / n_ref + 1 / n_cur)``: B. Yurdakul and J. Naranjo,
    "Statistical properties of the population stability index" (2020).

    Parameters
    ----------
    reference, current : ndarray of int64
        Rows in the same bins; missing values are a bin of their own.
    error : float
        By how much a cumulative share may be wrong.
    """
    return _estimated(_psi, reference, current, error)


def jensen_shannon(reference: Counts, current: Counts, error: float = 0.0) -> Estimate:
    """Return the Jensen-Shannon distance: the square root of the divergence in bits (Lin, 1991)."""
    squared = _estimated(_jensen_shannon, reference, current, error)
    return rooted(squared, float(np.sqrt(squared.observed)))


def cramers_v(reference: Counts, current: Counts) -> Estimate:
    """Return Cramer's V of window and level, bias-corrected after Bergsma (2013).

    Plain V shrinks as one window outgrows the other: with a reference a hundred times as long as the
    current window no drift would reach any limit. So the value is V as two windows of equal length would
    have it; `observed` is the textbook's.
    """
    squared = _estimated(_balanced_chi_square, reference, current)
    total = int(reference.sum() + current.sum())
    return rooted(squared, float(np.sqrt(chi_square(reference, current) / max(total, 1))))


def total_variation(reference: Counts, current: Counts) -> Estimate:
    """Return half the sum of ``|p - q|``: the share of rows that would have to move.

    Each cell's part is above zero by chance; what is expected without drift is taken off in quadrature.
    """
    observed = 0.5 * float(np.abs(np.subtract(*_shares(reference, current))).sum())
    p_value = chi_square_p(chi_square(reference, current), _filled(reference, current) - 1)
    dense = pooled(reference, current)
    rows, (p, q) = _rows(*dense), _shares(*dense)
    both, spread = (dense[0] + dense[1]) / sum(rows), 1 / rows[0] + 1 / rows[1]
    chance = 0.5 * float(np.sqrt(2 / np.pi * both * (1 - both) * spread).sum())
    sign = np.sign(p - q)
    first = sum(
        0.25 * (1 - float(np.sum(share * sign)) ** 2) / n for share, n in zip((p, q), rows, strict=True)
    )
    effect = folded(0.5 * float(np.abs(p - q).sum()), chance, first, rows, p_value)
    return replace(effect, observed=observed, cells=_filled(reference, current))


def chi_square(reference: Counts, current: Counts) -> float:
    """Return Pearson's chi-square of a table of two windows and their cells (empty cells left out)."""
    rows, both = _rows(reference, current), reference + current
    filled = both > 0
    expected = np.outer(rows, both[filled]) / sum(rows)
    return float(((np.stack([reference, current])[:, filled] - expected) ** 2 / expected).sum())


def _psi(p: Floats, q: Floats) -> CellDivergence:
    free_p, free_q = p > FLOOR, q > FLOOR  # a share at the floor moves nothing
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    log = np.log(q / p)
    return CellDivergence(
        value=float(np.sum((q - p) * log)),
        slopes=(free_p * (1 - q / p - log), free_q * (log + 1 - p / q)),
        curvatures=(free_p * (p + q) / p**2, free_q * (p + q) / q**2),
    )


def _jensen_shannon(p: Floats, q: Floats) -> CellDivergence:
    both = p + q
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.where(share > 0, np.log2(2 * share / both), 0.0) for share in (p, q)]
        curved = [np.where(share > 0, rest / (share * both), 0.0) for share, rest in ((p, q), (q, p))]
    return CellDivergence(
        value=max(0.0, 0.5 * float(np.sum(p * logs[0] + q * logs[1]))),
        slopes=(0.5 * logs[0], 0.5 * logs[1]),
        curvatures=(curved[0] / (2 * np.log(2)), curved[1] / (2 * np.log(2))),
    )


def _balanced_chi_square(p: Floats, q: Floats) -> CellDivergence:
    both = np.where(p + q > 0, p + q, 1.0)
    return CellDivergence(
        value=0.5 * float(np.sum((p - q) ** 2 / both)),
        slopes=(0.5 - 2 * (q / both) ** 2, 0.5 - 2 * (p / both) ** 2),
        curvatures=(4 * q**2 / both**3, 4 * p**2 / both**3),
    )


def _estimated(
    divergence: Callable[[Floats, Floats], CellDivergence],
    reference: Counts,
    current: Counts,
    error: float = 0.0,
) -> Estimate:
    dense = pooled(reference, current)
    rows, shares = _rows(*dense), _shares(*dense)
    found = divergence(*shares)
    bias, variance = delta_method(found, shares, rows)
    p = chi_square_p(chi_square(reference, current), _filled(reference, current) - 1)
    effect = estimate(found.value, bias=bias, variance=variance, rows=rows, p=p)
    if dense[0] is not reference:
        p = chi_square_p(chi_square(*dense), _filled(*dense) - 1)
    if p is None or p > ONE_SIDED:
        # one rare level that 30 rows happen to lack has no slope, so the delta method would be sure of it
        effect = replace(effect, low=0.0)
    # what leaves one bin enters the next
    steepest = max(float(np.abs(np.diff(slopes)).sum()) for slopes in found.slopes)
    observed = found.value if dense[0] is reference else divergence(*_shares(reference, current)).value
    return replace(
        effect, observed=observed, cells=_filled(reference, current), error=error * steepest if error else 0.0
    )


def pooled(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """Return the counts with sparse cells thrown together, for estimates and bounds.

    The delta method holds where cells have some rows; of cells with one or two the divergences tell of the
    shortness of the window. And what a short reference happens to lack is no cell of its own but one of its
    rare ones: beside them it is judged. Pooling can only lessen a divergence, so bounds stay safe.
    """
    rows = _rows(reference, current)
    expected = (reference / rows[0] + current / rows[1]) / 2 * min(rows)
    sparse = (expected < SPARSE) & (expected > 0)
    if ((reference == 0) & (current > 0)).any():
        sparse |= (reference < SPARSE) & (expected > 0)
    if np.count_nonzero(sparse) < 2:
        return reference, current
    kept = ~sparse
    return np.append(reference[kept], reference[sparse].sum()), np.append(
        current[kept], current[sparse].sum()
    )


def _rows(reference: Counts, current: Counts) -> tuple[int, int]:
    return max(int(reference.sum()), 1), max(int(current.sum()), 1)


def _shares(reference: Counts, current: Counts) -> tuple[Floats, Floats]:
    rows = _rows(reference, current)
    return reference / rows[0], current / rows[1]


def _filled(reference: Counts, current: Counts) -> int:
    return int(np.count_nonzero(reference + current))
