"""Arrow streams in: every type that clients write, and what nobody should be able to do to a server."""

from __future__ import annotations

import datetime as dt
import decimal
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import ARROW, dialect
from mlops_jupyter.serving.problems import InvalidRequest


def stream(table, chunk=None, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, chunk)
    return sink.getvalue().to_pybytes()


def read(validator, table, **options):
    body = table if isinstance(table, bytes) else stream(table, **options)
    return dialect("arrow").read(validator, Call(body, "id", dialect="arrow", content_type=ARROW))


def refused(validator, table, **options):
    with pytest.raises(InvalidRequest) as caught:
        read(validator, table, **options)
    return caught.value


def told(validator, table):
    refusal = refused(validator, table)
    assert refusal.status == 422
    return [(p.row, p.field, p.reason) for p in refusal.problems]


def values(validator, array):
    return read(validator, pa.table({"x": array})).batch.columns["x"]


NOON = dt.datetime.fromisoformat("2026-11-20T12:00:00")
WIDTHS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("type_", [*WIDTHS, *FLOATS], ids=str)
def test_numbers_of_every_width_are_read(one_column, type_):
    array = pa.array([1, 2, 3], type_)
    assert values(one_column("double", "float64"), array).tolist() == [1.0, 2.0, 3.0]
    assert values(one_column("long", "int64"), array).tolist() == [1, 2, 3]


@pytest.mark.parametrize("type_", [*WIDTHS, *FLOATS, pa.bool_(), pa.string(), pa.timestamp("ns")], ids=str)
def test_a_null_of_every_type_is_missing(one_column, type_):
    kinds = {
        "bool": ("boolean", "boolean"),
        "string": ("string", "str"),
        "timestamp[ns]": ("datetime", "datetime64[us]"),
    }
    kind = kinds.get(str(type_), ("double", "float64"))
    array = (
        pa.array([1, None, 1]).cast(pa.int64()).cast(type_)
        if kind[0] != "boolean"
        else pa.array([True, None, True])
    )
    read_ = values(one_column(*kind, nullable=True), array)
    assert pd.isna(read_).tolist() == [False, True, False]
    assert told(one_column(*kind), pa.table({"x": array})) == [(1, "x", "null")]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_strings_of_every_type_are_read(one_column, type_):
    array = pa.array(["JFK", None, "a string longer than a view holds inline", "é"], type_)
    assert values(one_column("string", "str", nullable=True), array).tolist() == array.to_pylist()
    assert (
        values(one_column("string", "str", nullable=True), array.slice(1, 2)).tolist()
        == array.to_pylist()[1:3]
    )


def test_booleans_are_read_from_where_a_slice_begins(one_column):
    array = pa.array([True, False, None, True, True, False, True, None, False, True, True])
    for begin in range(11):
        sliced = array.slice(begin)
        assert values(one_column("boolean", "boolean", nullable=True), sliced).tolist() == sliced.to_pylist()


@pytest.mark.parametrize("index", [pa.int8(), pa.uint32(), pa.int64()], ids=str)
def test_dictionaries_are_read_as_what_they_stand_for(one_column, index):
    array = pa.array(["JFK", None, "LGA", "JFK"]).dictionary_encode().cast(pa.dictionary(index, pa.string()))
    assert values(one_column("string", "str", nullable=True), array).tolist() == ["JFK", None, "LGA", "JFK"]
    numbers = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), pa.array([5.0, 7.0]))
    assert values(one_column("double", "float64"), numbers).tolist() == [7.0, 5.0, 7.0]


def test_a_dictionary_with_a_null_or_nothing_in_it_is_missing(one_column):
    validator = one_column("string", "str", nullable=True)
    with_null = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["a", None]))
    assert values(validator, with_null).tolist() == [None, "a"]
    empty = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    assert values(validator, empty).tolist() == [None, None]


def test_batches_with_dictionaries_of_their_own_are_joined(one_column):
    chunks = pa.chunked_array(
        [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    )
    assert values(one_column("string", "str"), chunks).tolist() == ["a", "b", "c", "a"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_are_read_in_utc_whatever_their_zone(one_column, unit):
    local = pa.array([NOON], pa.timestamp(unit))
    zoned = pa.array([NOON.replace(tzinfo=dt.UTC)], pa.timestamp(unit, "Europe/Berlin"))
    assert values(one_column("datetime", "datetime64[ns]"), local).tolist() == [NOON]
    assert values(one_column("datetime", "datetime64[us, America/New_York]"), zoned).tolist() == [NOON]
    assert told(one_column("datetime", "datetime64[ns]"), pa.table({"x": zoned})) == [(None, "x", "type")]


@pytest.mark.parametrize("type_", [pa.date32(), pa.date64()], ids=str)
def test_a_date_is_its_midnight(one_column, type_):
    array = pa.array([dt.date(2026, 11, 20), None], type_)
    read_ = values(one_column("datetime", "datetime64[us]", nullable=True), array)
    assert read_.tolist() == [NOON.replace(hour=0), None]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([decimal.Decimal("1.5")]),
        pa.array([b"1.5"]),
        pa.array([dt.time(1)]),
        pa.array([dt.timedelta(1)]),
        pa.array(["1.5"]),
        pa.array([True]),
    ],
    ids=lambda array: str(array.type),
)
def test_a_type_that_is_no_number_is_refused_by_its_name(one_column, array):
    refusal = refused(one_column("double", "float64"), pa.table({"x": array}))
    assert refusal.error == f"x: expected a number, got {array.type}"


@pytest.mark.parametrize(
    "array",
    [pa.array([[1.0]]), pa.array([{"a": 1.0}]), pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))],
)
def test_lists_and_structs_are_refused_unread(one_column, array):
    refusal = refused(one_column("double", "float64"), pa.table({"x": array}))
    assert (refusal.status, "lists, structs" in refusal.error) == (422, True)


def test_columns_go_by_name_in_any_order(columns_named):
    batch = read(columns_named("a", "b"), pa.table({"b": [1.0, 2.0], "a": [3, 4]})).batch
    assert (batch.columns["a"].tolist(), batch.columns["b"].tolist()) == ([3, 4], [1, 2])
    assert batch.block.tolist() == [[3, 1], [4, 2]]


def test_everything_wrong_is_told_at_once(columns_named):
    table = pa.table({"a": [1.0, None], "c": ["x", "y"], "other": [1, 2]})
    problems = told(columns_named("a", "b", "c", extra="refuse"), table)
    assert set(problems) == {
        (None, "b", "missing"),
        (1, "a", "null"),
        (None, "c", "type"),
        (None, "other", "extra"),
    }


def test_columns_beside_the_models_are_not_even_read(columns_named):
    table = pa.table({"a": [1.0], "other": pa.array(["x"]).dictionary_encode(), "last": [1]})
    request = read(columns_named("a"), table)
    assert request.batch.columns["a"].tolist() == [1.0]
    assert [(w.field, w.reason) for w in request.warnings] == [("other", "extra"), ("last", "extra")]


def test_the_index_that_pandas_sends_along_is_no_column(columns_named):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    assert read(columns_named("a", extra="refuse"), pa.Table.from_pandas(frame)).batch.rows == 2


def test_a_column_given_twice_is_refused(columns_named):
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], ["a", "a"])
    assert told(columns_named("a"), table) == [(None, "a", "duplicate")]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_buffers_and_several_batches_are_read(every_kind, compression):
    table = pa.table({"distance": np.arange(5000.0), "hour": np.arange(5000), "origin": ["JFK"] * 5000})
    batch = read(every_kind, table, chunk=700, compression=compression).batch
    assert (batch.rows, batch.columns["hour"].tolist()) == (5000, list(range(5000)))


def test_a_stream_of_polars_is_read(every_kind):
    frame = pl.DataFrame({"distance": [1.5], "hour": [7], "origin": ["JFK"], "weekend": [None]}).with_columns(
        at=pl.lit(NOON)
    )
    body = frame.write_ipc_stream(None).getvalue()
    assert read(every_kind, body).batch.columns["origin"].tolist() == ["JFK"]


@pytest.mark.parametrize("table", [pa.table({"a": pa.array([], pa.float64())}), pa.table({})])
def test_a_stream_without_rows_is_refused(columns_named, table):
    assert told(columns_named("a"), table) == [(None, "features", "empty")]


@pytest.mark.parametrize("body", [b"", b'{"features": {}}', b"ARROW1\0\0", b"\xff" * 40, b"PAR1"])
def test_what_is_no_stream_is_refused(columns_named, body):
    assert refused(columns_named("a"), body).status in (400, 422)


def test_a_stream_cut_off_anywhere_is_refused_or_read_to_a_whole_batch(columns_named):
    whole = stream(pa.table({"a": [1.0, 2.0]}))
    for end in range(len(whole) - 9):
        assert refused(columns_named("a"), whole[:end]).status in (400, 422)


def test_another_content_type_is_refused(read_as, columns_named):
    with pytest.raises(InvalidRequest) as caught:
        read_as("arrow", columns_named("a"), b"", "application/vnd.apache.arrow.file")
    assert caught.value.status == 415


# what a short stream could do


def most_memory(work):
    """Return the most bytes that Arrow and Python held while `work` was refused."""
    pool = pa.default_memory_pool()
    held = pa.proxy_memory_pool(pool)
    pa.set_memory_pool(held)
    tracemalloc.start()
    try:
        refusal = work()
        return refusal, (held.max_memory() or 0) + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(pool)


MEGABYTE = 1 << 20


def test_compressed_zeros_are_refused_before_they_are_unpacked(columns_named):
    validator = columns_named("a", limits={"body_bytes": MEGABYTE, "rows": 10**9})
    bomb = stream(pa.table({"a": np.zeros(50_000_000)}), compression="zstd")
    assert len(bomb) < MEGABYTE
    refusal, held = most_memory(lambda: refused(validator, bomb))
    assert (refusal.status, held < 4 * MEGABYTE) == (413, True)


def test_a_compressed_dictionary_is_weighed_as_well(one_column):
    validator = one_column("string", "str", limits={"body_bytes": MEGABYTE})
    long = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["x" * 100_000_000]))
    bomb = stream(pa.table({"x": long}), compression="zstd")
    refusal, held = most_memory(lambda: refused(validator, bomb))
    assert (refusal.status, held < 4 * MEGABYTE) == (413, True)


def test_a_billion_nulls_are_refused_before_there_is_a_row(one_column):
    body = stream(pa.table({"x": pa.nulls(10**9)}))
    refusal, held = most_memory(lambda: refused(one_column("double", "float64", nullable=True), body))
    assert (refusal.status, held < 4 * MEGABYTE) == (413, True)


def test_one_long_text_in_every_row_is_refused(one_column):
    validator = one_column("string", "str", limits={"body_bytes": 2 * MEGABYTE})
    long = "x" * MEGABYTE
    view = pa.array([long], pa.string_view())
    views = pa.py_buffer(view.buffers()[1].to_pybytes()[:16] * 10_000)
    repeated = pa.Array.from_buffers(pa.string_view(), 10_000, [None, views, view.buffers()[2]])
    refusal, held = most_memory(lambda: refused(validator, stream(pa.table({"x": repeated}))))
    assert (refusal.status, held < 20 * MEGABYTE) == (413, True)


def test_one_long_text_of_a_dictionary_is_held_once(one_column):
    coded = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), pa.array(["x" * MEGABYTE]))
    body = stream(pa.table({"x": coded}), chunk=100)
    request, held = most_memory(lambda: read(one_column("string", "str"), body))
    assert (request.batch.rows, held < 20 * MEGABYTE) == (50_000, True)


def test_a_stream_of_a_million_empty_batches_is_refused(columns_named):
    table = pa.table({"a": pa.array([], pa.float64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for _ in range(5000):
            writer.write_batch(pa.RecordBatch.from_arrays([pa.array([], pa.float64())], schema=table.schema))
    assert refused(columns_named("a"), sink.getvalue().to_pybytes()).status == 413


def test_a_schema_of_a_hundred_thousand_columns_is_refused(columns_named):
    schema = pa.schema([pa.field(f"x{i}", pa.null()) for i in range(100_000)])
    assert refused(columns_named("a"), schema.serialize().to_pybytes()).status == 413


def test_a_message_that_says_it_is_larger_than_the_body_is_refused(columns_named):
    for size in (2**31 - 1, 2**32 - 2, 10**6):
        assert refused(columns_named("a"), struct.pack("<II", 0xFFFFFFFF, size) + b"\0" * 64).status == 400


GOOD = stream(
    pa.table(
        {
            "distance": [1.5, 2.5],
            "delay": pa.array([None, 1.0], pa.float32()),
            "hour": [1, 2],
            "day": pa.array([1, None], pa.int8()),
            "weekend": [True, None],
            "origin": pa.array(["JFK", None]).dictionary_encode(),
            "at": pa.array([None, 5], pa.timestamp("ms")),
        }
    )
)
PACKED = stream(
    pa.table(
        {
            "distance": np.arange(300.0),
            "hour": np.arange(300),
            "origin": pa.array(["a string beyond a view"] * 300, pa.string_view()),
        }
    ),
    compression="lz4",
)
EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([GOOD, PACKED]), EDITS)
def test_a_stream_with_bytes_changed_is_read_or_refused(every_kind, whole, edits):
    body = bytearray(whole)
    for at, value in edits:
        body[at % len(body)] = value
    assert outcome(every_kind, bytes(body)) in (200, 400, 413, 422)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_bytes_by_chance_are_refused(every_kind, data, framed):
    body = struct.pack("<II", 0xFFFFFFFF, len(data)) + data if framed else data
    assert outcome(every_kind, body) in (400, 413, 422)


def outcome(validator, body):
    try:
        request = read(validator, body)
    except InvalidRequest as refusal:
        return refusal.status
    assert {len(v) for v in request.batch.columns.values()} == {request.batch.rows}
    return 200


def test_neither_pandas_nor_compute_functions_are_imported():
    script = f"""
import sys
from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import dialect
from mlops_jupyter.serving.validation import compile_validator
names = ["distance", "hour", "origin"]
types = [("double", "float64"), ("long", "int64"), ("string", "str")]
columns = [{{"name": n, "type": t, "dtype": d, "nullable": True}} for n, (t, d) in zip(names, types)]
validator = compile_validator({{"input": {{"kind": "columns", "columns": columns}}}})
dialect("arrow").read(validator, Call({GOOD!r}, "id", content_type={ARROW!r}))
print([name for name in ("pandas", "pyarrow.compute", "scipy", "mlflow") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
