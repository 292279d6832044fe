"""Whether all columns together tell the windows apart: a classifier two-sample test, and PCA's error.

Columns can each look as before while what they say together has changed. These read rows, not profiles,
and cost seconds: at most `MOST_ROWS` rows of each window are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_jupyter.stats.auc import Area, area_between
from mlops_jupyter.stats.pooling import MOST_ROWS, Columns, Pooled, pooled
from mlops_jupyter.stats.reconstruction import PcaError, pca_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn.ensemble import HistGradientBoostingClassifier

__all__ = ["AUC_LIMITS", "MOST_ROWS", "PcaError", "Telling", "TwoSample", "pca_error", "two_sample_test"]

AUC_LIMITS = (
    0.55,
    0.65,
)  # what one normal column gives that moved by 0.2 and by 0.5 of its sd, as `mean` has them
LEAST_ROWS = 50
FOLDS = 3
MOST_TOLD = 10
LEAST_LOST = 0.05  # in every fold, of what the AUC is over a coin's: less is chance, or worth no word
FIRST_LOOK = 2_000  # rows on which it is seen which columns are worth a closer look
ALIKE = 0.9  # Spearman's correlation from which columns are permuted together
Z95 = 1.959963984540054
Floats = NDArray[np.float64]


class Telling(NamedTuple):
    """What tells the windows apart: a column, or several that say the same, and the AUC lost without it."""

    name: str
    importance: float


@dataclass(frozen=True)
class TwoSample:
    """How well a classifier tells current rows from reference rows.

    Parameters
    ----------
    auc : float
        0.5 where nothing tells them apart, 1 where every row shows its window.
    low, high : float
        95 % confidence bounds of `auc`.
    p : float
        How probable so high an AUC is where both windows are of one distribution.
    features : tuple[Telling, ...]
        What tells them apart, most telling first; empty where nothing does.
    left_out : dict[str, str]
        Columns that took no part, and why.
    rows : tuple[int, int]
        Rows looked at, of the reference and the current window.
    """

    auc: float
    low: float
    high: float
    p: float
    features: tuple[Telling, ...]
    left_out: dict[str, str]
    rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Fold:
    """A classifier, and the rows it has not seen."""

    model: HistGradientBoostingClassifier
    rows: Floats
    is_current: NDArray[np.bool_]

    @cached_property
    def area(self) -> Area:
        """How well the classifier orders its unseen rows."""
        return self.area_of(self.rows)

    def area_of(self, rows: Floats) -> Area:
        """How well it orders others in their place."""
        scores = self.model.decision_function(rows)
        return area_between(scores[~self.is_current], scores[self.is_current])

    def at_most(self, rows: int) -> Fold:
        """Return the fold with every n-th of its rows, so that both windows keep their shares."""
        step = -(-len(self.rows) // rows)
        return Fold(self.model, self.rows[::step], self.is_current[::step])


def two_sample_test(reference: Columns, current: Columns, seed: int = 0) -> TwoSample:
    """Tell current rows from reference rows by a classifier that is judged on rows it has not seen.

    Parameters
    ----------
    reference, current : Mapping[str, NDArray]
        Columns of numbers, booleans or levels; NaN, None, NA where a value is missing.
    seed : int
        Of the rows taken, the folds and the permutations.

    Returns
    -------
    TwoSample
        Judge its `low` by `AUC_LIMITS`: of 20,000 rows, differences show that matter to nobody.

    Raises
    ------
    DataError
        When a window has fewer than `LEAST_ROWS` rows, or the windows share no column.

    Notes
    -----
    D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017, with gradient boosting
    and the AUC of `FOLDS` folds. DeLong's variance holds for one fold; the folds' classifiers have learnt
    from each other's test rows, so their mean varies by 1/k + 1/(k - 1) of it and not by 1/k (C. Nadeau and
    Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003). Without that, one in
    eight is a false alarm at 5 %.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> was, now = {"age": rng.normal(40, 9, 500)}, {"age": rng.normal(52, 9, 500)}
    >>> two_sample_test(was, now).features[0].name
    'age'
    """
    rng = np.random.default_rng(seed)
    both = pooled(reference, current, rng, LEAST_ROWS)
    folds = list(cross_fitted(both, rng))
    auc, low, high, p = judged([fold.area for fold in folds], min(both.sizes))
    features = telling_features(both, folds, rng) if low > 0.5 else ()
    return TwoSample(auc, low, high, p, features, both.left_out, both.sizes)


def judged(areas: list[Area], rows: int) -> tuple[float, float, float, float]:
    """Return the mean area, its bounds, and p against no difference.

    Where a fold is wholly separated its variance is 0: half a row of the smaller window is the least claimed.
    """
    from scipy.special import ndtr

    auc = float(np.mean([area.value for area in areas]))
    shared = 1 / len(areas) + 1 / (len(areas) - 1)
    error = max(np.sqrt(shared * np.mean([area.variance for area in areas])), 0.5 / rows)
    chance = np.sqrt(shared * np.mean([area.chance_variance for area in areas]))
    p = float(ndtr((0.5 - auc) / chance)) if chance else 1.0
    return auc, float(max(auc - Z95 * error, 0.0)), float(min(auc + Z95 * error, 1.0)), p


def cross_fitted(both: Pooled, rng: np.random.Generator) -> Iterator[Fold]:
    """Yield a classifier a fold, with the rows held back from it."""
    matrix, is_current = both.matrix, both.is_current
    fold_of = folds_of(is_current, rng)
    for fold in range(FOLDS):
        seen, held = fold_of != fold, fold_of == fold
        model = classifier(both.categorical, rng).fit(matrix[seen], is_current[seen])
        yield Fold(model, matrix[held], is_current[held])


def folds_of(is_current: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return a fold for every row, each with its share of both windows."""
    fold_of = np.empty(len(is_current), dtype=np.intp)
    for side in (False, True):
        rows = np.flatnonzero(is_current == side)
        fold_of[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return fold_of


def classifier(categorical: NDArray[np.bool_], rng: np.random.Generator) -> HistGradientBoostingClassifier:
    """Return a small booster: strong enough for interactions, and done in a second on 40,000 rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=categorical,
        random_state=int(rng.integers(2**31)),
    )


def telling_features(both: Pooled, folds: list[Fold], rng: np.random.Generator) -> tuple[Telling, ...]:
    """Return the columns by the AUC that is lost when their values are shuffled among unseen rows.

    Columns that say the same are shuffled together: one alone is not missed while the other is there.
    """
    groups = alike(both)
    glance = [folds[0].at_most(FIRST_LOOK)]
    groups.sort(key=lambda group: -lost_without(glance, group, rng).mean())
    told = [(group, lost_without(folds, group, rng)) for group in groups[:MOST_TOLD]]
    names, least = both.names, LEAST_LOST * float(np.mean([fold.area.value - 0.5 for fold in folds]))
    named = [
        Telling(" + ".join(names[i] for i in group), float(lost.mean()))
        for group, lost in told
        if lost.min() > least
    ]
    return tuple(sorted(named, key=lambda one: -one.importance))


def lost_without(folds: list[Fold], group: list[int], rng: np.random.Generator) -> Floats:
    """Return the AUC that each fold loses when the columns of `group` are shuffled."""
    return np.array([fold.area.value - fold.area_of(shuffled(fold.rows, group, rng)).value for fold in folds])


def shuffled(rows: Floats, group: list[int], rng: np.random.Generator) -> Floats:
    """Return a copy of `rows` where the columns of `group` come from other rows."""
    mixed = rows.copy(order="K")
    mixed[:, group] = rows[rng.permutation(len(rows))][:, group]
    return mixed


def alike(both: Pooled) -> list[list[int]]:
    """Return groups of columns that the reference's rows order alike; most are alone in theirs."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows = both.matrix[: both.sizes[0]]
    rows = np.where(np.isnan(rows), np.nanmedian(rows, axis=0), rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        same = np.abs(np.corrcoef(rows, rowvar=False)) > ALIKE
    same = np.atleast_2d(same) & ~both.categorical & ~both.categorical[:, None]
    _, group_of = connected_components(csr_array(same), directed=False)
    return [np.flatnonzero(group_of == group).tolist() for group in np.unique(group_of)]
