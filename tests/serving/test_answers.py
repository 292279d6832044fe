"""What is made of a prediction: JSON labels, probabilities by label, a threshold, several outputs."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.answers import AnswerMaker, label_key
from mlops_jupyter.serving.runtimes import Prediction


def output(name="y", type_="string", classes=None):
    return {"name": name, "type": type_, "classes": classes}


def maker(*outputs, task="classification", probabilities=True, **serving):
    schema = {"output": {"task": task, "outputs": list(outputs), "probabilities": probabilities}}
    return AnswerMaker(schema, serving)


@pytest.mark.parametrize(
    ("type_", "classes", "keys"),
    [
        ("string", ["late", "on time"], ["late", "on time"]),
        ("long", [0, 1], ["0", "1"]),
        ("boolean", [False, True], ["false", "true"]),
        ("double", [0.5, 1.5], ["0.5", "1.5"]),
    ],
)
def test_labels_are_json_types_and_probabilities_are_keyed_by_them(type_, classes, keys):
    answers = maker(output(type_=type_, classes=classes))
    answer = answers.answer(Prediction([np.array([classes[1]])], [np.array([[0.25, 0.75]])]))
    assert answer.predictions == [classes[1]]
    assert type(answer.predictions[0]) is type(classes[1])
    assert answer.probabilities == [dict(zip(keys, [0.25, 0.75], strict=True))]
    assert answer.confidence == [0.75]


def test_labels_that_numpy_keeps_as_objects_are_json_types_too():
    labels = np.array([np.str_("a"), np.int64(1), "b"], dtype=object)
    answer = maker(output(), probabilities=False).answer(Prediction([labels]))
    assert [type(label) for label in answer.predictions] == [str, int, str]


def test_confidence_is_that_of_the_predicted_label_not_the_greatest():
    answers = maker(output(classes=["a", "b"]))
    assert answers.answer(Prediction([np.array(["a"])], [np.array([[0.4, 0.6]])])).confidence == [0.4]


@pytest.mark.parametrize(
    ("positive", "labels"),
    [("late", ["late", "on time", "late"]), ("on time", ["on time", "on time", "late"])],
)
def test_a_threshold_gives_the_positive_label_from_that_probability_on(positive, labels):
    answers = maker(output(classes=["late", "on time"]), threshold=0.3, positive=positive)
    table = np.array([[0.3, 0.7], [0.29, 0.71], [0.9, 0.1]])
    answer = answers.answer(Prediction([np.array(["on time"] * 3)], [table]))
    assert answer.predictions == labels
    assert answer.confidence == [row[label] for row, label in zip(answer.probabilities, labels, strict=True)]


def test_without_a_positive_label_the_second_class_is():
    answers = maker(output(type_="long", classes=[0, 1]), threshold=0.2)
    assert answers.answer(Prediction([np.array([0])], [np.array([[0.75, 0.25]])])).predictions == [1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"outputs": [output(classes=["a", "b", "c"])]},
        {"outputs": [output(classes=["a", "b"])], "probabilities": False},
        {"outputs": [output(type_="double")]},
    ],
)
def test_a_threshold_needs_a_binary_classifier_with_probabilities(arguments):
    with pytest.raises(ValueError, match="binary classifier"):
        maker(*arguments.pop("outputs"), threshold=0.3, **arguments)


def test_a_positive_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="'early'"):
        maker(output(classes=["late", "on time"]), threshold=0.3, positive="early")


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_labels_alone_are_the_same_labels(threshold):
    answers = maker(output(classes=["late", "on time"]), threshold=threshold)
    prediction = Prediction([np.array(["late", "on time"], object)], [np.array([[0.75, 0.25], [0.65, 0.35]])])
    alone = answers.answer(prediction, scored=False)
    assert alone.predictions == answers.answer(prediction).predictions
    assert (alone.probabilities, alone.confidence) == (None, None)


def test_a_regression_has_neither_probabilities_nor_confidence():
    answer = maker(output(type_="double"), task="regression", probabilities=False).answer(
        Prediction([np.array([1.5, 2.5])])
    )
    assert (answer.predictions, answer.probabilities, answer.confidence) == ([1.5, 2.5], None, None)


def test_a_prediction_that_is_not_finite_is_null_with_a_warning():
    answer = maker(output("delay", "double"), task="regression", probabilities=False).answer(
        Prediction([np.array([1.5, np.inf, np.nan])])
    )
    assert answer.predictions == [1.5, None, None]
    assert [(w.field, w.reason, w.row, w.count) for w in answer.warnings] == [("delay", "non-finite", 1, 2)]


def test_several_outputs_are_objects_by_their_names():
    answers = maker(output("a", "long", [0, 1]), output("b", "string", ["x", "y"]))
    prediction = Prediction(
        [np.array([0, 1]), np.array(["y", "x"])],
        [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.3, 0.7], [0.6, 0.4]])],
    )
    answer = answers.answer(prediction)
    assert answer.predictions == [{"a": 0, "b": "y"}, {"a": 1, "b": "x"}]
    assert answer.probabilities[0] == {"a": {"0": 0.9, "1": 0.1}, "b": {"x": 0.3, "y": 0.7}}
    assert answer.confidence == [{"a": 0.9, "b": 0.7}, {"a": 0.8, "b": 0.6}]


def test_several_regressions_have_no_probabilities():
    answers = maker(output("a", "double"), output("b", "double"), task="regression", probabilities=False)
    answer = answers.answer(Prediction([np.array([1.0]), np.array([np.nan])]))
    assert (answer.predictions, answer.probabilities) == ([{"a": 1.0, "b": None}], None)
    assert answer.warnings[0].field == "b"


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([[0, 1], [5, -1, 3], ["a", "b"], [True, False], ["x"], [1.5, 2.5]]),
    st.data(),
    st.none() | st.floats(0, 1),
)
def test_many_rows_are_told_as_each_alone(classes, data, least):
    rows = data.draw(st.integers(1, 6))
    labels = [data.draw(st.sampled_from([*classes, 7])) for _ in range(rows)]
    table = np.array([[data.draw(st.floats(0, 1)) for _ in classes] for _ in range(rows)])
    serving = {"threshold": least} if len(classes) == 2 else {}
    answers = maker(output(classes=classes), **serving)
    kind = object if isinstance(classes[0], str | bool) else None
    told = answers.answer(Prediction([np.array(labels, kind)], [table]))
    for row, label in enumerate(labels):
        first = table[row : row + 1]
        alone = answers.tell_one(label, first)
        assert (told.predictions[row], [told.probabilities[row]], [told.confidence[row]]) == alone
    assert orjson.loads(orjson.dumps(told.probabilities)) == [
        {label_key(label): p for label, p in zip(classes, row, strict=True)} for row in table.tolist()
    ]
