"""A batch becomes what the model was fitted on: a frame with its dtypes, a matrix, a sparse one, texts."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse

from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.serving.batch import as_model_input
from mlops_jupyter.serving.validation import compile_validator


def served(data, features, nullable=True):
    """Return what a model fitted on `data` would be given for a request."""
    schema = {"input": infer_input(data)}
    for column in schema["input"]["columns"]:
        column["nullable"] = nullable
    body = orjson.dumps({"features": features})
    return as_model_input(compile_validator(schema).parse(body).batch, schema)


def as_json(frame):
    """Return the records of a frame as a client would send them."""
    return orjson.loads(frame.to_json(orient="records", date_format="iso"))


FRAMES = {
    "float64": pd.Series([0.5, 1.5]),
    "float32": pd.Series([0.5, 1.5], dtype="float32"),
    "int64": pd.Series([1, 2**53]),
    "uint8": pd.Series([1, 255], dtype="uint8"),
    "int16": pd.Series([-5, 5], dtype="int16"),
    "nullable integers": pd.Series([1, None], dtype="Int64"),
    "nullable floats": pd.Series([1.5, None], dtype="Float64"),
    "booleans": pd.Series([True, False]),
    "nullable booleans": pd.Series([True, None], dtype="boolean"),
    "strings": pd.Series(["a", None], dtype="str"),
    "string[python]": pd.Series(["a", None], dtype="string"),
    "objects": pd.Series(["a", np.nan], dtype=object),
    "categories": pd.Series(["b", "a", None], dtype=pd.CategoricalDtype(["b", "a"])),
    "numeric categories": pd.Series([3, 1, None], dtype=pd.CategoricalDtype([3, 1])),
    "datetimes": pd.Series(pd.to_datetime(["2026-01-01 10:00", None])),
    "datetimes in ns": pd.Series(pd.to_datetime(["2026-01-01 10:00", None]), dtype="datetime64[ns]"),
    "datetimes with a zone": pd.Series(pd.to_datetime(["2026-01-01", None])).dt.tz_localize("Europe/Berlin"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_column_comes_back_with_the_dtype_and_the_values_it_was_fitted_on(kind):
    frame = pd.DataFrame({"x": FRAMES[kind]})
    pd.testing.assert_frame_equal(served(frame, as_json(frame)), frame)


def test_columns_come_in_the_order_of_the_schema():
    frame = pd.DataFrame({"b": [1.0], "a": ["x"]})
    assert list(served(frame, {"a": "x", "b": 1}).columns) == ["b", "a"]


def test_an_integer_column_with_a_missing_value_is_float_as_pandas_has_it():
    column = served(pd.DataFrame({"x": [1, 2]}), [{"x": None}, {"x": 2}])["x"]
    assert column.dtype == np.float64
    assert column.isna().tolist() == [True, False]


def test_an_unseen_category_is_not_turned_into_a_missing_value():
    frame = pd.DataFrame({"x": pd.Categorical(["a", "b"])})
    column = served(frame, {"x": ["b", "new"]})["x"]
    assert column.tolist() == ["b", "new"]
    assert column.cat.categories.tolist() == ["a", "b", "new"]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool"])
def test_a_matrix_has_the_dtype_it_was_fitted_on(dtype):
    matrix = np.array([[0, 1], [1, 0]], dtype=dtype)
    back = served(matrix, matrix.tolist())
    assert back.dtype == dtype
    assert np.array_equal(back, matrix)


def test_a_matrix_of_strings_does_not_cut_a_longer_one():
    back = served(np.array([["a", "b"]]), [["longer than before", "b"]], nullable=False)
    assert back.tolist() == [["longer than before", "b"]]


def test_a_missing_value_in_a_matrix_is_nan():
    assert np.isnan(served(np.array([[1, 2]]), [[None, 2]])[0, 0])


def test_a_sparse_matrix_is_rebuilt_from_what_is_not_zero():
    matrix = csr_array(np.array([[0.0, 1.5, 0.0], [2.5, 0.0, 0.0]]))
    back = served(matrix, [{"x1": 1.5}, {"x0": 2.5}])
    assert issparse(back)
    assert np.array_equal(back.toarray(), matrix.toarray())
    assert back.nnz == 2


def test_texts_are_a_list_of_strings():
    assert served(["some text", "more"], ["another"]) == ["another"]
