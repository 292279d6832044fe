"""What a model answers, and what it bears, is found by asking it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlops_jupyter.errors import ModelError
from mlops_jupyter.schema.fitted import check_fitted
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.nullability import probe_nullability
from mlops_jupyter.schema.outputs import infer_output

ROWS = np.random.default_rng(0).normal(size=(60, 3))
YES = (ROWS[:, 0] > 0).astype(int)


def output_of(model, target, **options):
    return infer_output(model.fit(ROWS, target), ROWS, target, **options)


@pytest.mark.parametrize(
    ("target", "kind", "classes"),
    [
        (YES, "long", [0, 1]),
        (YES.astype(bool), "boolean", [False, True]),
        (np.array(["no", "yes"])[YES], "string", ["no", "yes"]),
        (YES.astype(float), "double", [0.0, 1.0]),
        (np.array([30, 10, 20])[np.digitize(ROWS[:, 1], [-0.4, 0.4])], "long", [10, 20, 30]),
    ],
)
def test_classes_stand_in_the_estimator_s_order_and_type(target, kind, classes):
    output = output_of(LogisticRegression(), target)
    assert output["task"] == "classification"
    assert output["outputs"] == [{"name": "prediction", "type": kind, "classes": classes}]
    assert [type(label) for label in output["outputs"][0]["classes"]] == [type(label) for label in classes]
    assert output["probabilities"]


def test_several_outputs_are_named_by_the_target():
    target = pd.DataFrame(
        {"late": np.array(["no", "yes"])[YES], "band": np.where(ROWS[:, 1] > 0, "high", "low")}
    )
    output = infer_output(RandomForestClassifier(3).fit(ROWS, target), ROWS, target)
    assert [(entry["name"], entry["classes"]) for entry in output["outputs"]] == [
        ("late", ["no", "yes"]),
        ("band", ["high", "low"]),
    ]


def test_a_multilabel_classifier_answers_yes_or_no_for_each_label():
    target = np.column_stack([YES, ROWS[:, 1] > 0]).astype(int)
    output = output_of(OneVsRestClassifier(LogisticRegression()), target)
    assert [entry["classes"] for entry in output["outputs"]] == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("model", "task", "kind"),
    [
        (LinearRegression(), "regression", "double"),
        (KMeans(2, n_init=1), "clustering", "long"),
        (IsolationForest(n_estimators=3), "outliers", "long"),
        (GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2), "classification", "long"),
        (SVC(), "classification", "long"),
    ],
)
def test_the_task_is_the_estimator_s(model, task, kind):
    output = output_of(model, YES)
    assert (output["task"], output["outputs"][0]["type"]) == (task, kind)
    assert output["probabilities"] == isinstance(model, GridSearchCV)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticRegression(), "this LogisticRegression is not fitted; call its fit first"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "this Pipeline is not fitted"),
        (GridSearchCV(LogisticRegression(), {"C": [1]}), "this GridSearchCV is not fitted"),
        (DBSCAN().fit(ROWS), "DBSCAN has no predict: it labels only the rows it is fitted on"),
        (StandardScaler().fit(ROWS), "StandardScaler has no predict: it only transforms"),
        (LogisticRegression, "LogisticRegression is a class; fit it first"),
        (print, "has no predict"),
    ],
)
def test_what_cannot_answer_is_refused_in_one_line(model, said):
    with pytest.raises(ModelError, match=said):
        check_fitted(model)


def nullable(model, data):
    schema = infer_input(data)
    probe_nullability(model.predict, data, schema)
    return [column["nullable"] for column in schema["columns"]]


def test_a_column_may_be_missing_only_where_the_model_bears_it():
    frame = pd.DataFrame(
        {
            "scaled": ROWS[:, 0],
            "imputed": ROWS[:, 1],
            "count": np.arange(60),
            "origin": ["a", "b", "c"] * 20,
            "flag": [True, False] * 30,
            "unused": pd.date_range("2020", periods=60),
        }
    )
    columns = make_column_transformer(
        (StandardScaler(), ["scaled"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["imputed", "count"]),
        (OneHotEncoder(handle_unknown="ignore"), ["origin"]),
        ("passthrough", ["flag"]),
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, YES)
    assert nullable(model, frame) == [False, True, True, True, False, True]


def test_a_matrix_may_have_gaps_where_the_estimator_takes_them():
    assert nullable(HistGradientBoostingClassifier(max_iter=2).fit(ROWS, YES), ROWS) == [True] * 3
    assert nullable(LogisticRegression().fit(ROWS, YES), ROWS) == [False] * 3
    assert nullable(
        HistGradientBoostingClassifier(max_iter=2).fit(np.arange(60).reshape(-1, 1), YES),
        np.arange(60).reshape(-1, 1),
    ) == [True]


def test_probing_a_wide_matrix_takes_few_calls_when_all_may_be_missing():
    calls = []
    wide = np.zeros((5, 1000))
    schema = infer_input(wide)
    probe_nullability(lambda rows: calls.append(1) or np.zeros(len(rows)), wide, schema)
    assert all(column["nullable"] for column in schema["columns"])
    assert len(calls) == 2


def test_an_answer_of_nan_is_no_answer():
    schema = infer_input(ROWS)
    probe_nullability(lambda rows: rows.sum(axis=1), ROWS, schema)
    assert not any(column["nullable"] for column in schema["columns"])


def test_probing_leaves_the_data_as_it_was():
    frame = pd.DataFrame({"x": [1, 2, 3], "s": ["a", "b", "c"]})
    before = frame.copy()
    nullable(type("Any", (), {"predict": staticmethod(lambda rows: np.zeros(len(rows)))}), frame)
    pd.testing.assert_frame_equal(frame, before)
