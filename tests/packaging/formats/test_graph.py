"""ONNX serves when it answers the same to the last split, and says why when it does not serve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlops_jupyter.packaging.formats import graph
from mlops_jupyter.packaging.formats.parity import compare, difference
from mlops_jupyter.packaging.formats.probes import probes, thresholds
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.runtimes import Prediction
from tests.packaging.formats.conftest import NULLABLE, schema_for

ENCODERS = {
    "refuses": OneHotEncoder(),
    "ignores": OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
    "rare": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=80),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    "filled": make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
}


def pipeline(encoder, model):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (numbers, ["distance", "wind", "hour"]),
            (encoder, ["carrier", "origin"]),
            ("passthrough", ["weekend"]),
        ),
        model,
    )


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    "model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=4)], ids=["line", "trees"]
)
def test_a_table_with_missing_values_is_served_by_onnx(flights, keep, encoder, model):
    table, late = flights
    opened = keep(pipeline(ENCODERS[encoder], model).fit(table, late), table, nullable=NULLABLE)
    assert opened.saved.format == "onnx", opened.saved.why
    assert opened.saved.parity["score_difference"] < 1e-12
    assert opened.labels == pipeline_labels(opened, table)


def pipeline_labels(opened, table):
    assert isinstance(opened.labels[0], bool)
    batch = Batch({name: as_numpy(table[name]) for name in table}, len(table))
    assert opened.runtime.predict(batch).labels[0].tolist() == opened.labels
    return opened.labels


def as_numpy(series):
    return (
        series.astype(object).where(series.notna(), None).to_numpy()
        if series.dtype.kind == "O"
        else series.to_numpy()
    )


def test_a_category_that_the_model_refuses_is_refused_by_the_graph(flights, keep):
    table, late = flights
    model = pipeline(ENCODERS["refuses"], LogisticRegression()).fit(table, late)
    opened = keep(model, table, nullable=NULLABLE)
    strange = table.assign(carrier="ZZ")
    with pytest.raises(ValueError, match="unknown categories"):
        model.predict(strange)
    with pytest.raises(ValueError, match="refuses"):
        opened.runtime.predict_input(strange)


def test_categories_of_pandas_are_split_as_scikit_learn_splits_them(flights, keep):
    table, late = flights
    table = table.drop(columns="carrier").assign(origin=table.origin.where(table.index % 13 != 0))
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype").fit(table, late)
    opened = keep(model, table, nullable=("wind", "origin"))
    assert opened.saved.format == "onnx", opened.saved.why
    assert opened.saved.parity["rows"] > 400
    assert opened.saved.parity["score_difference"] < 1e-12


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma", "absolute_error", "quantile"])
def test_every_loss_of_histogram_boosting_is_exact(flights, keep, loss):
    table, _ = flights
    numbers = table[["distance", "wind", "hour"]]
    model = HistGradientBoostingRegressor(loss=loss, quantile=0.9, max_iter=10).fit(numbers, table.hour + 1.0)
    opened = keep(model, numbers, nullable=("wind",))
    assert (opened.saved.format, opened.saved.parity["rows_differ"]) == ("onnx", 0)
    assert opened.saved.parity["score_difference"] < 1e-12


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=6),
        RandomForestClassifier(12, random_state=0),
        ExtraTreesClassifier(12, random_state=0),
        GradientBoostingClassifier(n_estimators=12, random_state=0),
        HistGradientBoostingClassifier(max_iter=12),
        RandomForestRegressor(12, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_trees_are_exact_on_their_splits_and_one_step_of_the_number_beside(keep, model):
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 3)) * [1, 1e-7, 1e9]
    target = np.digitize(features[:, 0] + features[:, 1] * 1e7, [-1, 0.5])
    opened = keep(model.fit(features, target), features)
    assert opened.saved.format == "onnx", opened.saved.why
    assert opened.saved.parity["rows"] > 600
    assert opened.saved.parity["score_difference"] < 1e-12


def test_features_in_single_precision_are_rounded_as_the_model_sees_them(keep):
    features = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    opened = keep(HistGradientBoostingRegressor(max_iter=10).fit(features, features[:, 0]), features)
    assert opened.saved.format == "onnx", opened.saved.why
    assert opened.saved.parity["rows"] > 500


def test_the_graph_of_skl2onnx_alone_would_not_pass():
    """The probe rows find what an ordinary sample does not: thresholds rounded to float32."""
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 2))
    model = HistGradientBoostingRegressor(max_iter=5).fit(features, features[:, 0])
    schema = schema_for(model, features)

    class Rounded:
        """Answers as a graph with float32 thresholds: rows within rounding of a split may change sides."""

        def predict(self, batch):
            table = np.column_stack(list(batch.columns.values())).astype(np.float32).astype(np.float64)
            return Prediction([model.predict(table)])

        def predict_input(self, sample):
            return Prediction([model.predict(sample)])

    parity = compare(model, Rounded(), features, schema)
    assert not parity.holds
    assert "ONNX differs by" in parity.why


def test_splits_are_found_behind_a_scaler():
    features = np.random.default_rng(0).normal(50, 10, size=(200, 2))
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3)).fit(
        features, features[:, 1] > 50
    )
    on_splits = next(
        p for p in probes(model, features, schema_for(model, features)) if p.kind == "rows on a split"
    )
    split = thresholds(model[-1])[1][0]
    scaled = model[0].transform(np.column_stack(list(on_splits.batch.columns.values())))[:, 1]
    assert np.abs(scaled - split).min() < 1e-12
    assert {False, True} == set((scaled <= split).tolist())


def test_several_outputs_keep_their_classes(keep):
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 3))
    target = np.column_stack(
        [np.where(features[:, 0] > 0, "up", "down"), np.digitize(features[:, 1], [-1, 1]).astype(str)]
    )
    model = RandomForestClassifier(8, random_state=0).fit(features, target)
    opened = keep(model, features)
    assert opened.saved.format == "onnx", opened.saved.why
    assert np.array_equal(np.column_stack(opened.answer.labels), model.predict(features))
    assert [table.shape for table in opened.answer.probabilities] == [(200, 2), (200, 3)]


def test_what_onnx_has_no_converter_for_is_named(flights, keep):
    table, late = flights
    numbers = table[["distance"]]
    model = make_pipeline(
        FunctionTransformer(np.mean, kw_args={"axis": 1, "keepdims": True}), LogisticRegression()
    )
    opened = keep(model.fit(numbers.to_numpy(), late), numbers.to_numpy())
    assert opened.saved.format == "skops"
    assert "FunctionTransformer" in opened.saved.why


SEVERAL = {
    "yes or no each": OneVsRestClassifier(LogisticRegression()),
    "neighbours": KNeighborsClassifier(),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_outputs_that_onnx_cannot_give_are_said_to_be_the_reason(keep, case):
    features = np.random.default_rng(0).normal(size=(60, 2))
    target = (features > 0).astype(int)
    labels = target if case == "yes or no each" else np.array(["down", "up"])[target]
    model = SEVERAL[case].fit(features, labels)
    opened = keep(model, features)
    assert opened.saved.format == "skops"
    assert opened.saved.why == f"ONNX has no converter for {type(model).__name__} with several outputs"
    assert np.array_equal(np.column_stack(opened.answer.labels), model.predict(features))


@pytest.mark.parametrize("mixture", [GaussianMixture, BayesianGaussianMixture])
def test_a_mixture_is_served_without_names_for_its_components(keep, mixture):
    features = np.random.default_rng(0).normal(size=(100, 2)) + np.repeat([[0], [9]], 50, axis=0)
    opened = keep(mixture(n_components=2, random_state=0).fit(features), features)
    assert (opened.saved.format, opened.answer.probabilities) == ("onnx", None)


def test_a_constant_answers_rows_with_missing_values_too(keep):
    features = np.random.default_rng(0).normal(size=(60, 2))
    model = DummyClassifier().fit(features, features[:, 0] > 0.5)
    opened = keep(model, features, nullable=("x0", "x1"))
    assert opened.saved.format == "onnx", opened.saved.why
    assert opened.runtime.predict_input(np.full((2, 2), np.nan)).labels[0].tolist() == [False, False]


def test_odd_texts_keep_a_vectorizer_native(keep):
    texts = ["good day", "bad day", "fine food", "bad bad food"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0] * 5)
    opened = keep(model, texts)
    assert opened.saved.format == "skops"
    assert opened.labels == model.predict(texts).tolist()


def test_scores_of_a_regressor_are_compared_relative_to_their_size():
    schema = {"output": {"outputs": [{"classes": None}]}}
    close = difference(Prediction([np.array([1e9])]), Prediction([np.array([1e9 + 1])]), schema)
    far = difference(Prediction([np.array([0.5])]), Prediction([np.array([0.5001])]), schema)
    assert close.holds
    assert not far.holds
    assert far.score_difference == pytest.approx(1e-4)


def test_a_problem_is_said_in_one_short_phrase():
    missing = RuntimeError(
        "Unable to find a shape calculator for type '<class 'my.own.Thing'>'. It usually means"
    )
    assert graph.reason(object(), missing) == "ONNX has no converter for Thing"
    assert len(graph.reason(object(), RuntimeError("x" * 1000))) < 150
    broken = RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Type Error: Type (tensor(double)) of output arg")
    assert graph.reason(object(), broken) == "ONNX Runtime does not load the graph of object"
