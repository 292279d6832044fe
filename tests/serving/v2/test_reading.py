"""V2 requests in JSON: what is read, what is mended, and what is refused with which words."""

from __future__ import annotations

import functools
import json
import math
from datetime import datetime

import pytest

from mlops_jupyter.serving.dialects import v2 as spoken
from mlops_jupyter.serving.problems import InvalidRequest


@pytest.fixture(autouse=True, params=[spoken._FEW, 0], ids=["row by row", "as arrays"])
def few(request, monkeypatch):
    """A few rows are read as our own JSON is, many as arrays: by the same rules."""
    monkeypatch.setattr(spoken, "_FEW", request.param)


def refused(v2, document, **more):
    with pytest.raises(InvalidRequest) as refusal:
        v2.read(document, **more)
    return refusal.value


def test_every_type_of_column_is_read_by_name(v2):
    read = v2.columns(v2.read({"inputs": v2.tensors()[::-1]}))
    assert read == {
        "distance": [200.5, 300.0],
        "hour": [5, 23],
        "delay": [0.5, -1.0],
        "seats": [100, 180],
        "night": [True, False],
        "origin": ["JFK", "Zürich"],
        "leaves": [datetime(2026, 11, 20, 10, 15), datetime(2026, 11, 20, 23)],  # noqa: DTZ001 - the column has no zone
    }


def test_null_is_a_missing_value_where_the_column_bears_one(v2):
    distance = {"shape": [2, 1], "datatype": "FP64", "data": [None, 300]}
    origin = {"shape": [2], "datatype": "BYTES", "data": ["JFK", None]}
    read = v2.columns(v2.read({"inputs": v2.tensors(distance=distance, origin=origin)}))
    assert math.isnan(read["distance"][0])
    assert read["distance"][1] == 300.0
    assert read["origin"] == ["JFK", None]


def test_null_is_refused_where_the_column_does_not_bear_one(v2):
    hour = {"shape": [2, 1], "datatype": "INT64", "data": [None, 3]}
    refusal = refused(v2, {"inputs": v2.tensors(hour=hour)})
    assert refusal.status == 422
    assert [(p.row, p.field, p.reason) for p in refusal.problems] == [(0, "hour", "null")]


def test_a_nullable_column_may_be_left_out(v2):
    read = v2.columns(v2.read({"inputs": v2.tensors(origin=None)}))
    assert read["origin"] == [None, None]


def test_integers_pass_for_floats_and_whole_floats_for_integers(v2):
    distance = {"shape": [2], "datatype": "INT32", "data": [3, 4]}
    hour = {"shape": [2], "datatype": "INT64", "data": [5.0, 6]}
    seats = {"shape": [2], "datatype": "FP32", "data": [7, 8]}
    read = v2.columns(v2.read({"inputs": v2.tensors(distance=distance, hour=hour, seats=seats)}))
    assert (read["distance"], read["hour"], read["seats"]) == ([3.0, 4.0], [5, 6], [7, 8])


def test_every_wrong_field_is_told_at_once(v2):
    hour = {"shape": [2], "datatype": "FP64", "data": [5.5, 6]}
    seats = {"shape": [2], "datatype": "INT16", "data": [1, 300]}
    refusal = refused(v2, {"inputs": v2.tensors(hour=hour, seats=seats, night=None)})
    told = {(p.row, p.field, p.reason) for p in refusal.problems}
    assert refusal.status == 422
    assert told == {(0, "hour", "type"), (1, "seats", "range"), (None, "night", "missing")}


@pytest.mark.parametrize(
    ("datatype", "data", "reason"),
    [
        ("FP64", ["1", 2], "type"),
        ("FP64", [True, 2], "type"),
        ("FP64", [[1], 2], "type"),
        ("FP64", [10**400, 2], "range"),
        ("FP32", [1e300, 2], "range"),
        ("FP16", [70000, 2], "range"),
        ("INT64", [1.5, 2], "type"),
        ("INT64", [2**63, 2], "range"),
        ("UINT8", [-1, 2], "range"),
        ("BOOL", [0, True], "type"),
        ("BYTES", [1, "b"], "type"),
    ],
)
def test_data_of_another_datatype_is_refused_not_converted(v2, datatype, data, reason):
    distance = {"shape": [2], "datatype": datatype, "data": data}
    refusal = refused(v2, {"inputs": v2.tensors(distance=distance)})
    assert refusal.status == 422
    assert [(p.row, p.field, p.reason) for p in refusal.problems] == [(0, "distance", reason)]


@pytest.mark.parametrize(
    ("shape", "data", "said"),
    [
        ([2, 1], [1, 2, 3], "shape [2, 1] takes 2 values, 3 given"),
        ([3], [1, 2], "shape [3] takes 3 values, 2 given"),
        ([2, 1], [[1, 2]], "do not have the shape [2, 1]"),
        ([2, 1], [[1], [2, 3]], "do not have the shape [2, 1]"),
        ([2, 1], [[1], 2], "do not have the shape [2, 1]"),
        ([2, 1], "ab", "expected a list as data"),
        ([2, 1], {"0": 1}, "expected a list as data"),
    ],
)
def test_data_that_does_not_fit_its_shape_is_refused(v2, shape, data, said):
    distance = {"shape": shape, "datatype": "FP64", "data": data}
    refusal = refused(v2, {"inputs": v2.tensors(distance=distance)})
    assert refusal.status == 400
    assert said in refusal.error


@pytest.mark.parametrize("shape", [[], [1, 2], [2, 1, 1], [1, 2, 1]])
def test_a_shape_that_is_not_one_column_is_refused(v2, shape):
    data = [1.0] * math.prod(shape)
    distance = {"shape": shape, "datatype": "FP64", "data": data}
    refusal = refused(v2, {"inputs": v2.tensors(distance=distance)})
    assert refusal.status == 422
    assert refusal.problems[0].field == "distance"
    assert "[n, 1]" in refusal.error


def test_columns_of_different_lengths_are_refused(v2):
    hour = {"shape": [3], "datatype": "INT64", "data": [1, 2, 3]}
    refusal = refused(v2, {"inputs": v2.tensors(hour=hour)})
    assert refusal.status == 422
    assert {p.reason for p in refusal.problems} == {"length"}


def test_no_rows_are_refused(v2):
    empty = [tensor | {"shape": [0, 1], "data": []} for tensor in v2.tensors()]
    assert refused(v2, {"inputs": empty}).status == 422


def test_too_many_rows_are_refused_before_they_are_read(v2):
    many = {"shape": [2001], "datatype": "FP64", "data": ["no number"] * 2001}
    refusal = refused(v2, {"inputs": v2.tensors(distance=many)}, limits={"rows": 2000})
    assert (refusal.status, refusal.error) == (413, "2001 records in one request; at most 2000")


def test_too_large_a_body_is_refused(v2):
    assert refused(v2, {"inputs": v2.tensors()}, limits={"body_bytes": 100}).status == 413


def one(**tensor):
    tensor = {"name": "distance", "shape": [1], "datatype": "FP64", "data": [1]} | tensor
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"{", "invalid JSON"),
        (b'{"inputs": [NaN]}', "invalid JSON"),
        (b"\xff", "invalid JSON"),
        (b'{"inputs": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"[]", "not a V2 request"),
        (b"{}", "not a V2 request: Object missing required field `inputs`"),
        (b'{"inputs": []}', "inputs is empty"),
        (b'{"inputs": [{"name": "a"}]}', "missing required field `shape`"),
        (one(name=1), "Expected `str`, got `int`"),
        (one(shape=[-1]), "Expected `int` >= 0"),
        (one(shape=[True]), "Expected `int`"),
        (one(datatype="BF16"), "no such datatype"),
        (b'{"inputs": [{"name": "distance", "shape": [1], "datatype": "FP64"}]}', "got none"),
    ],
)
def test_what_is_no_v2_request_is_refused_in_one_line(v2, body, said):
    refusal = refused(v2, body)
    assert refusal.status == 400
    assert said in refusal.error
    assert "\n" not in refusal.error


def test_data_nested_deeper_than_a_table_is_refused(v2):
    deep = functools.reduce(lambda inner, _: [inner], range(200), 1.0)
    distance = {"shape": [1], "datatype": "FP64", "data": deep}
    assert refused(v2, {"inputs": v2.tensors(distance=distance)}).status == 422


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [], "inputs": %s}',
        b'{"parameters": {"a": 1, "a": 2}, "inputs": %s}',
        b'{"id": "a:b", "id": "c", "inputs": %s}',
    ],
)
def test_a_key_given_twice_is_refused(v2, body):
    refusal = refused(v2, body % json.dumps(v2.tensors()).encode())
    assert refusal.status == 422
    assert refusal.problems[0].reason == "duplicate"


def test_data_given_twice_is_refused_though_its_texts_have_colons(v2):
    body = json.dumps({"inputs": v2.tensors()}).replace('"data": [200.5', '"data": [1, 2], "data": [200.5')
    assert refused(v2, body.encode()).problems[0].field == "data"


def test_a_tensor_given_twice_is_refused(v2):
    refusal = refused(v2, {"inputs": [*v2.tensors(), v2.tensors()[0]]})
    assert (refusal.status, refusal.error) == (400, "input distance is given twice")


def test_other_columns_are_left_unread_with_a_warning_or_refused_as_chosen(v2):
    weather = {"shape": [2], "datatype": "FP64", "data": [1, 2]}
    document = {"inputs": v2.tensors(weather=weather)}
    assert [w.field for w in v2.read(document).warnings] == ["weather"]
    assert not v2.read(document, extra="ignore").warnings
    assert refused(v2, document, extra="refuse").problems[0].reason == "extra"


def test_what_only_other_servers_offer_is_refused_rather_than_left_unread(v2):
    shared = v2.tensors()
    shared[0]["parameters"] = {"shared_memory_region": "a", "shared_memory_byte_size": 16}
    assert "shared memory is not read" in refused(v2, {"inputs": shared}).error
    outputs = [{"name": "predict", "parameters": {"classification": 2}}]
    assert "predict_proba" in refused(v2, {"inputs": v2.tensors(), "outputs": outputs}).error


def test_another_content_type_is_refused(v2):
    assert refused(v2, {"inputs": v2.tensors()}, content_type="text/csv").status == 415


@pytest.mark.parametrize("sent", ["", "application/json; charset=utf-8", "application/octet-stream"])
def test_the_content_types_of_v2_clients_are_read(v2, sent):
    assert v2.read({"inputs": v2.tensors()}, content_type=sent).batch.rows == 2


def test_a_matrix_comes_as_one_tensor_nested_or_flat_or_by_column(v2):
    expected = {"x0": [1.0, 4.0], "x1": [2.0, 5.0], "x2": [3.0, 6.0]}
    nested = {"name": "any", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2, 3], [4, 5, 6]]}
    flat = nested | {"data": [1, 2, 3, 4, 5, 6]}
    named = [
        {"name": name, "shape": [2, 1], "datatype": "INT8", "data": data} for name, data in expected.items()
    ]
    for inputs in ([nested], [flat], named):
        assert v2.columns(v2.read({"inputs": inputs}, schema=v2.MATRIX)) == expected


def test_a_missing_value_of_a_matrix_is_told_by_its_column(v2):
    holey = {"name": "any", "shape": [2, 3], "datatype": "INT64", "data": [1, 2, 3, 4, None, 6]}
    refusal = refused(v2, {"inputs": [holey]}, schema=v2.MATRIX)
    assert [(p.row, p.field, p.reason) for p in refusal.problems] == [(1, "x1", "null")]


def test_a_wrong_value_of_a_matrix_is_told_by_its_row(v2):
    wrong = {"name": "any", "shape": [2, 3], "datatype": "FP64", "data": [1, 2, 3, 4, "5", 6]}
    refusal = refused(v2, {"inputs": [wrong]}, schema=v2.MATRIX)
    assert [(p.row, p.reason) for p in refusal.problems] == [(1, "type")]


@pytest.mark.parametrize("shape", [[3, 2], [6], [2, 3, 1], [1, 6]])
def test_a_matrix_of_another_width_is_refused(v2, shape):
    tensor = {"name": "any", "shape": shape, "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]}
    assert refused(v2, {"inputs": [tensor]}, schema=v2.MATRIX).status == 422


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_texts_need_no_name(v2, shape):
    tensor = {"name": "any", "shape": shape, "datatype": "BYTES", "data": ["to be", "or not: {"]}
    assert v2.columns(v2.read({"inputs": [tensor]}, schema=v2.TEXT)) == {"text": ["to be", "or not: {"]}


def test_a_data_frame_of_mlserver_may_have_each_text_as_json(v2):
    origin = {
        "shape": [2, 1],
        "datatype": "BYTES",
        "data": ['"JFK"', "null"],
        "parameters": {"content_type": "pd_json"},
    }
    assert v2.columns(v2.read({"inputs": v2.tensors(origin=origin)}))["origin"] == ["JFK", None]
    broken = v2.tensors(origin=origin | {"data": ['"JFK"', "{"]})
    assert [(p.row, p.field) for p in refused(v2, {"inputs": broken}).problems] == [(1, "origin")]


def test_text_in_base64_is_refused_rather_than_taken_for_itself(v2):
    inputs = v2.tensors()
    inputs[5]["parameters"] = {"content_type": "base64"}
    assert "base64 is not read" in refused(v2, {"inputs": inputs}).error


def test_parameters_that_are_not_known_are_left_unread(v2):
    inputs = v2.tensors()
    inputs[0]["parameters"] = {"content_type": "np", "headers": None}
    parameters = {"content_type": "pd", "priority": 3, "sequence_id": 9}
    assert v2.read({"inputs": inputs, "parameters": parameters, "of_tomorrow": 1}).batch.rows == 2
