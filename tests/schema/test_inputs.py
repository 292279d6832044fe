"""What a model takes is described from its data, whatever the data is held in."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from mlops_jupyter.errors import DataError
from mlops_jupyter.schema.columns import plain
from mlops_jupyter.schema.data import as_model_input, head
from mlops_jupyter.schema.fitted import match_columns
from mlops_jupyter.schema.inputs import infer_input

COLUMNS = [
    (pd.Series([1.5, None]), "double", "float64"),
    (pd.Series([1.5, 2.0], dtype="float32"), "float", "float32"),
    (pd.Series([1, 2]), "long", "int64"),
    (pd.Series([1, 2], dtype="int32"), "integer", "int32"),
    (pd.Series([1, 2], dtype="uint32"), "long", "uint32"),
    (pd.Series([True, False]), "boolean", "bool"),
    (pd.Series(["a", None]), "string", "str"),
    (pd.Series(["a", "b"], dtype="category"), "string", "category"),
    (pd.Series([3, 1], dtype="category"), "long", "category"),
    (pd.Series([1, None], dtype="Int64"), "long", "Int64"),
    (pd.Series([1.0, None], dtype="Float64"), "double", "Float64"),
    (pd.Series([True, None], dtype="boolean"), "boolean", "boolean"),
    (pd.Series(pd.date_range("2020", periods=2, unit="us")), "datetime", "datetime64[us]"),
    (pd.Series(pd.date_range("2020", periods=2, tz="UTC", unit="us")), "datetime", "datetime64[us, UTC]"),
    (pd.Series([dt.date(2020, 1, 1)], dtype=object), "datetime", "object"),
    (pd.Series(["a", 1][:1], dtype=object), "string", "object"),
    (pd.Series([Decimal("1.5")], dtype=object), "double", "object"),
    (pd.Series([1, 2.5], dtype=object), "double", "object"),
    (pd.Series([None, None], dtype=object), "string", "object"),
]


@pytest.mark.parametrize(
    ("values", "kind", "dtype"), COLUMNS, ids=lambda value: str(getattr(value, "dtype", value))
)
def test_a_column_has_the_type_of_its_values(values, kind, dtype):
    (column,) = infer_input(pd.DataFrame({"x": values}))["columns"]
    assert (column["type"], column["dtype"]) == (kind, dtype)
    json.dumps(column, allow_nan=False)


def test_ranges_categories_and_examples_are_those_of_the_data():
    frame = pd.DataFrame({"far": [np.inf, 17.0, np.nan, 200.0], "origin": ["b", "a", None, "b"]})
    far, origin = infer_input(frame)["columns"]
    assert (far["minimum"], far["maximum"]) == (17.0, 200.0)
    assert (origin["categories"], origin["example"]) == (["a", "b"], "b")


def test_a_column_of_many_texts_lists_no_categories():
    frame = pd.DataFrame({"name": [f"n{i}" for i in range(500)]})
    assert infer_input(frame)["columns"][0]["categories"] is None


def test_the_order_of_a_category_is_kept():
    values = pd.Categorical(["low"], categories=["low", "mid", "high"])
    assert infer_input(pd.DataFrame({"x": values}))["columns"][0]["categories"] == ["low", "mid", "high"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.Series(["a", 1], dtype=object), "column 'x' holds int and str"),
        (pd.Series([[1], [2]]), "column 'x' holds list values"),
        (pd.Series([1j]), "column 'x' is of type complex128"),
        (pd.Series([pd.Timedelta(1)]), "column 'x' is of type timedelta64"),
    ],
)
def test_what_a_request_cannot_carry_is_refused_by_column(values, said):
    with pytest.raises(DataError, match=said):
        infer_input(pd.DataFrame({"x": values}))


@pytest.mark.parametrize(
    ("data", "kind", "width"),
    [
        (np.ones((2, 3)), "matrix", 3),
        ([[1, 2], [3, 4]], "matrix", 2),
        (np.array([["a", 1.0]], dtype=object), "matrix", 2),
        (sp.csc_matrix(np.eye(3)), "sparse", 3),
        (sp.coo_array(np.eye(3)), "sparse", 3),
        (["a", "b"], "text", 1),
        (np.array(["a", "b"]), "text", 1),
        (pd.Series(["a", "b"]), "text", 1),
        (pl.Series(["a", "b"]), "text", 1),
        (pl.DataFrame({"x": [1], "y": ["b"]}), "columns", 2),
        (pd.DataFrame([[1.0, 2.0]]), "matrix", 2),
    ],
)
def test_every_holder_of_data_is_one_of_four_kinds(data, kind, width):
    schema = infer_input(data)
    assert (schema["kind"], len(schema["columns"])) == (kind, width)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), "two columns named 'a'"),
        (pd.DataFrame(np.eye(2), columns=["a", 1]), "the column name 1 is not text"),
        (pd.DataFrame([["a", 1.0]]), "the columns are numbered"),
        (np.zeros((2, 3, 4)), "the data has 3 dimensions"),
        ([1.0, 2.0], "the data has 1 dimension;"),
        ([[1], [1, 2]], "different lengths"),
        (pd.DataFrame({"a": []}), "the data has no rows"),
        (42, "int is not data"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(data, said):
    with pytest.raises(DataError, match=said) as refusal:
        as_model_input(data)
    assert "\n" not in str(refusal.value)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_a_schema_is_always_json(values):
    for data in (np.array([values]).T, pd.DataFrame({"x": values})):
        (column,) = infer_input(data)["columns"]
        json.dumps(column, allow_nan=False)
        finite = [value for value in values if np.isfinite(value)]
        assert column["minimum"] == (min(finite) if finite else None)


@given(st.integers(1, 2000), st.integers(1, 500))
def test_a_head_is_spread_and_never_longer_than_asked(rows, limit):
    taken = head(np.arange(rows).reshape(-1, 1), limit).ravel()
    assert len(taken) == min(rows, limit)
    assert len(set(taken)) == len(taken)
    assert taken[0] == 0
    assert limit == 1 or taken[-1] == rows - 1


@pytest.mark.parametrize("value", [pd.NA, pd.NaT, np.nan, None, float("inf")])
def test_what_is_missing_is_null(value):
    assert plain(value) is None


@pytest.fixture
def named_model():
    frame = pd.DataFrame({"distance": [1.0, 2.0, 4.0], "hour": [1.0, 0.0, 5.0]})
    return LinearRegression().fit(frame, [0, 1, 2]), frame


def test_columns_in_another_order_are_put_in_the_model_s(named_model):
    model, frame = named_model
    assert list(match_columns(model, frame[["hour", "distance"]]).columns) == ["distance", "hour"]


def test_an_array_gets_the_names_the_model_knows(named_model):
    model, frame = named_model
    assert list(match_columns(model, frame.to_numpy()).columns) == ["distance", "hour"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.rename(columns={"hour": "huor"}), "lacks column `hour`: .*did you mean huor"),
        (
            lambda f: f.assign(late=1),
            "has column `late`, which the model was not fitted on; give --target late",
        ),
        (
            lambda f: f.to_numpy()[:, :1],
            "has 1 columns, the model was fitted on 2; it expects columns `distance`, `hour`",
        ),
    ],
)
def test_columns_that_do_not_match_are_named(named_model, change, said):
    model, frame = named_model
    with pytest.raises(DataError, match=said):
        match_columns(model, change(frame))
