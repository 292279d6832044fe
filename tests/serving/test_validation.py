"""From bytes to batches: by column, by form, and by anything that a JSON document may hold."""

from __future__ import annotations

import json
import math

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.decoding import repeated_key
from mlops_jupyter.serving.problems import MOST, InvalidRequest
from mlops_jupyter.serving.units import compile_unit
from mlops_jupyter.serving.validation import compile_validator


def column(name, type_, dtype, **more):
    return {"name": name, "type": type_, "dtype": dtype, "nullable": False, "example": None} | more


def schema(*columns, kind="columns"):
    return {"input": {"kind": kind, "columns": list(columns)}}


def parse(validator, features):
    return validator.parse(orjson.dumps({"features": features}))


def problems(validator, features):
    with pytest.raises(InvalidRequest) as caught:
        parse(validator, features)
    assert caught.value.status == 422
    return [(p.row, p.field, p.reason) for p in caught.value.problems]


def only(*args, **more):
    return compile_validator(schema(column("x", *args, **more)))


def value_of(validator, value):
    return parse(validator, {"x": value}).batch.columns["x"]


# one column of each kind


def test_an_integer_passes_for_a_float_and_a_whole_float_for_an_integer():
    assert value_of(only("double", "float64"), 3).tolist() == [3.0]
    whole = value_of(only("long", "int64"), 3.0)
    assert (whole.tolist(), whole.dtype) == ([3], np.int64)


@pytest.mark.parametrize(
    ("type_", "dtype", "value"),
    [
        ("double", "float64", True),
        ("double", "float64", "1.5"),
        ("long", "int64", "3"),
        ("long", "int64", False),
        ("long", "int64", 0.5),
        ("boolean", "bool", 1),
        ("string", "str", 5),
        ("datetime", "datetime64[us]", 1700000000),
        ("datetime", "datetime64[us]", "yesterday"),
        ("double", "float64", {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_refused(type_, dtype, value):
    assert problems(only(type_, dtype), {"x": value}) == [(0, "x", "type")]


@pytest.mark.parametrize(
    ("type_", "dtype", "value"),
    [
        ("integer", "int8", 128),
        ("integer", "uint8", -1),
        ("integer", "int32", 2**31),
        ("long", "int64", 2**63),
        ("float", "float32", 1e39),
        ("float", "float16", 70000.0),
        ("datetime", "datetime64[ns]", "1500-01-01"),
    ],
)
def test_a_value_that_the_dtype_cannot_hold_is_refused(type_, dtype, value):
    assert problems(only(type_, dtype), {"x": value}) == [(0, "x", "range")]


def test_unsigned_integers_keep_all_their_bits():
    assert value_of(only("long", "uint64"), 2**64 - 1).tolist() == [2**64 - 1]


def test_a_missing_value_is_what_the_arrays_have_for_it():
    def missing(*args):
        return value_of(only(*args, nullable=True), None)

    assert np.isnan(missing("double", "float64")).all()
    assert np.isnan(missing("long", "Int64")).all()
    assert np.isnat(missing("datetime", "datetime64[us]")).all()
    assert missing("string", "str").tolist() == missing("boolean", "boolean").tolist() == [None]


def test_a_missing_integer_does_not_turn_its_neighbours_into_floats():
    validator = compile_validator(
        schema(column("a", "long", "Int64", nullable=True), column("b", "long", "Int64", nullable=True))
    )
    columns = parse(validator, {"a": None, "b": 2**60 + 1}).batch.columns
    assert columns["b"].tolist() == [2**60 + 1]


def test_an_integer_that_a_missing_one_beside_it_would_round_is_refused():
    validator = only("long", "Int64", nullable=True)
    assert problems(validator, [{"x": None}, {"x": 2**53 + 1}]) == [(None, "x", "range")]


def test_datetimes_with_a_zone_are_read_in_utc():
    moment = value_of(only("datetime", "datetime64[us, Europe/Berlin]"), "2026-01-01T12:00:00+02:00")
    assert moment.tolist() == value_of(only("datetime", "datetime64[us]"), "2026-01-01T10:00:00").tolist()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("datetime64[us]", "2026-01-01T10:00:00Z"), ("datetime64[us, UTC]", "2026-01-01T10:00:00")],
)
def test_a_datetime_with_a_zone_too_many_or_too_few_is_refused(dtype, value):
    assert problems(only("datetime", dtype), {"x": value}) == [(0, "x", "type")]


# forms


def test_a_matrix_takes_rows_of_numbers_records_and_columns():
    validator = compile_validator(
        schema(column("x0", "double", "float64"), column("x1", "double", "float64"), kind="matrix")
    )
    forms = [[[1, 2], [3, 4]], [{"x0": 1, "x1": 2}, {"x1": 4, "x0": 3}], {"x1": [2, 4], "x0": [1, 3]}]
    for form in forms:
        assert parse(validator, form).batch.block.tolist() == [[1, 2], [3, 4]]
    assert parse(validator, [1, 2]).batch.block.tolist() == [[1, 2]]


def test_a_row_of_a_matrix_that_is_too_short_is_refused():
    validator = compile_validator(
        schema(column("x0", "double", "float64"), column("x1", "double", "float64"), kind="matrix")
    )
    assert problems(validator, [[1, 2], [3]]) == [(1, None, "type")]


def test_what_a_sparse_record_leaves_out_is_zero():
    validator = compile_validator(
        schema(column("x0", "double", "float64"), column("x1", "double", "float64"), kind="sparse")
    )
    assert parse(validator, {"x1": 5}).batch.block.tolist() == [[0, 5]]


def test_texts_come_bare_or_by_name():
    validator = compile_validator(schema(column("text", "string", "str"), kind="text"))
    for form in (["a", "b"], [{"text": "a"}, {"text": "b"}], {"text": ["a", "b"]}):
        assert parse(validator, form).batch.columns["text"].tolist() == ["a", "b"]
    assert parse(validator, "a").batch.columns["text"].tolist() == ["a"]


def test_columns_and_records_mixed_are_refused_field_by_field():
    validator = compile_validator(schema(column("a", "double", "float64"), column("b", "string", "str")))
    assert problems(validator, {"a": [1, 2], "b": "x"}) == [(0, "a", "type")]


def test_all_wrong_values_of_a_column_are_told_by_row():
    validator = only("double", "float64")
    assert problems(validator, {"x": [1, "a", None]}) == [(1, "x", "type"), (2, "x", "null")]


def test_problems_are_bounded():
    assert len(problems(only("double", "float64"), {"x": ["a"] * 1000})) == MOST


def test_a_body_beyond_the_limit_of_its_own_package_is_413():
    validator = compile_validator(schema(column("x", "double", "float64")), {"body_bytes": 10})
    with pytest.raises(InvalidRequest) as caught:
        parse(validator, {"x": 1.0})
    assert caught.value.status == 413


# warnings


def test_a_warning_tells_the_first_row_and_how_many():
    validator = only("double", "float64", minimum=0.0, maximum=1.0)
    warnings = parse(validator, {"x": [0.5, 7, 8]}).warnings
    assert [(w.field, w.reason, w.row, w.count, w.got, w.expected) for w in warnings] == [
        ("x", "range", 1, 2, "7", "0 to 1 as in training")
    ]


def test_a_missing_value_is_neither_out_of_range_nor_an_unseen_category():
    ranged = only("double", "float64", nullable=True, minimum=0.0, maximum=1.0)
    numbered = only("long", "category", nullable=True, categories=[1, 2])
    named = only("string", "str", nullable=True, categories=["a"])
    for validator in (ranged, numbered, named):
        assert parse(validator, {"x": None}).warnings == ()


# properties

EVERY_KIND = [
    column("f", "double", "float64", minimum=-10.0, maximum=10.0),
    column("f32", "float", "float32", nullable=True),
    column("i", "long", "int64"),
    column("i8", "integer", "int8", nullable=True),
    column("b", "boolean", "bool"),
    column("s", "string", "str", categories=["a", "b"]),
    column("t", "datetime", "datetime64[us]", nullable=True),
]
VALIDATOR = compile_validator(schema(*EVERY_KIND))
GOOD = {
    "f": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    "f32": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
    "i": st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000).map(float),
    "i8": st.none() | st.integers(-128, 127),
    "b": st.booleans(),
    "s": st.text(max_size=5),
    "t": st.none() | st.datetimes().map(lambda moment: moment.isoformat()),
}
RECORDS = st.lists(st.fixed_dictionaries(GOOD), min_size=1, max_size=4)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "x", ""]), inner),
    max_leaves=8,
)


def as_lists(batch):
    return {name: [_comparable(v) for v in values.tolist()] for name, values in sorted(batch.columns.items())}


def _comparable(value):
    return None if isinstance(value, float) and math.isnan(value) else value


@settings(max_examples=100, deadline=None)
@given(RECORDS)
def test_good_records_are_read_as_they_are_in_every_form(records):
    by_record = parse(VALIDATOR, records).batch
    by_column = parse(VALIDATOR, {name: [record[name] for record in records] for name in GOOD}).batch
    assert by_record.rows == len(records)
    assert as_lists(by_record) == as_lists(by_column)
    assert as_lists(by_record)["i"] == [record["i"] for record in records]
    assert as_lists(by_record)["s"] == [record["s"] for record in records]


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_the_careful_way_reads_what_the_plain_way_reads(records):
    plain = parse(VALIDATOR, records).batch
    values, _ = VALIDATOR._read_carefully(records)
    for group in VALIDATOR._groups:
        block = group.block(values(group))
        for i, name in enumerate(group.names):
            assert block[:, i].dtype == plain.columns[name].dtype
            careful = [_comparable(value) for value in block[:, i].tolist()]
            assert careful == [_comparable(value) for value in plain.columns[name].tolist()]


NUMBERS = {
    "plain": [column(name, "double", "float64", minimum=-9.0, maximum=9.0) for name in "abc"],
    "nullable": [column(name, "double", "float64", nullable=True) for name in "abc"],
    "single": [
        column("a", "double", "float64"),
        column("b", "float", "float32"),
        column("c", "float", "float16"),
    ],
    "mixed": [
        column("a", "double", "float64"),
        column("b", "long", "int64"),
        column("c", "double", "float64"),
    ],
}
VALUES = st.floats(-10, 10) | st.integers(-2, 2) | st.sampled_from(
    [None, True, False, "1.5", "x", 2**53 + 1, 2**64, 10**30, 1e39, -1e300, 7e4, [], [1.0], {}, {"a": 1}]
)  # fmt: skip
USUAL = st.floats(-10, 10) | st.integers(-2, 2)


@st.composite
def columns_of_numbers(draw):
    """Columns of numbers, most of them right, of one length and complete, but not all."""
    rows = draw(st.integers(0, 4))
    names = draw(st.sampled_from(["abc", "abc", "abc", "cab", "ab", "abcd", ""]))
    values = st.one_of(USUAL, USUAL, USUAL, VALUES)
    lengths = [rows if draw(st.integers(0, 9)) else rows + 1 for _ in names]
    lists = [draw(st.lists(values, min_size=n, max_size=n)) for n in lengths]
    return dict(zip(names, lists, strict=True))


def all_said(validator, columns):
    try:
        read = validator.parse(json.dumps({"features": columns}).encode())
    except InvalidRequest as invalid:
        return invalid.status, invalid.document()
    arrays = {name: (values.dtype, as_lists(read.batch)[name]) for name, values in read.batch.columns.items()}
    block = None if read.batch.block is None else read.batch.block.tobytes()
    return arrays, block, read.warnings


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(NUMBERS)), columns_of_numbers())
def test_columns_are_read_as_value_by_value(kind, columns):
    quick, slow = (compile_validator(schema(*NUMBERS[kind])) for _ in range(2))
    slow._blocks_plainly = lambda _: int("as if something were irregular")
    assert all_said(quick, columns) == all_said(slow, columns)


def test_ordinary_columns_of_doubles_are_read_as_one_table():
    validator = compile_validator(schema(*NUMBERS["plain"]))
    read = parse(validator, {"b": [1, 2.5], "a": [0, 1], "c": [3.5, 4]})
    assert read.batch.block.T.flags.c_contiguous
    assert read.batch.block.tolist() == [[0.0, 1.0, 3.5], [1.0, 2.5, 4.0]]


def outcome(body):
    try:
        return VALIDATOR.parse(body)
    except InvalidRequest as invalid:
        return invalid


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_whatever_json_comes_is_a_batch_or_a_list_of_problems(document):
    for body in (json.dumps(document), json.dumps({"features": document})):
        read = outcome(body.encode())
        if isinstance(read, InvalidRequest):
            assert read.status in (400, 422)
            assert read.error
            assert len(orjson.dumps(read.document())) < 4000 + 300 * len(read.problems)
        else:
            assert {len(values) for values in read.batch.columns.values()} == {read.batch.rows}


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"a\xc3"])
def test_text_that_is_not_utf_8_is_400(text):
    validator = only("string", "str")
    for body in (b'{"features": {"x": "%s"}}' % text, b'{"features": [{"%s": "a"}]}' % text):
        with pytest.raises(InvalidRequest) as caught:
            validator.parse(body)
        assert caught.value.status == 400
        assert compile_unit("field:x")({}, body) == ""


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_by_chance_are_refused(data):
    assert outcome(data).status in (400, 422)


KEYS = st.text(st.sampled_from('ab:"\\ '), max_size=4)
PAIRS = st.lists(st.tuples(KEYS, st.text(st.sampled_from('x:"\\'), max_size=4)), max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=3), st.sampled_from(["", " "]))
def test_a_repeated_key_is_found_and_none_is_invented(objects, space):
    def write(pairs):
        inner = ",".join(f"{json.dumps(key)}{space}:{json.dumps(value)}" for key, value in pairs)
        return f"{{{inner}}}"

    body = f'{{"features":[{",".join(map(write, objects))}]}}'.encode()
    found = repeated_key(body, orjson.loads(body)["features"])
    has_repeat = any(len({key for key, _ in pairs}) < len(pairs) for pairs in objects)
    assert (found is not None) == has_repeat
