"""Which classifiers say the class of the largest probability, so that they need to be asked only once.

Most compute their probabilities twice when asked for labels and probabilities. Of the families listed here
the labels follow from the probabilities; any other, and any subclass, is asked for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# their `predict` is the argmax of their `predict_proba`
_BY_DEFINITION = frozenset({
    "BaggingClassifier", "CalibratedClassifierCV", "DecisionTreeClassifier", "ExtraTreeClassifier",
    "ExtraTreesClassifier", "LabelPropagation", "LabelSpreading", "RandomForestClassifier",
    "VotingClassifier",
})  # fmt: skip
# their `predict` is the argmax of scores that grow with the probabilities: the same, but when two are so near
# that rounding decides
_BY_ORDER = frozenset({
    "AdaBoostClassifier", "BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB",
    "GradientBoostingClassifier", "HistGradientBoostingClassifier", "KNeighborsClassifier",
    "LinearDiscriminantAnalysis", "LogisticRegression", "LogisticRegressionCV", "MLPClassifier",
    "MultinomialNB", "QuadraticDiscriminantAnalysis", "SGDClassifier", "XGBClassifier", "XGBRFClassifier",
})  # fmt: skip
# what answers with the labels and the probabilities of another, and where that is
_ANSWERS_WITH = {
    "GridSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "Pipeline": "_final_estimator",
    "RandomizedSearchCV": "best_estimator_",
    "SelfTrainingClassifier": "estimator_",
    "StackingClassifier": "final_estimator_",
}
_NEAR = 1e-6  # also for the single precision of xgboost


def label_margin(model: Any) -> float | None:
    """Return how much larger the largest probability must be for the label to follow from it; None for never.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.svm import SVC
    >>> label_margin(RandomForestClassifier()), label_margin(SVC())
    (0.0, None)
    """
    kind = type(model)
    if kind.__module__.partition(".")[0] not in ("sklearn", "xgboost"):
        return None
    if inner := _ANSWERS_WITH.get(kind.__name__):
        return label_margin(getattr(model, inner, None))
    if kind.__name__ in _BY_DEFINITION:
        return 0.0
    return _NEAR if kind.__name__ in _BY_ORDER else None


def labels_of(table: NDArray[Any], classes: NDArray[Any], margin: float) -> NDArray[Any] | None:
    """Return the class of the largest probability of each row; None when two are too near to tell.

    Examples
    --------
    >>> labels_of(np.array([[0.2, 0.8]]), np.array(["no", "yes"]), margin=1e-6).tolist()
    ['yes']
    >>> labels_of(np.array([[0.5, 0.5]]), np.array(["no", "yes"]), margin=1e-6)
    """
    if margin and table.shape[1] > 1:  # of a single class there is nothing to tell apart
        largest = np.partition(table, -2, axis=1)[:, -2:]
        if not (largest[:, 1] - largest[:, 0] > margin).all():
            return None
    return np.asarray(classes.take(table.argmax(axis=1), axis=0))
