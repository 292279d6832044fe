"""MLflow's bodies, as its own client writes them and as people do by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.proto_json_utils import dump_input_data

from mlops_jupyter.serving.answers import Answer
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.call import Answered, Call
from mlops_jupyter.serving.dialects import dialect
from mlops_jupyter.serving.dialects.mlflow import mlflow_get
from mlops_jupyter.serving.problems import InvalidRequest, Problem, invalid
from mlops_jupyter.serving.router import Contract
from mlops_jupyter.serving.runtimes import Prediction
from mlops_jupyter.serving.validation import Request


def read(validator, body, content_type="application/json"):
    body = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    call = Call(body, "id", dialect="mlflow", content_type=content_type)
    return dialect("mlflow").read(validator, call)


def refused(validator, body, content_type="application/json"):
    with pytest.raises(InvalidRequest) as caught:
        read(validator, body, content_type)
    return caught.value


def told(validator, body, content_type="application/json"):
    refusal = refused(validator, body, content_type)
    assert refusal.status == 422
    return [(p.row, p.field, p.reason) for p in refusal.problems]


FLIGHTS = pd.DataFrame(
    {
        "distance": [200.0, 300.5],
        "delay": [np.nan, 3.0],
        "hour": [7, 8],
        "day": [1.0, np.nan],
        "weekend": [True, False],
        "origin": ["JFK", None],
        "at": pd.to_datetime(["2026-11-20 10:15", None]),
    }
)


def comparable(batch):
    return {
        name: [None if pd.isna(v) else v for v in values.tolist()] for name, values in batch.columns.items()
    }


@pytest.fixture(scope="module")
def flights(every_kind):
    """What `FLIGHTS` is read as, by our own JSON."""
    records = json.loads(FLIGHTS.to_json(orient="records", date_format="iso"))
    for record in records:
        record["at"] = record["at"] and record["at"].rstrip("Z")
    return comparable(every_kind.read(records).batch)


def test_a_frame_is_read_as_mlflows_client_writes_it(every_kind, flights):
    body = dump_input_data(FLIGHTS)
    assert "NaN" in body
    assert "NaT" in body
    assert comparable(read(every_kind, body).batch) == flights


def test_a_frame_is_read_as_pandas_writes_it_as_csv(every_kind, flights):
    for body in (
        FLIGHTS.to_csv(index=False),
        FLIGHTS.to_csv(),
        "\ufeff" + FLIGHTS.to_csv(index=False, lineterminator="\r\n"),
    ):
        assert comparable(read(every_kind, body, "text/csv; charset=utf-8").batch) == flights


@pytest.mark.parametrize("form", ["dataframe_records", "instances", "inputs"])
def test_records_are_read_under_every_name(columns_named, form):
    batch = read(columns_named("a", "b"), {form: [{"b": 2, "a": 1}, {"a": 3, "b": 4}]}).batch
    assert batch.block.tolist() == [[1, 2], [3, 4]]


def test_inputs_by_column_may_be_flat_nested_or_single(columns_named):
    validator = columns_named("a", "b")
    assert read(validator, {"inputs": {"a": [1, 3], "b": [[2], [4]]}}).batch.block.tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert read(validator, {"inputs": {"a": 1, "b": 2}}).batch.block.tolist() == [[1, 2]]


def test_a_matrix_is_read_as_mlflows_client_writes_it(columns_named):
    validator, rows = columns_named("x0", "x1", kind="matrix"), np.array([[1.0, 2.0], [3.0, 4.0]])
    bodies = [dump_input_data(rows), dump_input_data(pd.DataFrame(rows)), {"instances": rows.tolist()}]
    for body in [*bodies, {"dataframe_split": {"data": rows.tolist()}}]:
        assert read(validator, body).batch.block.tolist() == rows.tolist()
    by_position = pd.DataFrame(rows).to_csv(index=False)
    assert read(validator, by_position, "text/csv").batch.block.tolist() == rows.tolist()


def test_rows_of_a_single_value_need_no_brackets(columns_named):
    assert read(columns_named("x0", kind="matrix"), {"inputs": [1, 2]}).batch.block.tolist() == [[1], [2]]


def test_texts_are_read_in_every_form(one_column):
    validator = one_column("string", "str", kind="text")
    forms = [
        {"inputs": ["a", "b"]},
        {"instances": ["a", "b"]},
        {"dataframe_records": [{"x": "a"}, {"x": "b"}]},
    ]
    for body in [
        *forms,
        dump_input_data(pd.DataFrame({"x": ["a", "b"]})),
        dump_input_data(np.array([["a"], ["b"]])),
    ]:
        assert read(validator, body).batch.columns["x"].tolist() == ["a", "b"]
    assert read(validator, {"inputs": "a"}).batch.rows == 1


def test_rows_without_names_are_refused_where_columns_have_names(columns_named):
    for body in ({"instances": [[1, 2]]}, {"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}}):
        refusal = refused(columns_named("a", "b"), body)
        assert (refusal.status, "an object with the model's columns" in refusal.error) == (422, True)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, (None, None, "type")),
        ([1], (None, None, "type")),
        ({"features": {"a": 1}}, (None, None, "type")),
        ({"inputs": [], "instances": []}, (None, None, "type")),
        ({"inputs": []}, (None, "features", "empty")),
        ({"inputs": 5}, (None, "inputs", "type")),
        ({"instances": {"a": 1}}, (None, "instances", "type")),
        ({"dataframe_records": {"a": 1}}, (None, "dataframe_records", "type")),
        ({"dataframe_records": [{"a": 1}], "params": {"k": 3}}, (None, "params", "extra")),
        ({"dataframe_records": [{"a": "x"}]}, (0, "a", "type")),
        ({"dataframe_records": [{"b": 1}]}, (0, "a", "missing")),
        ({"dataframe_split": [1]}, (None, "dataframe_split", "type")),
        ({"dataframe_split": {"columns": ["a"]}}, (None, "dataframe_split", "type")),
        ({"dataframe_split": {"columns": ["a"], "data": []}}, (None, "features", "empty")),
        ({"dataframe_split": {"columns": [], "data": [[1]]}}, (None, "dataframe_split.columns", "empty")),
        ({"dataframe_split": {"columns": [None], "data": [[1]]}}, (None, "dataframe_split.columns", "type")),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, (None, "a", "duplicate")),
        ({"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}, (1, None, "length")),
        ({"dataframe_split": {"columns": ["a"], "data": [1]}}, (0, None, "length")),
        ({"dataframe_split": {"columns": ["a"], "data": [[None]]}}, (0, "a", "null")),
    ],
)
def test_what_does_not_fit_is_told_field_by_field(columns_named, body, problem):
    assert problem in told(columns_named("a"), body)


def test_a_key_given_twice_is_refused(columns_named):
    body = '{"dataframe_records": [{"a": 1, "a": 2}]}'
    assert told(columns_named("a"), body) == [(None, "a", "duplicate")]
    body = '{"dataframe_split": {"columns": ["a"], "data": [[1]], "data": [[2]]}}'
    assert told(columns_named("a"), body) == [(None, "data", "duplicate")]


def test_keys_beside_the_form_are_not_read(columns_named):
    body = {"dataframe_records": [{"a": 1}], "client_request_id": "x", "params": {}}
    assert read(columns_named("a"), body).batch.rows == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"inputs": [Infinity], "x": NaN}',
        b'{"inputs": [NaN, 1e999]}',
        b'{"inputs": [NaN, nan]}',
        b'{"inputs": "NaN\xff"}',
        b'{"inputs": [NaN' + b"[" * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_not_json_is_400(columns_named, body):
    assert refused(columns_named("a"), body).status == 400


def test_a_number_of_many_digits_is_read_or_refused_as_any_json_is(columns_named):
    body = b'{"inputs": {"a": [NaN, ' + b"9" * 300 + b"]}}"
    assert told(columns_named("a"), body) == [(0, "a", "null")]
    assert refused(columns_named("a"), body.replace(b"9" * 300, b"9" * 5000)).status == 400


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("", "no content type"),
        ("application/vnd.apache.parquet", "parquet"),
        ("text/plain", "text/plain"),
        ("application/json; charset=latin-1", "latin-1"),
    ],
)
def test_another_content_type_is_415(columns_named, content_type, said):
    refusal = refused(columns_named("a"), {"inputs": {"a": 1}}, content_type)
    assert (refusal.status, said in refusal.error) == (415, True)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", (None, "features", "empty")),
        ("a\n", (None, "features", "empty")),
        ("a\nx\n", (0, "a", "type")),
        ("a\n1e999\n", (0, "a", "type")),
        ("a\n1_000\n", (0, "a", "type")),
        ("a\nTrue\n", (0, "a", "type")),
        ("a\n1\n\n2,3\n", (1, None, "length")),
        ("a,a\n1,2\n", (None, "a", "duplicate")),
        ("b\n1\n", (None, "a", "missing")),
        ("a,b\n,1\n", (0, "a", "null")),
    ],
)
def test_csv_that_does_not_fit_is_told_field_by_field(columns_named, body, problem):
    assert problem in told(columns_named("a"), body, "text/csv")


def test_numbers_of_csv_are_exact(one_column):
    digits = "x\n9007199254740993\n-9223372036854775808\n"
    batch = read(one_column("long", "int64"), digits, "text/csv").batch
    assert batch.columns["x"].tolist() == [2**53 + 1, -(2**63)]
    batch = read(one_column("double", "float64"), "x\n0.1\n1e-300\n-.5\n", "text/csv").batch
    assert batch.columns["x"].tolist() == [0.1, 1e-300, -0.5]
    many = f"x\n300\n{'9' * 400}\n"
    assert told(one_column("long", "int8"), many, "text/csv") == [(0, "x", "range"), (1, "x", "type")]
    assert (
        read(one_column("long", "uint64"), f"x\n{2**64 - 1}\n", "text/csv").batch.columns["x"][0] == 2**64 - 1
    )


@pytest.mark.parametrize("body", [b"a\n\xff\n", b'a\n"1\n', b'a\n"1"2\n', b"a\n" + b"1" * 200_000])
def test_what_is_not_csv_is_400(columns_named, body):
    assert refused(columns_named("a"), body, "text/csv").status == 400


def test_too_many_rows_and_bytes_are_413(columns_named):
    validator = columns_named("a", limits={"rows": 2, "body_bytes": 100})
    for body, content_type in (
        ("a\n1\n2\n3\n", "text/csv"),
        ('{"inputs": {"a": [1, 2, 3]}}', "application/json"),
    ):
        assert refused(validator, body, content_type).status == 413
        assert refused(validator, " " * 101, content_type).status == 413


def test_predictions_are_answered_as_mlflow_does(columns_named):
    request = Request(Batch({}, 2))
    call = Call(b"", "p1", dialect="mlflow")
    answered = Answered(call, Contract("m", {}, {}), "1.0.0", request, Prediction([]), Answer(["late", None]))
    outcome = dialect("mlflow").write(answered)
    assert (outcome.status, json.loads(outcome.body)) == (200, {"predictions": ["late", None]})
    assert (b"x-mlops-version", b"1.0.0") in outcome.headers


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (invalid([Problem(0, "a", "null", "null", "a number")]), "INVALID_PARAMETER_VALUE"),
        (InvalidRequest(413, "too large"), "BAD_REQUEST"),
        (InvalidRequest(401, "no key"), "UNAUTHENTICATED"),
        (InvalidRequest(429, "slow down"), "REQUEST_LIMIT_EXCEEDED"),
        (InvalidRequest(500, "failed"), "INTERNAL_ERROR"),
        (InvalidRequest(503, "busy"), "TEMPORARILY_UNAVAILABLE"),
        (InvalidRequest(504, "late"), "DEADLINE_EXCEEDED"),
    ],
)
def test_what_is_refused_is_told_as_mlflow_does(refusal, code):
    outcome = dialect("mlflow").refuse(refusal, Call(b"", "p1"))
    document = json.loads(outcome.body)
    assert (outcome.status, document["error_code"], document["message"]) == (
        refusal.status,
        code,
        refusal.error,
    )
    assert len(document.get("problems", [])) == len(outcome.problems) == len(refusal.problems)


def test_ping_and_version_answer_as_mlflows_do():
    assert (mlflow_get("/ping", ready=True).status, mlflow_get("/ping", ready=False).status) == (200, 503)
    assert mlflow_get("/version", ready=False).body.startswith(b"3.")


# properties

NAMES = ["distance", "hour", "origin", "at", "x", ""]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)
SPLIT = st.fixed_dictionaries({"columns": ANYTHING | st.lists(st.sampled_from(NAMES)), "data": ANYTHING})
FORMS = st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FORMS, ANYTHING | SPLIT, min_size=1, max_size=2))
def test_whatever_json_comes_is_read_or_refused(every_kind, document):
    assert outcome_of(every_kind, json.dumps(document).encode(), "application/json") in (200, 400, 422)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('distance,hour\n\r"1.5eE-NaN\x00é;'), max_size=60), st.booleans())
def test_whatever_csv_comes_is_read_or_refused(every_kind, text, headed):
    body = f"distance,hour\n{text}" if headed else text
    assert outcome_of(every_kind, body.encode(), "text/csv") in (200, 400, 422)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["text/csv", "application/json"]))
def test_bytes_by_chance_are_refused(every_kind, data, content_type):
    assert outcome_of(every_kind, data, content_type) in (400, 422)


def outcome_of(validator, body, content_type):
    try:
        request = read(validator, body, content_type)
    except InvalidRequest as refusal:
        assert len(json.dumps(refusal.document())) < 4000 + 300 * len(refusal.problems)  # noqa: PT017
        return refusal.status
    assert {len(v) for v in request.batch.columns.values()} == {request.batch.rows}
    return 200
