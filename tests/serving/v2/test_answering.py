"""V2 answers: which tensors, in which form, and what is told of them."""

from __future__ import annotations

import json

import numpy as np

from mlops_jupyter.serving.answers import AnswerMaker
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.call import Answered
from mlops_jupyter.serving.problems import Problem, Warned, invalid
from mlops_jupyter.serving.router import Contract
from mlops_jupyter.serving.runtimes.prediction import Prediction
from mlops_jupyter.serving.validation import Request

SHARES = np.array([[0.9, 0.1], [0.4, 0.6]])
LABELS = Prediction([np.array(["late", "on time"], object)], [SHARES])


def answered(v2, document, prediction=LABELS, schema=None, serving=None, warnings=()):
    schema, serving = schema or v2.FLIGHTS, serving or {}
    call = v2.call_of({"inputs": []} | document)
    call.role = "candidate"
    answer = AnswerMaker(schema, serving).answer(prediction)
    request = Request(Batch({}, 2), warnings)
    return Answered(call, Contract("flights", schema, serving), "1.2.0", request, prediction, answer)


def write(v2, document, *more, **options):
    return v2.spoken.write(answered(v2, document, *more, **options))


def test_all_outputs_are_sent_in_json_when_nothing_is_asked(v2):
    outcome = write(v2, {"id": "42"})
    assert (outcome.status, outcome.content_type) == (200, b"application/json")
    assert json.loads(outcome.body) == {
        "id": "42",
        "model_name": "flights",
        "model_version": "1.2.0",
        "parameters": {"variant": "candidate", "prediction_id": "p1"},
        "outputs": [
            {
                "name": "predict",
                "datatype": "BYTES",
                "shape": [2],
                "parameters": {"content_type": "str"},
                "data": ["late", "on time"],
            },
            {
                "name": "predict_proba",
                "datatype": "FP64",
                "shape": [2, 2],
                "parameters": {"content_type": "np", "classes": '["late","on time"]'},
                "data": [0.9, 0.1, 0.4, 0.6],
            },
        ],
    }


def test_an_empty_list_of_outputs_asks_for_all(v2):
    outputs = json.loads(write(v2, {"outputs": []}).body)["outputs"]
    assert [output["name"] for output in outputs] == ["predict", "predict_proba"]


def test_the_outputs_asked_for_come_in_their_order_each_as_asked(v2):
    asked = [{"name": "predict_proba"}, {"name": "predict", "parameters": {"binary_data": False}}]
    outcome = write(v2, {"outputs": asked, "parameters": {"binary_data_output": True}})
    ((name, length),) = outcome.headers
    document, data = json.loads(outcome.body[: int(length)]), outcome.body[int(length) :]
    assert (name, outcome.content_type) == (b"inference-header-content-length", b"application/octet-stream")
    assert [output["name"] for output in document["outputs"]] == ["predict_proba", "predict"]
    assert document["outputs"][0]["parameters"]["binary_data_size"] == 32
    assert document["outputs"][1]["data"] == ["late", "on time"]
    assert np.array_equal(np.frombuffer(data).reshape(2, 2), SHARES)


def test_the_decision_threshold_makes_the_label(v2):
    document = json.loads(write(v2, {}, serving={"threshold": 0.05, "positive": "on time"}).body)
    assert document["outputs"][0]["data"] == ["on time", "on time"]


def test_an_unknown_output_is_refused_with_the_known_ones(v2):
    outcome = write(v2, {"outputs": [{"name": "result"}]})
    assert outcome.status == 400
    told = "output result is not one of this model; it has predict, predict_proba"
    assert json.loads(outcome.body) == {"error": told}


def test_warnings_are_a_parameter_as_text(v2):
    warned = Warned("hour", "range", 1, 1, "25", "0 to 23 as in training")
    parameters = json.loads(write(v2, {}, warnings=(warned,)).body)["parameters"]
    assert json.loads(parameters["warnings"])[0]["field"] == "hour"


def test_a_value_that_is_not_finite_is_null_in_json_and_itself_in_bytes(v2):
    strange = Prediction([np.array([1.5, np.nan])])
    document = json.loads(write(v2, {}, strange, schema=v2.MATRIX).body)
    assert document["outputs"][0]["data"] == [1.5, None]
    assert "non-finite" in document["parameters"]["warnings"]
    binary = write(v2, {"parameters": {"binary_data_output": True}}, strange, schema=v2.MATRIX)
    assert np.isnan(np.frombuffer(binary.body[-16:])[1])


def test_several_outputs_have_tensors_of_their_own(v2):
    outputs = [
        {"name": "rain", "type": "long", "classes": [0, 1]},
        {"name": "wind", "type": "boolean", "classes": [False, True]},
    ]
    schema = {"input": v2.MATRIX["input"], "output": {"outputs": outputs, "probabilities": True}}
    both = Prediction([np.array([0, 1]), np.array([True, False])], [SHARES, SHARES])
    told = json.loads(write(v2, {}, both, schema=schema).body)["outputs"]
    assert [(t["name"], t["datatype"], t["shape"]) for t in told] == [
        ("predict:rain", "INT64", [2]),
        ("predict_proba:rain", "FP64", [2, 2]),
        ("predict:wind", "BOOL", [2]),
        ("predict_proba:wind", "FP64", [2, 2]),
    ]
    assert told[2]["data"] == [True, False]


def test_a_refusal_is_an_error_and_what_to_mend(v2):
    problem = Problem(1, "hour", "type", "'x'", "an integer")
    outcome = v2.spoken.refuse(invalid([problem]), v2.call_of({}))
    assert (outcome.status, outcome.problems) == (422, (problem,))
    document = json.loads(outcome.body)
    assert document["error"] == outcome.error == "row 1: hour: expected an integer, got 'x'"
