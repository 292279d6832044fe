"""What follows from the probabilities is what the classifier itself says, to the last row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.runtimes.labelling import _BY_DEFINITION, _BY_ORDER, label_margin, labels_of
from mlops_jupyter.serving.runtimes.native import NativeRuntime

FAMILIES = {name: kind for name, kind in all_estimators("classifier") if name in _BY_DEFINITION | _BY_ORDER}
COUNTS = ("MultinomialNB", "ComplementNB", "CategoricalNB")


def made(name):
    match name:
        case "VotingClassifier":
            return VotingClassifier(
                [("a", LogisticRegression()), ("b", SGDClassifier(loss="log_loss"))], voting="soft"
            )
        case "CalibratedClassifierCV":
            return CalibratedClassifierCV(LogisticRegression())
        case "SGDClassifier":
            return SGDClassifier(loss="modified_huber", random_state=0)
        case "MLPClassifier" | "LogisticRegressionCV":
            return FAMILIES[name](max_iter=20)
    return FAMILIES[name]()


def data_of(name, classes):
    """Rows with much noise, many of them twice, so that probabilities tie."""
    features, target = make_classification(
        400, 6, n_informative=3, n_classes=classes, n_clusters_per_class=1, flip_y=0.3, random_state=0
    )
    features = features.round(1)
    if name in COUNTS:
        features = np.clip(np.abs(features).round(), 0, 4)
    return features, np.array(["on time", "late", "never"])[target]


def runtime_of(model, features):
    schema = {"input": infer_input(features), "output": infer_output(model, features, None)}
    return NativeRuntime(model, schema)


class Counting:
    """Counts what a fitted model is asked."""

    def __init__(self, model, monkeypatch) -> None:
        self.asked = []
        for name in ("predict", "predict_proba"):
            monkeypatch.setattr(model, name, self._counted(name, getattr(model, name)), raising=True)

    def _counted(self, name, method):
        def ask(rows):
            self.asked.append(name)
            return method(rows)

        return ask


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_listed_family_says_the_class_of_the_largest_probability(name, classes):
    features, target = data_of(name, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        model = made(name).fit(features, target)
    runtime = runtime_of(model, features)
    assert label_margin(model) is not None
    for rows in (features, features[:1]):
        prediction = runtime.predict_input(rows)
        expected = model.predict(rows)
        assert prediction.labels[0].tolist() == expected.tolist()
        assert prediction.labels[0].dtype == expected.dtype
        assert np.array_equal(prediction.probabilities[0], model.predict_proba(rows))


@pytest.mark.parametrize("name", ["XGBClassifier", "XGBRFClassifier"])
def test_xgboosts_classifiers_are_asked_once_as_well(name):
    xgboost = pytest.importorskip("xgboost")
    features, _ = data_of(name, 2)
    model = getattr(xgboost, name)(n_estimators=5).fit(features, (features[:, 0] > 0).astype(int))
    prediction = runtime_of(model, features).predict_input(features)
    assert label_margin(model) is not None
    assert prediction.labels[0].tolist() == model.predict(features).tolist()


def test_a_model_is_asked_once(monkeypatch):
    features, target = data_of("RandomForestClassifier", 2)
    model = RandomForestClassifier(5).fit(features, target)
    runtime, counting = runtime_of(model, features), Counting(model, monkeypatch)
    runtime.predict(Batch({f"x{i}": features[:, i] for i in range(6)}, len(features)))
    assert counting.asked == ["predict_proba"]


def test_one_whose_probabilities_tie_is_asked_what_it_says(monkeypatch):
    features, target = np.array([[0.0], [1.0]]), [0, 1]
    model = LogisticRegression().fit(features, target)
    model.coef_[:], model.intercept_[:] = 1e-20, 0.0
    runtime, counting = runtime_of(model, features), Counting(model, monkeypatch)
    assert runtime.predict_input(np.array([[1.0]])).labels[0].tolist() == [1]  # though both are 0.5
    assert counting.asked == ["predict_proba", "predict"]


def test_probabilities_that_are_not_numbers_tell_no_label():
    assert labels_of(np.array([[np.nan, 1.0]]), np.array([0, 1]), 1e-6) is None


def test_a_model_of_one_class_says_it():
    model = FAMILIES["BernoulliNB"]().fit(np.eye(4), ["late"] * 4)
    assert runtime_of(model, np.eye(4)).predict_input(np.eye(4)).labels[0].tolist() == ["late"] * 4


def test_what_answers_with_another_is_as_that_one():
    features, target = data_of("", 2)
    forest, scaled = RandomForestClassifier(3), make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(scaled, {"logisticregression__C": [1.0]}, cv=2).fit(features, target)
    stack = StackingClassifier([("a", KNeighborsClassifier())], forest, cv=2).fit(features, target)
    assert [label_margin(model) for model in (search, stack, scaled)] == [1e-6, 0.0, 1e-6]
    for model in (search, stack):
        answer = runtime_of(model, features).predict_input(features).labels[0]
        assert answer.tolist() == model.predict(features).tolist()


class Contrary(RandomForestClassifier):
    """Says the class of the smallest probability."""

    def predict(self, rows):
        return self.classes_[self.predict_proba(rows).argmin(axis=1)]


def test_a_subclass_and_a_family_whose_labels_do_not_follow_are_asked_for_both(monkeypatch):
    features, target = data_of("", 2)
    model = Contrary(5).fit(features, target)
    assert label_margin(SVC()) is label_margin(model) is label_margin(make_pipeline(model)) is None
    runtime, counting = runtime_of(model, features), Counting(model, monkeypatch)
    assert runtime.predict_input(features).labels[0].tolist() == model.predict(features).tolist()
    assert counting.asked[:2] == ["predict", "predict_proba"]


def test_a_model_of_several_outputs_is_asked_for_both(monkeypatch):
    features, target = data_of("", 2)
    model = RandomForestClassifier(3).fit(features, np.column_stack([target, target[::-1]]))
    runtime = runtime_of(model, features)
    prediction = runtime.predict_input(features)
    assert np.array_equal(np.column_stack(prediction.labels), model.predict(features))
    assert len(prediction.probabilities) == 2
