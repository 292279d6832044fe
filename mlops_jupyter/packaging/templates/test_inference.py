"""The packaged server answers what the model answered where it was trained."""

import pytest


def test_the_golden_predictions_are_answered(post, golden):
    status, answer = post("/predict", {"features": golden["features"]})
    assert status == 200, answer
    assert_same(answer["predictions"], golden["predictions"])


def test_the_golden_probabilities_are_answered(post, golden):
    status, answer = post("/predict", {"features": golden["features"]})
    assert status == 200, answer
    assert_same(answer["probabilities"], golden["probabilities"])


def test_one_row_is_answered_as_many_are(post, golden):
    status, answer = post("/predict", {"features": golden["features"][0]})
    assert status == 200, answer
    assert_same(answer["predictions"], golden["predictions"][:1])


def assert_same(answered, expected):
    """Numbers may differ in the last digits of a float32, all else must be equal."""
    if isinstance(expected, dict):
        assert answered.keys() == expected.keys()
        for key, value in expected.items():
            assert_same(answered[key], value)
    elif isinstance(expected, list):
        assert len(answered) == len(expected)
        for got, value in zip(answered, expected, strict=True):
            assert_same(got, value)
    elif isinstance(expected, float):
        assert answered == pytest.approx(expected, rel=1e-4, abs=2e-5)
    else:
        assert answered == expected
