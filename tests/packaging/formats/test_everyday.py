"""The pipelines that everybody writes are served by ONNX: scaled numbers, encoded categories, a model."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

ROWS = 160
random = np.random.default_rng(3)
ORDINARY = pd.DataFrame(
    {
        "age": random.integers(18, 90, ROWS),
        "income": random.normal(50_000, 10_000, ROWS),
        "plan": random.choice(["basic", "family", "pro"], ROWS),
        "city": random.choice(list("uvwxyz"), ROWS, p=[0.4, 0.3, 0.2, 0.05, 0.03, 0.02]),
    }
)
SCORE = ORDINARY.age / 20 + ORDINARY.income / 20_000 + (ORDINARY.plan == "pro")
TABLES = {
    "whole and real": ORDINARY,
    "nullable": ORDINARY.astype({"age": "Int64", "income": "Float64", "plan": "string"}),
    "small": ORDINARY.astype({"age": "int8", "income": "float32", "plan": "category"}),
    "single": ORDINARY.astype({"age": "float32", "income": "float32", "plan": object}),
    "yes or no": ORDINARY.assign(income=ORDINARY.income > 50_000),
    "yes, no or missing": ORDINARY.assign(income=(ORDINARY.income > 50_000).astype("boolean")),
    "numbers as categories": ORDINARY.assign(plan=ORDINARY.age % 3),
    "yes or no as categories": ORDINARY.assign(plan=ORDINARY.age > 50),
}
NUMBERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(clip=True),
    "imputer": SimpleImputer(strategy="median"),
    "indicator": make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
    "robust": RobustScaler(),
    "quantiles": QuantileTransformer(n_quantiles=30),
    "polynomial": make_pipeline(StandardScaler(), PolynomialFeatures(2)),
    "power": PowerTransformer(),
    "bins": KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
    "normalizer": Normalizer(),
    "logarithm": FunctionTransformer(np.log1p),
    "splines": make_pipeline(SplineTransformer(degree=2), StandardScaler()),
    "passthrough": "passthrough",
}
CATEGORIES = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "one-hot that refuses": OneHotEncoder(),
    "one-hot, rare together": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
    "one-hot, few": OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2),
    "one-hot but the first": OneHotEncoder(drop="first", sparse_output=False),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal, unknown missing": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    "target": TargetEncoder(),
}
MODELS = {
    "line": LogisticRegression(solver="newton-cholesky"),
    "forest": RandomForestClassifier(4, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=3),
    "ridge": Ridge(),
}
LABELS = {
    "texts": np.where(SCORE > 5, "yes", "no"),
    "numbers": np.digitize(SCORE, [4.5, 5.5]),
    "yes or no": (SCORE > 5).to_numpy(),
    "pandas": pd.Series(np.where(SCORE > 5, "yes", "no"), dtype="category"),
}


def fitted(table="whole and real", numbers="standard", categories="one-hot", model="line", labels="texts"):
    """Put the texts first: the order once decided whether the graph loaded."""
    columns = make_column_transformer(
        (clone(CATEGORIES[categories]), ["plan", "city"]),
        (NUMBERS[numbers] if numbers == "passthrough" else clone(NUMBERS[numbers]), ["age", "income"]),
        sparse_threshold=0 if model == "histograms" else 0.3,
    )
    target = SCORE if model == "ridge" else LABELS[labels]
    return make_pipeline(columns, clone(MODELS[model])).fit(TABLES[table], target)


def is_exact(opened, model):
    assert opened.saved.format == "onnx", opened.saved.why
    expected = model.predict(opened.sample)
    if expected.dtype.kind == "f":
        return opened.labels == pytest.approx(expected.tolist(), rel=1e-6)
    return opened.labels == expected.tolist()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("categories", ["one-hot", "target"])
def test_a_column_of_any_type_is_served_by_onnx(keep, table, categories):
    model = fitted(table, categories=categories)
    assert is_exact(keep(model, TABLES[table]), model)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_any_step_on_numbers_is_served_by_onnx(keep, numbers):
    pipeline = fitted(numbers=numbers)
    assert is_exact(keep(pipeline, ORDINARY), pipeline)


@pytest.mark.parametrize("categories", CATEGORIES)
@pytest.mark.parametrize("model", MODELS)
def test_any_encoder_is_served_by_onnx_before_any_model(keep, categories, model):
    pipeline = fitted(categories=categories, model=model)
    assert is_exact(keep(pipeline, ORDINARY), pipeline)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("categories", ["one-hot", "target"])
def test_labels_of_any_type_are_served_by_onnx(keep, labels, categories):
    model = fitted(categories=categories, labels=labels)
    assert is_exact(keep(model, ORDINARY), model)


@pytest.mark.parametrize("first", ["numbers", "texts"])
def test_the_order_of_columns_does_not_matter(keep, first):
    parts = [(StandardScaler(), ["age", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["plan"])]
    model = make_pipeline(make_column_transformer(*parts[:: 1 if first == "numbers" else -1]))
    table = ORDINARY[["age", "income", "plan"] if first == "numbers" else ["plan", "age", "income"]]
    model.steps.append(("model", LogisticRegression()))
    model.fit(table, LABELS["texts"])
    assert is_exact(keep(model, table), model)


WHY_NOT = {
    "a normal distribution": (
        QuantileTransformer(n_quantiles=30, output_distribution="normal"),
        ["age", "income"],
        "QuantileTransformer to a normal distribution",
    ),
    "neighbours": (KNNImputer(), ["age", "income"], "KNNImputer"),
    "a function": (
        FunctionTransformer(np.nan_to_num),
        ["age", "income"],
        r"FunctionTransformer\(nan_to_num\)",
    ),
    "numbers among texts": (
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
        ["age", "plan"],
        "a column of texts and one of numbers",
    ),
}


@pytest.mark.parametrize("case", WHY_NOT)
def test_what_stays_native_says_why_in_one_phrase(keep, case):
    step, columns, why = WHY_NOT[case]
    model = make_pipeline(make_column_transformer((clone(step), columns)), LogisticRegression())
    opened = keep(model.fit(ORDINARY, LABELS["texts"]), ORDINARY)
    assert opened.saved.format == "skops"
    assert opened.saved.why.startswith("ONNX")
    assert re.search(why, opened.saved.why)
    assert len(opened.saved.why) < 80


def test_a_row_without_an_answer_is_refused_as_the_model_refuses_it(keep):
    model = fitted(categories="ordinal, unknown missing")
    opened = keep(model, ORDINARY)
    strange = ORDINARY.assign(city="never seen")
    with pytest.raises(ValueError, match="NaN"):
        model.predict(strange)
    with pytest.raises(ValueError, match="refuses"):
        opened.runtime.predict_input(strange)
