"""What a fitted model is made of, and whether its trees can be walked.

skops checks types, not contents: a tree whose nodes point outside it, or back to themselves, crashes or hangs
the process at the first prediction (scikit-learn#34558).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


def parts(model: Any) -> Iterator[Any]:
    """Yield the model and every object inside it that has attributes: steps, fitted members, trees.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> [type(part).__name__ for part in parts(make_pipeline(StandardScaler()))]
    ['Pipeline', 'StandardScaler']
    """
    seen: set[int] = set()
    queue = [model]
    while queue:
        item = queue.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            queue.extend(item.values())
        elif isinstance(item, list | tuple) or _is_object_array(item):
            queue.extend(item if not _is_object_array(item) else item.ravel().tolist())
        elif hasattr(item, "__dict__") and not isinstance(item, type) and not callable(item):
            yield item
            queue.extend(vars(item).values())


def _is_object_array(item: Any) -> bool:
    return bool(getattr(getattr(item, "dtype", None), "hasobject", False)) and hasattr(item, "ravel")


def unsound_tree(model: Any) -> str | None:
    """Return the name of the part whose tree points outside itself or back, if there is one.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> unsound_tree(DecisionTreeRegressor().fit([[0.0], [1.0]], [0, 1]))
    """
    return next((type(part).__name__ for part in parts(model) if not _sound(part)), None)


def _sound(part: Any) -> bool:
    features = getattr(part, "n_features_in_", 0)  # what the estimator itself checks rows against
    if hasattr(part, "tree_"):
        tree = part.tree_
        leaf = tree.children_left == -1
        return _walks_down(tree.children_left, tree.children_right, leaf, tree.feature, features)
    predictors = (p for iteration in getattr(part, "_predictors", ()) for p in iteration)
    return all(_sound_predictor(predictor, features) for predictor in predictors)


def _sound_predictor(predictor: Any, features: int) -> bool:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    categorical = (nodes["is_categorical"] != 0) & ~leaf
    if (nodes["bitset_idx"][categorical] >= len(predictor.raw_left_cat_bitsets)).any():
        return False
    return _walks_down(nodes["left"], nodes["right"], leaf, nodes["feature_idx"], features)


def _walks_down(left: Any, right: Any, leaf: Any, feature: Any, features: int) -> bool:
    """Tell whether every child comes after its parent and within the tree, and every feature exists."""
    inner = ~leaf
    place, count = np.flatnonzero(inner), len(leaf)
    children = (left[inner].astype(np.int64), right[inner].astype(np.int64))
    if not all(((child > place) & (child < count)).all() for child in children):
        return False
    used = feature[inner].astype(np.int64)
    return bool((used >= 0).all() and (used < features).all())
