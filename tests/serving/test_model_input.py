"""A batch becomes what the model was fitted on: a frame with its dtypes, a matrix, a sparse one, texts."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse

from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.serving.model_input import input_maker
from mlops_jupyter.serving.validation import compile_validator


def served(data, features, nullable=True):
    """Return what a model fitted on `data` would be given for a request."""
    schema = {"input": infer_input(data)}
    for column in schema["input"]["columns"]:
        column["nullable"] = nullable
    body = orjson.dumps({"features": features})
    return input_maker(schema)(compile_validator(schema).parse(body).batch)


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


@pytest.fixture(params=["in blocks", "before pandas 3"])
def either_way(request, monkeypatch):
    """Frames are put together by pandas 3's own function for it, and where there is none by column."""
    if request.param == "before pandas 3":
        monkeypatch.delattr(pd.api.internals, "create_dataframe_from_blocks")


@pytest.mark.parametrize("rows", [slice(0, 2), slice(0, 1), slice(1, 2)])
@pytest.mark.usefixtures("either_way")
def test_columns_of_all_dtypes_come_back_together(rows):
    twice = FRAMES | {f"another {kind}": FRAMES[kind] for kind in reversed(FRAMES)}
    frame = pd.DataFrame({kind: values.head(2) for kind, values in twice.items()})
    part = served(frame, as_json(frame)[rows])
    pd.testing.assert_frame_equal(part, frame[rows].reset_index(drop=True))
    assert part.copy()[list(reversed(frame.columns))].isna().to_numpy().sum() == part.isna().to_numpy().sum()


def test_a_frame_put_together_in_blocks_bears_what_a_transformer_does_to_it():
    frame = pd.DataFrame({kind: values.head(2) for kind, values in FRAMES.items()})
    part = served(frame, as_json(frame))
    part["float64"] = part["float64"] * 2
    part.insert(0, "new", 1)
    part.loc[0, "int64"] = 7
    doubled = pd.concat([part, part.iloc[::-1]]).drop(columns=["objects"]).reset_index(drop=True)
    assert doubled["float64"].tolist() == [1.0, 3.0, 3.0, 1.0]
    assert doubled["int64"].tolist() == [7, 2**53, 2**53, 7]
    assert doubled.columns[0] == "new"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_frame_of_one_float_dtype_is_made_of_the_block_but_does_not_write_through(dtype):
    frame = pd.DataFrame(np.array([[0.5, 1.5], [2.5, np.nan]], dtype=dtype), columns=["b", "a"])
    schema = {"input": infer_input(frame)}
    for column in schema["input"]["columns"]:
        column["nullable"] = True
    batch = compile_validator(schema).parse(orjson.dumps({"features": as_json(frame)})).batch
    assert batch.block is not None
    made = input_maker(schema)(batch)
    pd.testing.assert_frame_equal(made, frame)
    made.iloc[:, :] = 0.0
    assert batch.block[0].tolist() == [0.5, 1.5]


def test_a_missing_boolean_is_nan_among_objects_as_pandas_has_it():
    column = served(pd.DataFrame({"x": [True, False]}), [{"x": None}, {"x": True}])["x"]
    assert column.dtype == object
    assert np.isnan(column[0])
    assert column[1] is True


def test_dates_among_objects_are_timestamps():
    frame = pd.DataFrame({"x": pd.Series([pd.Timestamp("2026-01-01 10:00")], dtype=object)})
    assert served(frame, [{"x": "2026-01-01T10:00:00"}])["x"][0] == pd.Timestamp("2026-01-01 10:00")


def test_a_column_of_integers_with_a_missing_value_leaves_its_neighbours_as_they_are():
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4], "z": [0.5, 1.5]})
    part = served(frame, [{"x": None, "y": 3, "z": 0.5}])
    assert part.dtypes.astype(str).tolist() == ["float64", "int64", "float64"]


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


def test_a_model_that_writes_into_its_matrix_does_not_write_into_the_request():
    schema = {"input": infer_input(np.array([[0.5, 1.5]]))}
    batch = compile_validator(schema).parse(b'{"features": [[0.5, 1.5]]}').batch
    input_maker(schema)(batch)[:] = 0
    assert batch.block.tolist() == [[0.5, 1.5]]


def test_a_sparse_matrix_is_rebuilt_from_what_is_not_zero():
    matrix = csr_array(np.array([[0.0, 1.5, 0.0], [2.5, 0.0, 0.0]]))
    back = served(matrix, [{"x1": 1.5}, {"x0": 2.5}])
    assert issparse(back)
    assert np.array_equal(back.toarray(), matrix.toarray())
    assert back.nnz == 2


def test_texts_are_a_list_of_strings():
    assert served(["some text", "more"], ["another"]) == ["another"]
