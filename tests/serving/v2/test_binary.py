"""V2 requests and answers with their values as bytes after the JSON."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_jupyter.serving.dialects.v2_binary import as_bytes
from mlops_jupyter.serving.problems import InvalidRequest


def binary(v2, **changes):
    """Two rows of FLIGHTS: their tensors without data, and the data."""
    parts = {
        "distance": ("FP64", np.array([200.5, np.nan], "<f8").tobytes()),
        "hour": ("INT64", np.array([5, 23], "<i8").tobytes()),
        "delay": ("FP16", np.array([0.5, -1], "<f2").tobytes()),
        "seats": ("UINT8", bytes([100, 180])),
        "night": ("BOOL", b"\x01\x00"),
        "origin": ("BYTES", v2.texts(b"JFK", "Zürich".encode())),
        "leaves": ("BYTES", v2.texts(b"2026-11-20T10:15:00", b"2026-11-20T23:00:00")),
    } | changes
    inputs = [
        {"name": name, "shape": [2, 1], "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
        for name, (datatype, data) in parts.items()
    ]
    return inputs, b"".join(data for _, data in parts.values())


def refused(v2, document, data, **more):
    with pytest.raises(InvalidRequest) as refusal:
        v2.read(document, data, **more)
    return refusal.value


def test_every_datatype_is_read_from_bytes(v2):
    inputs, data = binary(v2)
    read = v2.columns(v2.read({"inputs": inputs}, data))
    assert read["distance"][0] == 200.5
    assert math.isnan(read["distance"][1])
    assert (read["hour"], read["delay"]) == ([5, 23], [0.5, -1.0])
    assert (read["seats"], read["night"]) == ([100, 180], [True, False])
    assert read["origin"] == ["JFK", "Zürich"]
    assert read["leaves"][1].hour == 23


def test_tensors_in_json_and_in_bytes_may_be_mixed(v2):
    inputs, data = binary(v2, hour=("INT64", b""))
    inputs[1] = v2.tensors()[1]
    assert v2.columns(v2.read({"inputs": inputs}, data))["hour"] == [5, 23]


@pytest.mark.parametrize("datatype", ["INT8", "INT16", "INT32", "UINT16", "UINT32", "UINT64", "FP32"])
def test_whole_numbers_are_read_in_any_width(v2, datatype):
    numpy_type = datatype.lower().replace("fp", "float")
    inputs, data = binary(v2, hour=(datatype, np.array([5, 23], numpy_type).tobytes()))
    assert v2.columns(v2.read({"inputs": inputs}, data))["hour"] == [5, 23]


def test_a_matrix_is_read_row_by_row(v2):
    matrix = np.arange(6, dtype="<f4").reshape(2, 3)
    tensor = {"name": "m", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": 24}}
    read = v2.read({"inputs": [tensor]}, matrix.tobytes(), schema=v2.MATRIX)
    assert v2.columns(read) == {"x0": [0.0, 3.0], "x1": [1.0, 4.0], "x2": [2.0, 5.0]}


def test_missing_and_infinite_values_are_told_by_row(v2):
    inputs, data = binary(
        v2,
        distance=("FP64", np.array([1, np.inf], "<f8").tobytes()),
        delay=("FP32", np.array([np.nan, 1], "<f4").tobytes()),
    )
    told = {(p.row, p.field, p.reason) for p in refused(v2, {"inputs": inputs}, data).problems}
    assert told == {(1, "distance", "range"), (0, "delay", "null")}


def test_text_that_is_not_utf8_is_told_by_row(v2):
    inputs, data = binary(v2, origin=("BYTES", v2.texts(b"JFK", b"\xff\xfe")))
    refusal = refused(v2, {"inputs": inputs}, data)
    assert [(p.row, p.field, p.reason) for p in refusal.problems] == [(1, "origin", "type")]


@pytest.mark.parametrize(
    "texts",
    [
        b"",
        b"\x03",
        b"\x03\x00\x00\x00JF",
        b"\xff\xff\xff\xffJFK",
        b"\x03\x00\x00\x00JFK",
        b"\x00\x00\x00\x00" * 3,
        b"\x03\x00\x00\x00JFK\x01\x00\x00",
    ],
)
def test_lengths_of_texts_that_do_not_add_up_are_refused(v2, texts):
    inputs, data = binary(v2, origin=("BYTES", texts))
    refusal = refused(v2, {"inputs": inputs}, data)
    assert refusal.status == 400
    assert "are not the 2 lengths and texts" in refusal.error


def test_bytes_that_do_not_fit_the_shape_are_refused(v2):
    inputs, data = binary(v2, hour=("INT64", b"\x00" * 12))
    refusal = refused(v2, {"inputs": inputs}, data)
    assert refusal.error == "input hour: shape [2, 1] of INT64 takes 16 bytes, 12 given"


@pytest.mark.parametrize("more", [b"", b"too much"])
def test_sizes_that_do_not_add_up_are_refused(v2, more):
    inputs, data = binary(v2)
    sent = data + more if more else data[:-1]
    refusal = refused(v2, {"inputs": inputs}, sent)
    assert refusal.status == 400
    assert "bytes" in refusal.error


@pytest.mark.parametrize("size", [-1, "16", 16.0, True, [16]])
def test_a_size_that_is_no_number_of_bytes_is_refused(v2, size):
    inputs, data = binary(v2)
    inputs[0]["parameters"]["binary_data_size"] = size
    assert refused(v2, {"inputs": inputs}, data).status == 400


@pytest.mark.parametrize("length", [-5, 10**9])
def test_a_header_length_beyond_the_body_is_refused(v2, length):
    call = v2.call_of({"inputs": v2.tensors()}, b"")
    call.header_length = length
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        v2.spoken.read(v2.validator(v2.FLIGHTS), call)


def test_a_size_without_bytes_after_the_json_is_refused(v2):
    inputs, _ = binary(v2)
    assert refused(v2, {"inputs": inputs}, None).status == 400


def test_a_huge_shape_of_nothing_is_refused_at_once(v2):
    tensor = {
        "name": "m",
        "shape": [10**18, 0],
        "datatype": "FP32",
        "parameters": {"binary_data_size": 0},
    }
    assert refused(v2, {"inputs": [tensor]}, b"", schema=v2.MATRIX).status == 413


@pytest.mark.parametrize(
    ("values", "datatype", "written"),
    [
        (np.array([1, 258]), "INT64", b"\x01" + bytes(7) + b"\x02\x01" + bytes(6)),
        (np.array([True, False]), "BOOL", b"\x01\x00"),
        (np.array([[0.5]]), "FP64", np.float64(0.5).tobytes()),
        (np.array(["é", None], object), "BYTES", b"\x02\x00\x00\x00\xc3\xa9" + bytes(4)),
    ],
)
def test_answers_are_written_as_bytes(values, datatype, written):
    assert as_bytes(values, datatype) == written
