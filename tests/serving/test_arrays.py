"""Whole columns at once: as `test_validation` has it for JSON, and what only arrays can hold."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mlops_jupyter.serving.arrays import Values, read_arrays
from mlops_jupyter.serving.columns import read_column
from mlops_jupyter.serving.problems import MOST, InvalidRequest
from mlops_jupyter.serving.validation import Limits, compile_validator


def column(name, type_, dtype, **more):
    return {"name": name, "type": type_, "dtype": dtype, "nullable": False} | more


def read(columns, arrays, kind="columns", limits=None, extra="warn"):
    given = {name: v if isinstance(v, Values) else Values(np.asarray(v)) for name, v in arrays.items()}
    return read_arrays(tuple(map(read_column, columns)), kind, given, limits or Limits(), extra)


def told(columns, arrays, **more):
    with pytest.raises(InvalidRequest) as caught:
        read(columns, arrays, **more)
    assert caught.value.status == 422
    return [(p.row, p.field, p.reason) for p in caught.value.problems]


def one(type_, dtype, values, missing=None, zoned=False, **more):
    given = Values(np.asarray(values), None if missing is None else np.array(missing), zoned)
    return read([column("x", type_, dtype, **more)], {"x": given}).batch.columns["x"]


def wrong(type_, dtype, values, missing=None, zoned=False, **more):
    given = Values(np.asarray(values), None if missing is None else np.array(missing), zoned)
    return told([column("x", type_, dtype, **more)], {"x": given})


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i4", "u8", "i8", ">f8", ">i4"])
def test_numbers_of_every_width_pass_for_a_float_and_when_whole_for_an_integer(dtype):
    values = np.array([3, 4], dtype)
    assert one("double", "float64", values).tolist() == [3.0, 4.0]
    whole = one("long", "int64", values)
    assert (whole.tolist(), whole.dtype) == ([3, 4], np.int64)


@pytest.mark.parametrize(
    ("type_", "dtype", "values", "reason"),
    [
        ("double", "float64", [True, False], "type"),
        ("double", "float64", ["1.5", "2"], "type"),
        ("long", "int64", [True, False], "type"),
        ("boolean", "bool", [1, 0], "type"),
        ("string", "str", [5, 6], "type"),
        ("string", "str", [b"a", b"b"], "type"),
        ("datetime", "datetime64[us]", [1, 2], "type"),
        ("double", "float64", np.array(["2026", "2027"], "M8[us]"), "type"),
        ("double", "float64", np.array([1 + 2j]), "type"),
    ],
)
def test_a_column_of_another_type_is_told_once(type_, dtype, values, reason):
    assert wrong(type_, dtype, values) == [(None, "x", reason)]


@pytest.mark.parametrize(
    ("type_", "dtype", "value", "reason"),
    [
        ("integer", "int8", np.int64(128), "range"),
        ("integer", "uint8", np.int64(-1), "range"),
        ("integer", "int32", np.float64(2**31), "range"),
        ("long", "int64", np.uint64(2**63), "range"),
        ("long", "int64", np.float64(2**63), "range"),
        ("long", "int64", np.float64(0.5), "type"),
        ("long", "int64", np.float64(np.inf), "range"),
        ("long", "uint64", np.int64(-1), "range"),
        ("float", "float32", np.float64(1e39), "range"),
        ("float", "float16", np.float32(70000), "range"),
        ("double", "float64", np.float64(np.inf), "range"),
        ("double", "float64", np.float64(np.nan), "null"),
        ("long", "int64", np.float64(np.nan), "null"),
        ("datetime", "datetime64[ns]", np.datetime64("1500-01-01"), "range"),
        ("datetime", "datetime64[us]", np.datetime64(2**62, "s"), "range"),
        ("datetime", "datetime64[us]", np.datetime64("10000-01-01"), "range"),
        ("datetime", "datetime64[us]", np.datetime64("NaT"), "null"),
    ],
)
def test_a_value_that_the_column_cannot_hold_is_told_by_row(type_, dtype, value, reason):
    assert wrong(type_, dtype, [value]) == [(0, "x", reason)]


def test_integers_keep_all_their_bits():
    assert one("long", "uint64", np.array([2**64 - 1], "u8")).tolist() == [2**64 - 1]
    assert one("long", "int64", np.array([2**63 - 1, -(2**63)])).tolist() == [2**63 - 1, -(2**63)]


def test_a_missing_value_is_what_the_batch_has_for_it():
    def missing(type_, dtype, values):
        return one(type_, dtype, values, missing=[True, False], nullable=True)

    assert np.isnan(missing("double", "float64", [7.0, 1.0])[0])
    assert np.isnan(missing("long", "Int64", [7, 1])[0])
    assert np.isnat(missing("datetime", "datetime64[us]", np.array([0, 1], "M8[s]"))[0])
    assert missing("string", "str", np.array(["x", "a"], object)).tolist() == [None, "a"]
    assert missing("boolean", "boolean", [True, True]).tolist() == [None, True]


def test_a_column_of_nothing_but_nulls_fits_whatever_may_be_missing():
    nothing = np.array([None, None], object)
    for type_, dtype in (("double", "float64"), ("long", "Int64"), ("boolean", "boolean"), ("string", "str")):
        assert one(type_, dtype, nothing, nullable=True).shape == (2,)
        assert wrong(type_, dtype, nothing) == [(0, "x", "null"), (1, "x", "null")]
    assert np.isnat(one("datetime", "datetime64[us]", nothing, nullable=True)).all()


@pytest.mark.parametrize("values", [np.array([0, 2**53], "i8"), np.array([np.nan, 2.0**53])])
def test_an_integer_that_a_missing_one_beside_it_would_round_is_refused(values):
    assert wrong("long", "Int64", values, missing=[True, False], nullable=True) == [(None, "x", "range")]


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
def test_moments_of_every_unit_are_kept_in_microseconds(unit):
    read = one("datetime", "datetime64[us]", np.array(["2026-11-20"], f"M8[{unit}]"))
    assert (read.dtype, str(read[0])) == ("datetime64[us]", "2026-11-20T00:00:00.000000")


def test_moments_are_in_utc_just_where_the_column_has_a_zone():
    moment = np.array(["2026-11-20"], "M8[us]")
    assert one("datetime", "datetime64[us, Europe/Berlin]", moment, zoned=True).tolist() == moment.tolist()
    assert wrong("datetime", "datetime64[us, Europe/Berlin]", moment) == [(None, "x", "type")]
    assert wrong("datetime", "datetime64[us]", moment, zoned=True) == [(None, "x", "type")]


def test_dates_written_out_are_read_as_in_json():
    assert str(one("datetime", "datetime64[us]", ["2026-11-20"])[0]).startswith("2026-11-20T00")
    assert wrong("datetime", "datetime64[us]", ["yesterday"]) == [(0, "x", "type")]


PAIR = [column("a", "double", "float64"), column("b", "long", "int64")]


def test_columns_go_by_name_in_any_order():
    batch = read(PAIR, {"b": [1, 2], "a": [0.5, 1.5]}).batch
    assert (batch.columns["a"].tolist(), batch.columns["b"].tolist()) == ([0.5, 1.5], [1, 2])


def test_everything_wrong_is_told_at_once():
    columns = [
        *PAIR,
        column("c", "string", "str"),
        column("d", "boolean", "bool"),
        column("e", "float", "float32"),
    ]
    arrays = {"a": [1.0, np.nan], "b": [1, 2, 3], "d": [True, False], "extra": [1, 1], "e": [1, 1e300]}
    problems = told(columns, arrays, extra="refuse")
    assert sorted(problems, key=str) == sorted(
        [
            (None, "extra", "extra"),
            (None, "c", "missing"),
            (None, "a", "length"),
            (None, "d", "length"),
            (None, "e", "length"),
        ],
        key=str,
    )
    del arrays["b"]
    problems = told(columns, arrays | {"c": ["x", "y"]}, extra="refuse")
    assert set(problems) == {
        (None, "extra", "extra"),
        (None, "b", "missing"),
        (1, "a", "null"),
        (1, "e", "range"),
    }


def test_extra_columns_are_warned_of_ignored_or_refused():
    arrays = {"a": [1.0], "b": [1], "other": [True]}
    warned = read(PAIR, arrays).warnings
    assert [(w.field, w.reason, w.got) for w in warned] == [("other", "extra", "booleans")]
    assert read(PAIR, arrays, extra="ignore").warnings == ()
    assert told(PAIR, arrays, extra="refuse") == [(None, "other", "extra")]


def test_a_misspelt_column_is_refused_with_what_was_meant():
    with pytest.raises(InvalidRequest, match="did you mean distance") as caught:
        read([column("distance", "double", "float64", nullable=True)], {"distnace": [1.0]})
    assert caught.value.problems[0].reason == "extra"


def test_an_absent_column_may_be_one_that_may_be_missing():
    columns = [*PAIR, column("n", "Int64", "Int64", nullable=True) | {"type": "long"}]
    assert np.isnan(read(columns, {"a": [1.0], "b": [1]}).batch.columns["n"]).all()


def test_what_a_sparse_request_leaves_out_is_zero():
    columns = [column("x0", "double", "float64"), column("x1", "long", "int64")]
    batch = read(columns, {"x0": [5.0]}, kind="sparse").batch
    assert (batch.columns["x0"].tolist(), batch.columns["x1"].tolist()) == ([5.0], [0])


def test_columns_of_floats_come_as_one_block_too():
    columns = [column("x0", "double", "float64"), column("x1", "float", "float32")]
    batch = read(columns, {"x1": np.array([2, 4], "f4"), "x0": [1, 3]}, kind="matrix").batch
    assert batch.block.tolist() == [[1, 2], [3, 4]]


def test_no_rows_and_too_many_are_refused():
    assert told(PAIR, {"a": [], "b": []}) == [(None, "features", "empty")]
    assert told(PAIR, {}) == [(None, "features", "empty")]
    with pytest.raises(InvalidRequest) as caught:
        read(PAIR, {"a": [1.0] * 3, "b": [1] * 3}, limits=Limits(rows=2))
    assert caught.value.status == 413


def test_problems_are_bounded():
    assert len(told(PAIR, {"a": np.full(1000, np.nan), "b": np.zeros(1000)})) == MOST


def test_what_training_did_not_show_is_a_warning():
    columns = [
        column("x", "double", "float64", minimum=0.0, maximum=1.0),
        column("s", "string", "str", categories=["a"]),
    ]
    warnings = read(columns, {"x": [0.5, 7, 8], "s": np.array(["a", "b", "a"], object)}).warnings
    assert [(w.field, w.reason, w.row, w.count) for w in warnings] == [
        ("x", "range", 1, 2),
        ("s", "category", 1, 1),
    ]


# properties

EVERY_KIND = [
    column("f", "double", "float64", minimum=-10.0, maximum=10.0),
    column("f32", "float", "float32", nullable=True),
    column("i", "long", "int64"),
    column("i8", "integer", "int8", nullable=True),
    column("u", "long", "uint64"),
    column("b", "boolean", "boolean", nullable=True),
    column("s", "string", "str", categories=["a", "b"]),
    column("t", "datetime", "datetime64[us]", nullable=True),
]
SCHEMA = {"input": {"kind": "columns", "columns": EVERY_KIND}}
GOOD = {
    "f": (st.floats(allow_nan=False, allow_infinity=False), "f8"),
    "f32": (st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False), "f4"),
    "i": (st.integers(-(2**63), 2**63 - 1), "i8"),
    "i8": (st.none() | st.integers(-128, 127), "i1"),
    "u": (st.integers(0, 2**64 - 1), "u8"),
    "b": (st.none() | st.booleans(), "?"),
    "s": (st.text(max_size=5), "O"),
    "t": (st.none() | st.datetimes(), "M8[us]"),
}
ROWS = st.lists(st.fixed_dictionaries({k: v for k, (v, _) in GOOD.items()}), min_size=1, max_size=4)


def as_lists(batch):
    return {name: [_comparable(v) for v in values.tolist()] for name, values in sorted(batch.columns.items())}


def _comparable(value):
    return None if isinstance(value, float) and math.isnan(value) else value


def as_values(rows, name, dtype):
    values = [row[name] for row in rows]
    missing = np.array([value is None for value in values])
    zero = np.zeros(1, dtype).tolist()[0] if dtype != "M8[us]" else np.datetime64(0, "us")
    return Values(np.array([zero if v is None else v for v in values], dtype), missing)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_arrays_are_read_as_the_same_rows_are_from_json(rows):
    by_array = read(EVERY_KIND, {name: as_values(rows, name, dtype) for name, (_, dtype) in GOOD.items()})
    by_json = compile_validator(SCHEMA).parse(orjson.dumps({"features": rows}))
    assert as_lists(by_array.batch) == as_lists(by_json.batch)
    for name, values in by_json.batch.columns.items():
        assert by_array.batch.columns[name].dtype == values.dtype


def outcome_of(arrays, kind):
    try:
        return read(EVERY_KIND, arrays, kind=kind)
    except InvalidRequest as refusal:
        return refusal


OBJECTS = st.lists(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    max_size=4,
).map(lambda values: np.array([*values, None], object)[:-1])


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "x", ""]),
        st.builds(
            Values,
            OBJECTS | arrays_of.arrays(arrays_of.scalar_dtypes(), st.integers(0, 4)),
            zoned=st.booleans(),
        ),
    ),
    st.sampled_from(["columns", "sparse"]),
)
def test_whatever_arrays_come_are_a_batch_or_a_list_of_problems(arrays, kind):
    outcome = outcome_of(arrays, kind)
    if isinstance(outcome, InvalidRequest):
        assert outcome.status == 422
        assert len(orjson.dumps(outcome.document())) < 4000 + 300 * len(outcome.problems)
    else:
        assert {len(values) for values in outcome.batch.columns.values()} == {outcome.batch.rows}
