"""A table is the same table, whoever holds it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_jupyter.errors import DataError
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.profiles.tables import BATCH, open_table
from tests.profiles.sources import ROWS, SOURCES, make_frame


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def expected(frame):
    return profile_table(frame)


@pytest.fixture(params=SOURCES)
def source(request, frame, tmp_path):
    return SOURCES[request.param](frame, tmp_path)


def assert_same(found, expected):
    assert found.rows == expected.rows
    assert list(found.columns) == list(expected.columns)
    for name, column in expected.columns.items():
        other = found.columns[name]
        assert (other.kind, other.missing, other.count) == (column.kind, column.missing, column.count), name
        if hasattr(column, "levels"):
            assert other.levels == column.levels, name
        else:
            assert other.edges.digest == column.edges.digest, name
            assert np.array_equal(other.counts, column.counts), name
            assert other.words == column.words, name


def test_every_source_gives_the_same_reference_profile(source, expected):
    assert_same(profile_table(source), expected)


def test_every_source_is_counted_the_same_against_a_reference(source, expected):
    assert_same(profile_table(source, expected), expected)


def test_every_source_can_be_read_twice(source):
    table = open_table(source)
    first, second = (sum(batch["hour"].rows for batch in table.batches(["hour"])) for _ in range(2))
    assert first == second == ROWS
    assert table.rows in (ROWS, None)


def test_every_source_tells_what_its_types_tell(source):
    kinds = open_table(source).kinds
    assert list(kinds.values()) == ["numeric", "numeric", "labels", "boolean", "datetime", "labels"]


def test_every_source_gives_the_rows_of_a_slice(source, frame):
    chosen = (pc.field("origin") == "JFK") & (pc.field("hour") > 12)
    rows = frame[(frame["origin"] == "JFK") & (frame["hour"] > 12)]
    profile = profile_table(source, filter=chosen)
    assert profile.rows == len(rows)
    assert profile.columns["origin"].levels == {"JFK": len(rows)}
    assert profile.columns["delay"].mean == pytest.approx(rows["delay"].mean())


def test_columns_of_a_batch_have_the_same_rows(source, frame):
    batches = list(open_table(source).batches(["hour", "origin"]))
    hours = np.concatenate([batch["hour"].values for batch in batches])
    labels = [batch["origin"].coded() for batch in batches]
    origins = [labels[code] if code >= 0 else None for labels, codes in labels for code in codes]
    found = pd.Series(hours).groupby(pd.Series(origins)).mean()
    assert found.to_dict() == pytest.approx(frame.groupby("origin")["hour"].mean().to_dict())


def test_floats_of_a_frame_are_not_copied(frame):
    (batch,) = open_table(frame).batches(["delay"])
    assert np.shares_memory(batch["delay"].values, frame["delay"].to_numpy())


def test_floats_of_arrow_are_not_copied():
    values = np.arange(5.0)
    (batch,) = open_table(pa.table({"x": pa.array(values)})).batches(["x"])
    assert np.shares_memory(batch["x"].values, values)


def test_a_table_in_memory_comes_in_pieces_when_several_columns_are_read():
    frame = pd.DataFrame({"a": np.arange(BATCH + 5.0), "b": 1})
    assert [batch["a"].rows for batch in open_table(frame).batches()] == [BATCH, 5]


def test_two_columns_of_one_name_are_told_and_the_others_are_read():
    frame = pd.DataFrame([[1.0, 2.0, 3.0]] * 5, columns=["a", "b", "a"])
    profile = profile_table(frame)
    assert profile.columns["a"].why == "2 columns have this name, rename all but one"
    assert profile.columns["b"].mean == 2.0


def test_two_columns_of_one_name_in_arrow_are_told_too():
    table = pa.table([pa.array([1.0]), pa.array(["x"]), pa.array([2.0])], names=["a", "b", "a"])
    for data in (table, table.to_reader()):
        profile = profile_table(data)
        assert profile.columns["a"].why == "2 columns have this name, rename all but one"
        assert profile.columns["b"].levels == {"x": 1}


def test_an_unknown_column_lists_the_nearest(frame):
    with pytest.raises(DataError, match="there is no column 'orign'; did you mean origin"):
        list(open_table(frame).batches(["orign"]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "int is no table; give a frame"),
        (np.zeros((2, 2, 2)), "an array of 3 dimensions is no table"),
        (np.arange(3.0), "an array of 1 dimension is no table; give rows by columns"),
        ([{"a": 1}], r"a list of records is no table; give pandas.DataFrame\(records\)"),
        ({"a": [1, 2], "b": [1]}, "the columns have different lengths: a 2, b 1"),
        ({"a": np.zeros((2, 2))}, "column 'a' has 2 dimensions; a column has one"),
        ([[1.0], [1.0, 2.0]], "the rows of the table have different lengths"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(data, words):
    with pytest.raises(DataError, match=words):
        open_table(data)


def test_a_matrix_and_a_sparse_matrix_have_numbered_columns():
    from scipy.sparse import csr_matrix

    matrix = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    for data in (matrix, csr_matrix(matrix), matrix.tolist()):
        profile = profile_table(data)
        assert list(profile.columns) == ["x0", "x1"]
        assert profile.columns["x0"].mean == pytest.approx(2 / 3)


def test_texts_are_one_column():
    profile = profile_table([f"a text of number {number}" for number in range(100)])
    assert profile.columns["text"].kind == "text"


@pytest.mark.parametrize(
    "data",
    [pd.DataFrame({"a": [], "b": []}), pa.table({"a": pa.array([], pa.float64()), "b": []}), {"a": []}],
)
def test_an_empty_table_has_a_profile_without_rows(data):
    profile = profile_table(data)
    assert profile.rows == 0
    assert profile.columns["a"].rows == 0


def test_progress_is_told(frame):
    told = []
    profile_table(frame, progress=told.append)
    assert told[0] == "column 1 of 6, 3,000 rows"
    assert told[-1].startswith("column 6 of 6")


def test_an_interrupted_profile_leaves_nothing_and_can_be_made_again(frame, expected, tmp_path):
    path = SOURCES["csv"](frame, tmp_path)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile_table(path, progress=interrupt)
    assert [found.name for found in tmp_path.iterdir()] == ["table.csv"]
    assert_same(profile_table(path), expected)
