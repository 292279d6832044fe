"""The quick reader of Arrow streams says what the other one says, or nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import ARROW, dialect
from mlops_jupyter.serving.dialects.arrow_plain import PlainStreams, plain_streams
from mlops_jupyter.serving.problems import InvalidRequest
from tests.serving.dialects.conftest import column, validator_of

NAMES = ["a", "b", "c"]
SEEN = {"minimum": -10.0, "maximum": 10.0}
VALIDATORS = {
    "plain": [column(name, "double", "float64") for name in NAMES],
    "seen": [column(name, "double", "float64", **SEEN) for name in NAMES],
    "nullable": [column(name, "double", "float64", nullable=True, **SEEN) for name in NAMES],
    "single": [column(name, "float", "float32", **SEEN) for name in NAMES],
    "mixed": [
        column("a", "double", "float64"),
        column("b", "float", "float32"),
        column("c", "float", "float16"),
    ],
    "categories": [column(name, "double", "float64", categories=[1.0, 2.0]) for name in NAMES],
}
LIMITS = {"rows": 6, "body_bytes": 64 * 1024}
NUMBERS = st.floats(-12, 12) | st.sampled_from([0.0, -0.0, 1.0, 1e39, -1e39, 1e5, np.nan, np.inf, -np.inf])


def stream(table, chunk=None, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, chunk)
    return sink.getvalue().to_pybytes()


def call(body):
    return Call(body, "id", dialect="arrow", content_type=ARROW)


def outcome(validator, body):
    """Return all that a reader says of a stream, in a form that can be compared."""
    try:
        request = dialect("arrow").read(validator, call(body))
    except InvalidRequest as refusal:
        return refusal.status, refusal.document()
    block = None if request.batch.block is None else request.batch.block.tobytes()
    columns = {name: (values.dtype, values.tobytes()) for name, values in request.batch.columns.items()}
    return request.batch.rows, columns, block, request.warnings, request.rows


def validator(kind, extra="warn"):
    return validator_of(*VALIDATORS[kind], limits=LIMITS, extra=extra)


def taught(validator, *schemas):
    """Return a validator that has read a right stream of each schema."""
    for schema in schemas:
        rows = [dict.fromkeys(schema.names, 1.0)]
        dialect("arrow").read(validator, call(stream(pa.Table.from_pylist(rows, schema))))
    return validator


def schema_of(names, type_=None):
    return pa.schema([(name, type_ or pa.float64()) for name in names])


def quickly(validator, body):
    return plain_streams(validator, 64 * 1024 + 4 * 1024 * len(NAMES)).read(body)


def table_of(rows, names=NAMES):
    return pa.table({name: pa.array([row[i] for row in rows], pa.float64()) for i, name in enumerate(names)})


@given(
    kind=st.sampled_from(sorted(VALIDATORS)),
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=8),
    names=st.permutations(NAMES),
)
@settings(max_examples=150, deadline=None)
def test_both_say_the_same_of_doubles(kind, rows, names):
    body = stream(table_of(rows, names))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        knowing = outcome(taught(validator(kind), schema_of(names)), body)
    assert knowing == outcome(validator(kind), body)


@pytest.mark.parametrize("kind", sorted(VALIDATORS))
def test_what_is_ordinary_is_read_quickly(kind):
    body = stream(table_of([(1.0, 2.0, 1.0), (2.0, 1.0, 2.0)]))
    knowing = taught(validator(kind), schema_of(NAMES))
    assert quickly(knowing, body).batch.rows == 2
    assert quickly(validator(kind), body) is None


def test_what_is_missing_where_it_may_be_is_read_quickly():
    body = stream(table_of([(np.nan, 2.0, np.nan), (2.0, 1.0, np.nan)]))
    assert quickly(taught(validator("nullable"), schema_of(NAMES)), body) is not None
    assert quickly(taught(validator("plain"), schema_of(NAMES)), body) is None


def test_nothing_is_copied():
    body = stream(table_of([(1.0, 2.0, 3.0)] * 5))
    block = quickly(taught(validator("plain"), schema_of(NAMES)), body).batch.block
    assert np.shares_memory(block, np.frombuffer(body, np.uint8))


ODD = {
    "several batches": lambda t: stream(t, 1),
    "compressed": lambda t: stream(t, compression="lz4"),
    "null": lambda t: stream(t.set_column(1, "b", pa.array([1.0, None, 3.0]))),
    "sliced": lambda t: stream(t.slice(1)),
    "empty": lambda t: stream(t.slice(3)),
    "too many rows": lambda t: stream(pa.concat_tables([t] * 3).combine_chunks()),
    "integers": lambda t: stream(t.cast(schema_of(NAMES, pa.int64()), safe=False)),
    "single": lambda t: stream(t.cast(schema_of(NAMES, pa.float32()))),
    "column less": lambda t: stream(t.drop_columns(["b"])),
    "column more": lambda t: stream(t.append_column("d", t["a"])),
    "column twice": lambda t: stream(t.append_column("a", t["a"])),
    "another metadata": lambda t: stream(t.replace_schema_metadata({"k": "v"})),
    "cut off": lambda t: stream(t)[:-100],
    "no end": lambda t: stream(t)[:-8],
    "more behind the end": lambda t: stream(t) + b"more",
    "schema alone": lambda t: stream(t)[: stream(t).index(b"\xff\xff\xff\xff", 4)],
    "too large": lambda t: stream(t) + bytes(64 * 1024),
    "legacy": lambda t: stream(t, use_legacy_format=True),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("extra", ["warn", "refuse"])
def test_both_say_the_same_of_what_is_odd(odd, extra):
    body = ODD[odd](table_of([(1.0, 2.0, 3.0), (2.0, 1.0, 2.0), (-11.0, 7.0, 3.5)]))
    knowing = taught(validator("seen", extra), schema_of(NAMES))
    first = outcome(knowing, body)
    assert first == outcome(validator("seen", extra), body)
    assert outcome(knowing, body) == first  # nothing wrong was learned of it


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_stream_with_a_byte_changed_is_refused_or_read_as_before(data):
    body = bytearray(stream(table_of([(1.0, 2.0, 3.0), (2.0, 1.0, 2.0)])))
    where = data.draw(st.integers(0, len(body) - 1))
    body[where] = data.draw(st.integers(0, 255))
    known, unknown = taught(validator("seen"), schema_of(NAMES)), validator("seen")
    slowly = outcome(unknown, bytes(body))
    if isinstance(slowly[1], dict) and slowly[0] not in (400, 413, 422):
        assert outcome(known, bytes(body)) == slowly
    else:
        outcome(known, bytes(body))  # it may say less of what is broken, but breaks nothing itself


def test_only_so_many_schemas_are_remembered():
    knowing = validator("plain")
    reader = PlainStreams(knowing, 64 * 1024)
    for number in range(20):
        table = table_of([(1.0, 2.0, 3.0)]).replace_schema_metadata({"number": str(number)})
        reader.learn(stream(table), table.schema)
        reader.learn(stream(table), table.schema)
        assert reader.read(stream(table)) is not None
    assert len(reader._known) == 8


def test_a_batch_as_long_as_one_before_is_found_where_that_was():
    rows, more = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], [(7.0, 8.0, 9.0), (-1.0, -2.0, -3.0)]
    known = taught(validator("plain"), schema_of(NAMES))
    for each in (rows, more, more):
        assert quickly(known, stream(table_of(each))).batch.block.tolist() == [list(row) for row in each]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_cut_or_changed_after_it_was_learned_is_told_as_if_it_were_not(data):
    whole = stream(table_of([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)]))
    known, fresh = taught(validator("plain"), schema_of(NAMES)), validator("plain")
    assert quickly(known, whole) is not None
    body = bytearray(whole[: data.draw(st.integers(0, len(whole)))] + data.draw(st.binary(max_size=20)))
    for at in data.draw(st.lists(st.integers(0, max(0, len(body) - 1)), max_size=2)):
        if body:
            body[at] ^= data.draw(st.integers(1, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outcome(known, bytes(body)) == outcome(fresh, bytes(body))
