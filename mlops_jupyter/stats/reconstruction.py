"""PCA's reconstruction error: whether the columns still hang together as they did in the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_jupyter.stats.pooling import Columns, Encoded, Pooled, pooled

LEAST_ROWS = 50
FOLDS = 5
KEPT = 0.65  # of the reference's variance, as NannyML keeps
SPREAD = 3.0  # standard errors, as of a control chart (Shewhart)
RARE = 0.01  # a level under this share weighs as one of this share
Z95 = 1.959963984540054
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PcaError:
    """How far current rows lie from the plane that holds most of the reference.

    Parameters
    ----------
    value : float
        Mean distance of the current rows, in units where the reference's columns each vary by 1.
    low, high : float
        95 % confidence bounds of `value`.
    reference : tuple[float, float]
        Where a window of this size lies if it is of the reference.
    left_out : dict[str, str]
        Columns that took no part, and why.
    rows : tuple[int, int]
        Rows looked at, of the reference and the current window.
    """

    value: float
    low: float
    high: float
    reference: tuple[float, float]
    left_out: dict[str, str]
    rows: tuple[int, int]

    @property
    def changed(self) -> bool:
        """Whether the current window lies outside of where the reference does, on either side."""
        return not self.reference[0] <= self.value <= self.reference[1]


def pca_error(reference: Columns, current: Columns, seed: int = 0) -> PcaError:
    """Return the reconstruction error of the current rows under a PCA of the reference.

    Parameters
    ----------
    reference, current : Mapping[str, NDArray]
        Columns of numbers, booleans or levels; NaN, None, NA where a value is missing. Where the reference's
        rows stand in the order of time, what it varies by from one stretch to the next widens its interval.
    seed : int
        Of the rows taken.

    Raises
    ------
    DataError
        When a window has fewer than `LEAST_ROWS` rows, or the windows share no column.

    Notes
    -----
    As NannyML does it (multivariate drift by data reconstruction), on normal scores of numbers instead of raw
    ones (an outlier must neither hide nor make drift), on levels scaled as in factor analysis of mixed data
    (J. Pages, 2004), and with the reference's errors measured on stretches that the PCA has not seen.
    """
    both = pooled(reference, current, np.random.default_rng(seed), LEAST_ROWS)
    rows = scores(both)
    known, seen = rows[: both.sizes[0]], rows[both.sizes[0] :]
    stretches = np.array_split(np.arange(len(known)), FOLDS)
    planes = [Plane.of(np.delete(known, stretch, axis=0)) for stretch in stretches]
    held_back = [plane.distances(known[stretch]) for plane, stretch in zip(planes, stretches, strict=True)]
    distances = np.mean([plane.distances(seen) for plane in planes], axis=0)
    value, error = float(distances.mean()), Z95 * float(distances.std(ddof=1)) / len(distances) ** 0.5
    interval = of_the_reference(held_back, len(distances))
    return PcaError(value, value - error, value + error, interval, both.left_out, both.sizes)


def of_the_reference(held_back: list[Floats], rows: int) -> tuple[float, float]:
    """Return where the mean of `rows` more rows lies.

    What the stretches' means vary by beyond what chance makes of their sizes is the reference's own change.
    """
    every = np.concatenate(held_back)
    variance = float(every.var(ddof=1))
    by_chance = variance * float(np.mean([1 / len(stretch) for stretch in held_back]))
    between = max(0.0, float(np.var([stretch.mean() for stretch in held_back], ddof=1)) - by_chance)
    error = SPREAD * np.sqrt(variance * (1 / rows + 1 / len(every)) + between)
    return float(every.mean() - error), float(every.mean() + error)


@dataclass(frozen=True, eq=False)
class Plane:
    """The principal components that hold `KEPT` of the variance, through the mean."""

    centre: Floats
    components: Floats

    @staticmethod
    def of(rows: Floats) -> Plane:
        """Return the plane through `rows`: as few components as hold `KEPT` of their variance."""
        centre = rows.mean(axis=0)
        variances, components = np.linalg.eigh(np.cov(rows, rowvar=False).reshape(rows.shape[1], -1))
        held = np.cumsum(variances[::-1]) / max(float(variances.sum()), np.finfo(float).tiny)
        kept = int(np.searchsorted(held, KEPT)) + 1
        return Plane(centre, components[:, ::-1][:, : min(kept, rows.shape[1] - 1)])

    def distances(self, rows: Floats) -> Floats:
        """Return how far each row lies from the plane."""
        moved = rows - self.centre
        rest: Floats = np.linalg.norm(moved - (moved @ self.components) @ self.components.T, axis=1)
        return rest


def scores(both: Pooled) -> Floats:
    """Return the rows of both windows as numbers of comparable weight."""
    return np.column_stack(
        [part for column in both.columns.values() for part in parts(column, both.sizes[0])]
    )


def parts(column: Encoded, known: int) -> list[Floats]:
    """Return the columns that stand for one: scores or indicators, and whether a value is missing."""
    missing = np.isnan(column.values)
    values = indicators(column.values, known) if column.categorical else [normal_scores(column.values, known)]
    return [*values, 2.0 * missing] if missing.any() else values


def normal_scores(values: Floats, known: int) -> Floats:
    """Return the values as the normal quantiles of their place among the reference's; 0 where missing.

    Van der Waerden's scores, by the middle of each value's place: values beyond the reference get its ends'.
    """
    from scipy.special import ndtri

    ordered = np.sort(values[:known][~np.isnan(values[:known])])
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    placed = ndtri(((below + upto) / 2 + 0.5) / (len(ordered) + 1))
    return np.where(np.isnan(values), 0.0, placed)


def indicators(codes: Floats, known: int) -> list[Floats]:
    """Return an indicator a level, scaled so that a rare level weighs more, and new ones as rare ones."""
    present = np.unique(codes[~np.isnan(codes)])
    shares = [max(float(np.mean(codes[:known] == code)), RARE) for code in present]
    return [(codes == code) / np.sqrt(share) for code, share in zip(present, shares, strict=True)]
