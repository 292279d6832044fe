"""Whatever bytes arrive as V2, they are rows or one clear refusal; what a client wrote is what is read."""

from __future__ import annotations

import json
import math
from unittest.mock import patch

import numpy as np
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import dialect
from mlops_jupyter.serving.dialects import v2 as spoken
from mlops_jupyter.serving.dialects.v2_binary import join_texts, split_texts
from mlops_jupyter.serving.dialects.v2_grpc import to_body
from mlops_jupyter.serving.dialects.v2_messages import message
from mlops_jupyter.serving.dialects.v2_metadata import model_path
from mlops_jupyter.serving.dialects.v2_request import DTYPES
from mlops_jupyter.serving.problems import MOST, InvalidRequest
from mlops_jupyter.serving.validation import compile_validator

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True)
NAMES = ["distance", "hour", "delay", "seats", "night", "origin", "leaves"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["2026-11-20T10:15:00", "JFK", 1, 0, 2, 0.5]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
DATA = st.one_of(st.lists(SCALARS, max_size=4), st.lists(st.lists(SCALARS, max_size=3), max_size=3), ANYTHING)
PARAMETERS = {
    "binary_data_size": st.integers(-1, 40) | ANYTHING,
    "content_type": st.sampled_from(["pd_json", "base64", "np"]) | ANYTHING,
}
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES) | st.text(max_size=5),
        "shape": st.lists(st.integers(-1, 3) | st.integers(), max_size=3) | ANYTHING,
        "datatype": st.sampled_from([*DTYPES, "BF16"]),
    },
    optional={"data": DATA, "parameters": st.fixed_dictionaries({}, optional=PARAMETERS)},
)
DOCUMENTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=4)},
    optional={"outputs": ANYTHING, "id": ANYTHING, "parameters": ANYTHING},
)
SCHEMAS = st.sampled_from(["FLIGHTS", "MATRIX", "TEXT"])


def settled(v2, schema, body, length):
    """Rows, or a refusal that could be sent."""
    validator = compile_validator(getattr(v2, schema), {"rows": 100})
    call = Call(body, "p", dialect="v2", header_length=length)
    refusal = refusal_of(validator, call)
    with patch.object(spoken, "_FEW", 0):  # as arrays, as many rows are read
        again = refusal_of(validator, call)
    assert (refusal is None) == (again is None)
    if refusal:
        assert (refusal.status, problems(refusal)) == (again.status, problems(again))
        outcome = dialect("v2").refuse(refusal, call)
        assert json.loads(outcome.body)["error"] == refusal.error
        assert_clear(refusal)


def refusal_of(validator, call):
    try:
        assert dialect("v2").read(validator, call).batch.rows > 0
    except InvalidRequest as refusal:
        return refusal
    return None


def problems(refusal):
    return {(problem.field, problem.reason) for problem in refusal.problems}


def assert_clear(refusal):
    assert refusal.status in (400, 413, 422)
    assert refusal.error
    assert "\n" not in refusal.error
    assert len(refusal.problems) <= MOST


@SETTINGS
@given(schema=SCHEMAS, body=st.binary(max_size=200), length=st.integers(0, 250))
@example(
    schema="FLIGHTS",
    body=b'{"inputs": [{"name": "\\ud800", "shape": [1], "datatype": "FP64", "data": [1]}]}',
    length=0,
)
@example(
    schema="FLIGHTS",
    body=b'{"inputs": [{"name": "a\\n", "shape": [1], "datatype": "FP64", "data": 1}]}',
    length=0,
)
def test_any_bytes_are_settled(v2, schema, body, length):
    settled(v2, schema, body, length)


@SETTINGS
@given(schema=SCHEMAS, document=DOCUMENTS, data=st.binary(max_size=60), binary=st.booleans())
def test_any_document_is_settled(v2, schema, document, data, binary):
    header = json.dumps(document).encode()
    settled(v2, schema, header + (data if binary else b""), len(header) if binary else 0)


@SETTINGS
@given(path=st.text(max_size=40) | st.text("/v2modelsinferready", max_size=40).map("/v2/models/".__add__))
def test_any_path_is_read(path):
    target = model_path(path)
    assert target is None or target.model in path


@SETTINGS
@given(schema=SCHEMAS, body=st.binary(max_size=300))
def test_any_grpc_message_is_settled(v2, schema, body):
    try:
        request = message("ModelInferRequest").FromString(body)
    except DecodeError:
        return
    grpc_settled(v2, schema, request)


@st.composite
def grpc_requests(draw):
    """Requests whose contents, raw and typed, are where they may be or not."""
    request = service_pb2.ModelInferRequest(id=draw(st.text(max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        tensor = request.inputs.add(
            name=draw(st.sampled_from(NAMES)),
            datatype=draw(st.sampled_from([*DTYPES, "BF16"])),
            shape=draw(st.lists(st.integers(-1, 3) | st.integers(-(2**63), 2**63 - 1), max_size=3)),
        )
        tensor.contents.int_contents.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3)))
        tensor.contents.bytes_contents.extend(draw(st.lists(st.binary(max_size=4), max_size=2)))
        tensor.contents.fp64_contents.extend(draw(st.lists(st.floats(), max_size=2)))
        tensor.parameters[draw(st.sampled_from(["content_type", "binary_data_size"]))].CopyFrom(
            service_pb2.InferParameter(int64_param=draw(st.integers(-1, 30)))
        )
    request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=24), max_size=3)))
    return request


@SETTINGS
@given(schema=SCHEMAS, request=grpc_requests())
def test_any_grpc_request_is_settled(v2, schema, request):
    grpc_settled(v2, schema, message("ModelInferRequest").FromString(request.SerializeToString()))


def grpc_settled(v2, schema, request):
    try:
        body, length = to_body(request)
    except InvalidRequest as said:
        refusal = said
    else:
        settled(v2, schema, body, length)
        return
    assert_clear(refusal)


@SETTINGS
@given(texts=st.lists(st.binary(max_size=12)))
def test_texts_come_back_as_they_were_written(texts):
    assert split_texts(memoryview(join_texts(texts)), len(texts)) == texts


ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        st.integers(0, 255),
        st.booleans(),
        st.none() | st.text(st.characters(codec="utf-8"), max_size=6),
        st.datetimes().map(lambda moment: moment.isoformat()),
    ),
    min_size=1,
    max_size=5,
)
WRITTEN = dict(zip(NAMES, ["FP64", "INT64", "FP32", "UINT8", "BOOL", "BYTES", "BYTES"], strict=True))


@SETTINGS
@given(rows=ROWS, nested=st.booleans(), binary=st.lists(st.sampled_from(NAMES), unique=True))
def test_what_a_client_wrote_is_what_is_read(v2, rows, nested, binary):
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    inputs, data = [], b""
    for name, values in columns.items():
        tensor = {"name": name, "shape": [len(rows), 1], "datatype": WRITTEN[name]}
        if name in binary and None not in values:
            part = v2.texts(*map(str.encode, values)) if WRITTEN[name] == "BYTES" else as_array(name, values)
            data += part
            tensor["parameters"] = {"binary_data_size": len(part)}
        else:
            tensor["data"] = [[value] for value in values] if nested else values
        inputs.append(tensor)
    assert_rows(v2, {"inputs": inputs}, data, columns)


def as_array(name, values):
    return np.array(values, DTYPES[WRITTEN[name]]).tobytes()


def assert_rows(v2, document, data, columns):
    try:
        read = v2.columns(v2.read(document, data))
    except InvalidRequest as said:
        problems = said.problems
    else:
        assert_columns(read, columns)
        return
    assert {problem.field for problem in problems} == {"leaves"}  # a year that nanoseconds do not reach


def assert_columns(read, columns):
    read["distance"] = [None if math.isnan(value) else value for value in read["distance"]]
    read["leaves"] = [moment.isoformat() for moment in read["leaves"]]
    assert read == columns
