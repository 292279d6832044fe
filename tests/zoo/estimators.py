"""Every estimator of scikit-learn that can be served, fitted on a small table.

A transformer is served as it is in life: in a pipeline, before a linear model.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import (
    feature_selection,
    linear_model,
    pipeline,
    preprocessing,
    tree,
)
from sklearn.base import is_classifier
from sklearn.utils import all_estimators

from tests.zoo.excluded import EXCLUDED

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 80
COLUMNS = ("x0", "x1", "x2", "x3")


@dataclass(frozen=True)
class Case:
    """A fitted model, and the rows it learnt from."""

    name: str
    model: Any
    sample: Any


def _linear() -> Any:
    return linear_model.LinearRegression()


def _logistic() -> Any:
    return linear_model.LogisticRegression()


def _small_forest() -> dict[str, Any]:
    return {"n_estimators": 5, "random_state": 0}


_GRID = {"max_depth": [1, 2]}

# what cannot be made with no argument, or is slow, or warns on eighty rows
BUILD: dict[str, Callable[[type], Any]] = {
    "AdaBoostClassifier": lambda c: c(**_small_forest()),
    "AdaBoostRegressor": lambda c: c(**_small_forest()),
    "BaggingClassifier": lambda c: c(**_small_forest()),
    "BaggingRegressor": lambda c: c(**_small_forest()),
    "BernoulliRBM": lambda c: c(n_components=3, n_iter=2, random_state=0),
    "CalibratedClassifierCV": lambda c: c(_logistic(), cv=2),
    "ClassifierChain": lambda c: c(_logistic()),
    "ColumnTransformer": lambda c: c(
        [("scaled", preprocessing.StandardScaler(), [0, 1])], remainder="passthrough"
    ),
    "DictionaryLearning": lambda c: c(n_components=3, max_iter=5, random_state=0),
    "ExtraTreesClassifier": lambda c: c(**_small_forest()),
    "ExtraTreesRegressor": lambda c: c(**_small_forest()),
    "FeatureUnion": lambda c: c(
        [("scaled", preprocessing.StandardScaler()), ("ranged", preprocessing.MinMaxScaler())]
    ),
    "FixedThresholdClassifier": lambda c: c(_logistic(), threshold=0.3),
    "FrozenEstimator": lambda c: c(_fit(_logistic())),
    "FunctionTransformer": lambda c: c(np.log1p),
    "GradientBoostingClassifier": lambda c: c(**_small_forest()),
    "GradientBoostingRegressor": lambda c: c(**_small_forest()),
    "GridSearchCV": lambda c: c(tree.DecisionTreeClassifier(random_state=0), _GRID, cv=2),
    "HistGradientBoostingClassifier": lambda c: c(max_iter=5, min_samples_leaf=3),
    "HistGradientBoostingRegressor": lambda c: c(max_iter=5, min_samples_leaf=3),
    "IsolationForest": lambda c: c(n_estimators=10, random_state=0),
    "KBinsDiscretizer": lambda c: c(n_bins=3, quantile_method="averaged_inverted_cdf"),
    "LinearSVC": lambda c: c(max_iter=20_000),
    "LocalOutlierFactor": lambda c: c(novelty=True),
    "MLPClassifier": lambda c: c(hidden_layer_sizes=(8,), max_iter=400, random_state=0),
    "MLPRegressor": lambda c: c(hidden_layer_sizes=(8,), max_iter=50, random_state=0),
    "MiniBatchDictionaryLearning": lambda c: c(n_components=3, max_iter=5, random_state=0),
    "MiniBatchNMF": lambda c: c(n_components=3, max_iter=20, random_state=0),
    "MiniBatchSparsePCA": lambda c: c(n_components=3, max_iter=5, random_state=0),
    "MultiOutputClassifier": lambda c: c(_logistic()),
    "MultiOutputRegressor": lambda c: c(_linear()),
    "NMF": lambda c: c(n_components=3, max_iter=500, random_state=0),
    "NeighborhoodComponentsAnalysis": lambda c: c(max_iter=10, random_state=0),
    "OneVsOneClassifier": lambda c: c(_logistic()),
    "OneVsRestClassifier": lambda c: c(_logistic()),
    "OutputCodeClassifier": lambda c: c(_logistic(), random_state=0),
    "Pipeline": lambda c: c([("scaled", preprocessing.StandardScaler()), ("model", _logistic())]),
    "QuantileTransformer": lambda c: c(n_quantiles=20),
    "RFE": lambda c: c(_linear(), n_features_to_select=2),
    "RFECV": lambda c: c(_linear(), cv=2),
    "RandomForestClassifier": lambda c: c(**_small_forest()),
    "RandomForestRegressor": lambda c: c(**_small_forest()),
    "RandomTreesEmbedding": lambda c: c(**_small_forest()),
    "RandomizedSearchCV": lambda c: c(tree.DecisionTreeClassifier(random_state=0), _GRID, n_iter=2, cv=2),
    "RegressorChain": lambda c: c(_linear()),
    "SelectFromModel": lambda c: c(_linear()),
    "SelfTrainingClassifier": lambda c: c(_logistic()),
    "SequentialFeatureSelector": lambda c: c(_linear(), n_features_to_select=2, cv=2),
    "SparseCoder": lambda c: c(np.eye(len(COLUMNS))),
    "SparsePCA": lambda c: c(n_components=3, max_iter=5, random_state=0),
    "StackingClassifier": lambda c: c(
        [("tree", tree.DecisionTreeClassifier(max_depth=2)), ("line", _logistic())], cv=2
    ),
    "StackingRegressor": lambda c: c(
        [("tree", tree.DecisionTreeRegressor(max_depth=2)), ("line", _linear())], cv=2
    ),
    "TransformedTargetRegressor": lambda c: c(_linear(), func=np.log1p, inverse_func=np.expm1),
    "TunedThresholdClassifierCV": lambda c: c(_logistic(), cv=2),
    "VotingClassifier": lambda c: c(
        [("tree", tree.DecisionTreeClassifier(max_depth=2)), ("line", _logistic())], voting="soft"
    ),
    "VotingRegressor": lambda c: c([("tree", tree.DecisionTreeRegressor(max_depth=2)), ("line", _linear())]),
    "GaussianRandomProjection": lambda c: c(n_components=2, random_state=0),
    "SparseRandomProjection": lambda c: c(n_components=2, random_state=0),
    "TheilSenRegressor": lambda c: c(max_subpopulation=200, random_state=0),
    "RANSACRegressor": lambda c: c(random_state=0),
    "LatentDirichletAllocation": lambda c: c(n_components=3, max_iter=3, random_state=0),
    "GenericUnivariateSelect": lambda c: c(feature_selection.f_regression, mode="k_best", param=2),
    "SelectKBest": lambda c: c(feature_selection.f_regression, k=2),
    "SelectPercentile": lambda c: c(feature_selection.mutual_info_regression),
    "SelectFdr": lambda c: c(feature_selection.f_regression),
    "SelectFpr": lambda c: c(feature_selection.f_regression),
    "SelectFwe": lambda c: c(feature_selection.f_regression),
    "MissingIndicator": lambda c: c(features="all"),
    "TargetEncoder": lambda c: c(target_type="continuous", random_state=0),
    "PassiveAggressiveClassifier": lambda c: c(random_state=0),
    "PassiveAggressiveRegressor": lambda c: c(random_state=0),
}

SEVERAL_OUTPUTS = {
    "MultiOutputRegressor",
    "RegressorChain",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "CCA",
    "PLSCanonical",
}
SEVERAL_LABELS = {"MultiOutputClassifier", "ClassifierChain"}
TWO_CLASSES = {"FixedThresholdClassifier", "TunedThresholdClassifierCV", "HistGradientBoostingClassifier"}
UNLABELLED = {"SelfTrainingClassifier", "LabelPropagation", "LabelSpreading"}
LABELS_FIRST = {"NeighborhoodComponentsAnalysis", "LinearDiscriminantAnalysis", "FrozenEstimator"}
WHOLE_NUMBERS = {"CategoricalNB", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "MissingIndicator"}
MISSING = {
    "SimpleImputer",
    "KNNImputer",
    "MissingIndicator",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
}
TEXTS = {"CountVectorizer", "HashingVectorizer", "TfidfVectorizer"}
ONE_COLUMN = {"IsotonicRegression"}


def names() -> list[str]:
    """Every estimator of the zoo."""
    return [name for name, _ in all_estimators() if name not in EXCLUDED]


@functools.cache
def _table() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    features = np.abs(random.normal(size=(ROWS, len(COLUMNS)))) + 0.01
    return features, features @ np.array([1.0, -2.0, 0.5, 0.0]) + 3.0 + random.normal(scale=0.1, size=ROWS)


def _features(name: str) -> Any:
    features = _table()[0].copy()
    if name in WHOLE_NUMBERS:
        features = np.minimum(np.floor(features * 2), 3)
    if name in MISSING:
        features[::9, 1] = np.nan
    if name in ONE_COLUMN:
        features = features[:, :1]
    if name in TEXTS:
        words = np.array(["late", "early", "on time", "cancelled", "delayed", "flight", "gate"])
        return [" ".join(words[np.argsort(row)[:2]]) + f" {words[i % 7]}" for i, row in enumerate(features)]
    return features


def _target(name: str, model: Any) -> Any:
    """What suits the estimator: three classes by name, two, several outputs, or a positive number."""
    value = np.abs(_table()[1]) + 0.1
    classes = np.digitize(value, np.quantile(value, [0.4, 0.7]))
    if name in SEVERAL_LABELS:
        return np.column_stack([classes > 0, classes > 1]).astype(int)
    if name in SEVERAL_OUTPUTS:
        return np.column_stack([value, value**2])
    if name in UNLABELLED:
        return np.where(np.arange(ROWS) % 5 == 0, -1, classes)
    if name in TWO_CLASSES:
        return np.array(["early", "late"])[np.minimum(classes, 1)]
    if is_classifier(model):
        return np.array(["early", "late", "on time"])[classes]
    return value


def _fit(model: Any, name: str = "") -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence on eighty rows is not what is tested
        return model.fit(_features(name), _target(name, model))


def build(name: str) -> Any:
    """Return an unfitted model: the estimator itself, or a pipeline of the transformer and a linear model."""
    estimator = dict(all_estimators())[name]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # deprecated estimators are served as long as they exist
        model = BUILD.get(name, lambda c: c())(estimator)
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=0)
    if hasattr(estimator, "predict") or name == "FrozenEstimator":
        return model
    steps = [model, _logistic() if name in LABELS_FIRST else _linear()]
    if name == "TfidfTransformer":
        steps.insert(0, preprocessing.Binarizer())
    return pipeline.make_pipeline(*steps)


@functools.cache
def case(name: str) -> Case:
    """Return the fitted model of the zoo by this name."""
    return Case(name, _fit(build(name), name), _features(name))
