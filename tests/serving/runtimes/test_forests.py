"""A forest that walks its trees itself answers the same, to the last bit."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.serving.runtimes.forests import quicken_forests

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(300, 5))
ROWS[::7, 2] = np.nan
SUMS = np.nan_to_num(ROWS) @ np.arange(5)
CLASSES = np.array(["on time", "late", "never"])[np.digitize(SUMS, [-2, 2])]
FORESTS = [RandomForestClassifier, ExtraTreesClassifier, RandomForestRegressor, ExtraTreesRegressor]


def fitted(forest, data=ROWS):
    model = forest(20, random_state=0, max_depth=6)
    target = CLASSES if "Classifier" in forest.__name__ else SUMS
    return model.fit(data, target), "predict_proba" if "Classifier" in forest.__name__ else "predict"


@pytest.mark.parametrize("forest", FORESTS)
def test_the_answers_are_the_same_to_the_last_bit(forest):
    model, method = fitted(forest)
    expected, labels = getattr(model, method)(ROWS), model.predict(ROWS)
    quick = quicken_forests(model)
    assert method in vars(quick)
    assert np.array_equal(getattr(quick, method)(ROWS), expected)
    assert np.array_equal(quick.predict(ROWS), labels)


def test_frames_and_sparse_rows_are_read_as_before_and_other_columns_refused():
    frame = pd.DataFrame(ROWS, columns=list("abcde"))
    model, _ = fitted(RandomForestClassifier, frame)
    expected = model.predict_proba(frame)
    quick = quicken_forests(model)
    assert np.array_equal(quick.predict_proba(frame), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        quick.predict_proba(frame.rename(columns={"a": "z"}))
    whole = np.nan_to_num(ROWS)
    sparse = RandomForestRegressor(5, random_state=0).fit(csr_array(whole), whole[:, 0])
    before = sparse.predict(csr_array(whole))
    assert np.array_equal(quicken_forests(sparse).predict(csr_array(whole)), before)


def test_forests_deep_inside_are_found():
    whole = np.nan_to_num(ROWS)
    inner = CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2)
    model = make_pipeline(StandardScaler(), inner).fit(whole, CLASSES)
    expected = model.predict_proba(whole)
    quicken_forests(model)
    found = [each.estimator for each in model[-1].calibrated_classifiers_]
    assert all("predict_proba" in vars(forest) for forest in found)
    assert np.array_equal(model.predict_proba(whole), expected)


class Inverted(RandomForestRegressor):
    def predict(self, rows):
        return -super().predict(rows)


def test_a_subclass_and_a_forest_of_several_outputs_are_left_as_they_are():
    whole = np.nan_to_num(ROWS)
    subclass = Inverted(5).fit(whole, whole[:, 0])
    several = RandomForestRegressor(5).fit(whole, whole[:, :2])
    for model in (subclass, several, clone(subclass).fit(whole, whole[:, 0])):
        expected = model.predict(whole)
        assert "predict" not in vars(quicken_forests(model))
        assert np.array_equal(model.predict(whole), expected)


def test_one_that_answers_otherwise_is_left_as_it_is(monkeypatch):
    model, _ = fitted(RandomForestClassifier)
    monkeypatch.setattr(RandomForestClassifier, "predict_proba", lambda _, rows: np.zeros((len(rows), 3)))
    assert "predict_proba" not in vars(quicken_forests(model))


def test_one_row_takes_a_fraction_of_the_time():
    model = RandomForestClassifier(100, random_state=0).fit(np.nan_to_num(ROWS), CLASSES)
    row = np.nan_to_num(ROWS[:1])

    def seconds() -> float:
        begun = time.process_time()
        for _ in range(20):
            model.predict_proba(row)
        return time.process_time() - begun

    before = min(seconds() for _ in range(3))
    quicken_forests(model)
    assert min(seconds() for _ in range(3)) < before / 2  # a tenth, as measured
