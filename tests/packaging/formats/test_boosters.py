"""xgboost, lightgbm and catboost come back from their own files and answer the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.packaging.formats import boosters
from tests.packaging.formats.conftest import schema_for

FEATURES = np.random.default_rng(0).normal(size=(120, 3))
VALUE = FEATURES[:, 0] * 3 + FEATURES[:, 1]
NAMED = np.array(["early", "late", "on time"])[np.digitize(VALUE, [-1, 1])]
YES = (VALUE > 0).astype(int)


def xgb(kind):
    xgboost = pytest.importorskip("xgboost")
    return getattr(xgboost, f"XGB{kind}")(n_estimators=4, n_jobs=1)


def lgbm(kind):
    lightgbm = pytest.importorskip("lightgbm")
    return getattr(lightgbm, f"LGBM{kind}")(n_estimators=4, verbose=-1, n_jobs=1)


def cat(kind):
    catboost = pytest.importorskip("catboost")
    return getattr(catboost, f"CatBoost{kind}")(
        iterations=4, verbose=0, allow_writing_files=False, thread_count=1
    )


@pytest.mark.parametrize(
    ("home", "make", "target"),
    [
        ("xgboost", lambda: xgb("Classifier"), YES),
        ("xgboost", lambda: xgb("Classifier"), np.digitize(VALUE, [-1, 1])),
        ("xgboost", lambda: xgb("Regressor"), VALUE),
        ("lightgbm", lambda: lgbm("Classifier"), YES),
        ("lightgbm", lambda: lgbm("Classifier"), NAMED),
        ("lightgbm", lambda: lgbm("Regressor"), VALUE),
        ("catboost", lambda: cat("Classifier"), YES),
        ("catboost", lambda: cat("Classifier"), NAMED),
        ("catboost", lambda: cat("Regressor"), VALUE),
    ],
)
def test_an_estimator_comes_back_from_its_own_file(keep, home, make, target):
    model = make().fit(FEATURES, target)
    opened = keep(model, FEATURES)
    assert (opened.saved.format, opened.saved.why) == (home, f"{home}'s own format")
    assert opened.labels == np.ravel(model.predict(FEATURES)).tolist()
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(opened.answer.probabilities[0], model.predict_proba(FEATURES), atol=1e-6)


@pytest.mark.parametrize(("make", "target"), [(xgb, YES), (lgbm, NAMED), (cat, NAMED)])
def test_inside_a_pipeline_it_is_saved_by_skops(keep, make, target):
    model = make_pipeline(StandardScaler(), make("Classifier")).fit(FEATURES, target)
    opened = keep(model, FEATURES)
    assert opened.saved.format == "skops"
    assert opened.saved.why.startswith("ONNX has no converter for")
    assert opened.labels == np.ravel(model.predict(FEATURES)).tolist()


def described(task, classes):
    schema = schema_for(StandardScalerLike(), FEATURES)
    kind = "double" if classes is None else "string"
    schema["output"] = {
        "task": task,
        "outputs": [{"name": "y", "type": kind, "classes": classes}],
        "probabilities": classes is not None,
    }
    return schema


class StandardScalerLike:
    """Something to describe the features with."""

    def predict(self, features):
        return np.zeros(len(features))


def test_a_bare_xgboost_booster_names_its_classes(keep):
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(FEATURES, YES), 4)
    opened = keep(booster, FEATURES, schema=described("classification", ["no", "yes"]))
    scores = booster.predict(xgboost.DMatrix(FEATURES))
    assert opened.saved.format == "xgboost"
    assert opened.labels == np.where(scores > 0.5, "yes", "no").tolist()


def test_a_bare_lightgbm_booster_answers_numbers(keep):
    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(FEATURES, VALUE), 4)
    opened = keep(booster, FEATURES, schema=described("regression", None))
    assert opened.saved.format == "lightgbm"
    assert opened.labels == booster.predict(FEATURES).tolist()


def test_what_is_no_booster_belongs_to_no_library():
    assert boosters.library(StandardScaler()) is None
