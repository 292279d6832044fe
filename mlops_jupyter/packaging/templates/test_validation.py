"""What is not a row of the model's data is refused with the field and the reason."""

import copy
import json
from pathlib import Path

import pytest

SCHEMA = json.loads((Path(__file__).parents[1] / "model/feature_schema.json").read_text(encoding="utf-8"))
COLUMNS = SCHEMA["input"]["columns"]
BY_NAME = SCHEMA["input"]["kind"] == "columns"
SHOWN = [column for column in COLUMNS[:20] if SCHEMA["input"]["kind"] != "text"]


def name(column):
    return column["name"]


@pytest.mark.skipif(not BY_NAME, reason="the model takes no named columns")
@pytest.mark.parametrize("column", [column for column in SHOWN if not column["nullable"]], ids=name)
def test_a_required_column_may_not_be_missing(post, golden, column):
    row = copy.copy(golden["features"][0])
    del row[column["name"]]
    assert_refused(post, row, column["name"])


@pytest.mark.skipif(not BY_NAME, reason="the model takes no named columns")
@pytest.mark.parametrize("column", SHOWN, ids=name)
def test_a_value_of_the_wrong_type_is_refused(post, golden, column):
    row = {**golden["features"][0], column["name"]: {"not": "a value"}}
    assert_refused(post, row, column["name"])


@pytest.mark.skipif(not BY_NAME, reason="the model takes no named columns")
def test_an_unknown_column_is_not_read_with_a_warning(post, golden):
    status, answer = post("/predict", {"features": {**golden["features"][0], "no such column": 1}})
    assert status == 200, answer
    assert "no such column" in [warning["field"] for warning in answer["warnings"]]


def test_no_features_are_refused(post):
    status, answer = post("/predict", {})
    assert status == 422, answer


def test_a_row_that_is_a_truth_value_is_refused(post):
    status, answer = post("/predict", {"features": True})
    assert status == 422, answer


def assert_refused(post, row, field):
    status, answer = post("/predict", {"features": row})
    assert status == 422, answer
    assert field in {problem["field"] for problem in answer["problems"]}
