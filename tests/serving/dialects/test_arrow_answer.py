"""Predictions as an Arrow stream: typed columns, and who answered."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from mlops_jupyter.serving.answers import AnswerMaker
from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.call import Answered, Call
from mlops_jupyter.serving.dialects import ARROW, arrow_answer, dialect
from mlops_jupyter.serving.dialects.arrow_answer import write_answer
from mlops_jupyter.serving.dialects.arrow_templates import Templates
from mlops_jupyter.serving.problems import InvalidRequest, Problem, Warned, invalid
from mlops_jupyter.serving.router import Contract
from mlops_jupyter.serving.runtimes import Prediction
from mlops_jupyter.serving.validation import Request


def output(name="y", type_="string", classes=None):
    return {"name": name, "type": type_, "classes": classes}


def outcome(prediction, *outputs, probabilities=False, warnings=(), **serving):
    schema = {"output": {"task": "", "outputs": list(outputs), "probabilities": probabilities}}
    answer = AnswerMaker(schema, serving).answer(prediction)
    request = Request(Batch({}, len(prediction.labels[0])), warnings)
    call = Call(b"", "p1", role="candidate", dialect="arrow")
    answered = Answered(call, Contract("delays", schema, serving), "1.2.0", request, prediction, answer)
    return dialect("arrow").write(answered)


def table(*args, **more):
    return pa.ipc.open_stream(outcome(*args, **more).body).read_all()


@pytest.mark.parametrize(
    ("type_", "labels", "arrow"),
    [
        ("string", np.array(["late", "é", None], object), pa.string()),
        ("long", np.array([1, 0, 2]), pa.int64()),
        ("boolean", np.array([True, False, True]), pa.bool_()),
        ("double", np.array([0.5, np.inf, -1.0]), pa.float64()),
    ],
)
def test_predictions_have_the_type_of_the_output(type_, labels, arrow):
    answer = table(Prediction([labels]), output(type_=type_))
    answer.validate(full=True)
    assert answer.schema.field("prediction").type == arrow
    assert answer.column("prediction").to_pylist() == labels.tolist()
    assert answer.column_names == ["prediction"]


def test_probabilities_stand_in_columns_by_label_beside_the_confidence():
    prediction = Prediction([np.array(["late", "on time"], object)], [np.array([[0.75, 0.25], [0.4, 0.6]])])
    answer = table(prediction, output(classes=["late", "on time"]), probabilities=True)
    assert answer.to_pydict() == {
        "prediction": ["late", "on time"],
        "confidence": [0.75, 0.6],
        "probability:late": [0.75, 0.4],
        "probability:on time": [0.25, 0.6],
    }


def test_a_label_that_is_no_class_has_no_confidence():
    prediction = Prediction([np.array(["other", "b"], object)], [np.array([[0.75, 0.25], [0.4, 0.6]])])
    answer = table(prediction, output(classes=["a", "b"]), probabilities=True)
    assert np.isnan(answer.column("confidence")[0].as_py())
    assert answer.column("confidence")[1].as_py() == 0.6


def test_a_threshold_decides_as_it_does_in_json():
    prediction = Prediction([np.array([0, 0])], [np.array([[0.6, 0.4], [0.9, 0.1]])])
    answer = table(prediction, output(type_="long", classes=[0, 1]), probabilities=True, threshold=0.3)
    assert answer.column("prediction").to_pylist() == [1, 0]
    assert answer.column("confidence").to_pylist() == [0.4, 0.9]


def test_several_outputs_have_columns_of_their_own():
    prediction = Prediction(
        [np.array([0]), np.array(["x"], object)], [np.array([[0.9, 0.1]]), np.array([[0.7, 0.3]])]
    )
    answer = table(
        prediction, output("a", "long", [0, 1]), output("b", "string", ["x", "y"]), probabilities=True
    )
    assert answer.to_pylist() == [
        {
            "prediction:a": 0,
            "confidence:a": 0.9,
            "probability:a:0": 0.9,
            "probability:a:1": 0.1,
            "prediction:b": "x",
            "confidence:b": 0.7,
            "probability:b:x": 0.7,
            "probability:b:y": 0.3,
        }
    ]


def test_who_answered_stands_in_the_schema_and_in_the_headers():
    warning = Warned("hour", "range", 0, 1, "30", "0 to 23 as in training")
    answer = outcome(Prediction([np.array([1.5])]), output(type_="double"), warnings=(warning,))
    metadata = pa.ipc.open_stream(answer.body).schema.metadata
    assert (metadata[b"model"], metadata[b"version"], metadata[b"variant"]) == (
        b"delays",
        b"1.2.0",
        b"candidate",
    )
    assert json.loads(metadata[b"warnings"])[0]["field"] == "hour"
    assert (b"x-mlops-prediction-id", b"p1") in answer.headers
    assert (answer.status, answer.content_type) == (200, ARROW.encode())


def test_what_is_refused_is_told_as_json():
    problem = Problem(1, "x", "null", "null", "a number")
    refusal = dialect("arrow").refuse(invalid([problem]), Call(b"", "p1", dialect="arrow"))
    assert (refusal.status, refusal.content_type, refusal.problems) == (422, b"application/json", (problem,))
    assert json.loads(refusal.body)["problems"][0]["row"] == 1
    assert dialect("arrow").refuse(InvalidRequest(503, "busy"), Call(b"", "p1")).status == 503


def answered(labels, scores, id_, model="delays", role="candidate"):
    """Return the answer of a classifier of two classes."""
    schema = {
        "output": {"task": "", "outputs": [output("y", "long", [0, 1])], "probabilities": True},
    }
    prediction = Prediction([labels], [scores])
    answer = AnswerMaker(schema, {}).answer(prediction)
    call = Call(b"", id_, role=role, dialect="arrow")
    request = Request(Batch({}, len(labels)), ())
    return write_answer(
        Answered(call, Contract(model, schema, {}), "1.2.0", request, prediction, answer)
    ).body


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_an_answer_like_one_before_is_the_one_that_arrow_writes(rows, monkeypatch):
    random = np.random.default_rng(rows)
    said = [(random.integers(0, 2, rows), random.random((rows, 2)), f"{i:032x}") for i in range(7, 10)]
    monkeypatch.setattr(arrow_answer, "_TEMPLATES", Templates())
    quick = [answered(*each) for each in said]
    written = []
    for each in said:
        monkeypatch.setattr(arrow_answer, "_TEMPLATES", Templates())
        written.append(answered(*each))
    assert quick == written
    assert pa.ipc.open_stream(quick[2]).schema.metadata[b"prediction_id"].decode() == f"{9:032x}"


def test_answers_of_others_are_not_mistaken_for_it(monkeypatch):
    monkeypatch.setattr(arrow_answer, "_TEMPLATES", Templates())
    labels, scores = np.array([0, 1]), np.array([[0.5, 0.5], [0.25, 0.75]])
    for model, role in [("a", "stable"), ("b", "stable"), ("a", "candidate"), ("a", "stable")]:
        metadata = pa.ipc.open_stream(answered(labels, scores, "0" * 32, model, role)).schema.metadata
        assert (metadata[b"model"], metadata[b"variant"]) == (model.encode(), role.encode())


def test_an_id_that_occurs_elsewhere_is_never_put_in_its_place(monkeypatch):
    monkeypatch.setattr(arrow_answer, "_TEMPLATES", Templates())
    for id_ in ("delays", "delayz"):
        stream = pa.ipc.open_stream(answered(np.array([1]), np.array([[0.5, 0.5]]), id_))
        assert stream.schema.metadata[b"prediction_id"] == id_.encode()
        assert stream.schema.metadata[b"model"] == b"delays"
