"""Forests without what scikit-learn does around each tree.

It hands every tree to joblib as a task with a configuration and warning filters of its own: for one row ten
times the work of the trees. Here the same trees are walked in the same order, so the answers are the same to
the last bit.
"""

from __future__ import annotations

import warnings
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..parts import parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ANSWERS = {
    "ExtraTreesClassifier": "predict_proba",  # of which their `predict` is made
    "RandomForestClassifier": "predict_proba",
    "ExtraTreesRegressor": "predict",
    "RandomForestRegressor": "predict",
}
_TRIED = 8  # rows


def quicken_forests(model: Any) -> Any:
    """Let the forests inside a loaded model walk their trees themselves.

    Parameters
    ----------
    model : object
        A model of this process alone: its forests are changed, so that it should not be saved again.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> forest = RandomForestRegressor(5).fit([[0.0], [1.0]], [0.0, 1.0])
    >>> before = forest.predict([[0.0], [1.0]])
    >>> bool((quicken_forests(forest).predict([[0.0], [1.0]]) == before).all())
    True
    """
    for part in parts(model):
        kind = type(part)
        if kind.__module__ == "sklearn.ensemble._forest" and kind.__name__ in _ANSWERS:
            _quicken(part, _ANSWERS[kind.__name__])
    return model


def _quicken(forest: Any, method: str) -> None:
    walk = MethodType(predict_proba if method == "predict_proba" else predict, forest)
    try:
        rows = np.random.default_rng(0).normal(size=(_TRIED, forest.n_features_in_))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the columns have no names
            same = np.array_equal(walk(rows), getattr(forest, method)(rows))
    except (AttributeError, TypeError, ValueError):
        return  # not fitted, of several outputs, or of a release that makes them otherwise
    if same:
        setattr(forest, method, walk)


def predict_proba(forest: Any, rows: Any) -> NDArray[np.float64]:
    """Return what the forest's method of this name does; scikit-learn asks methods for their names."""
    checked = forest._validate_X_predict(rows)
    total = np.zeros((checked.shape[0], forest.n_classes_))
    for tree in forest.estimators_:
        total += tree.tree_.predict(checked)
    total /= len(forest.estimators_)
    return total


def predict(forest: Any, rows: Any) -> NDArray[np.float64]:
    """Return what a forest of regression trees predicts."""
    checked = forest._validate_X_predict(rows)
    total = np.zeros(checked.shape[0])
    for tree in forest.estimators_:
        total += tree.tree_.predict(checked)[:, 0]
    total /= len(forest.estimators_)
    return total
