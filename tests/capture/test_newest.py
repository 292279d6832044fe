"""The newest rows, all of them counted; as a frame of the right types."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from mlops_jupyter.capture import newest
from mlops_jupyter.capture.captured import Selection
from mlops_jupyter.capture.newest import captured_span, newest_rows
from mlops_jupyter.capture.slices import parse_slice
from mlops_jupyter.capture.windows import Window
from mlops_jupyter.errors import DataError
from tests.capture.conftest import THEN

DAY = Window(THEN, THEN + timedelta(days=1))


def minutes(count: int, start=THEN):
    return [start + timedelta(minutes=number) for number in range(count)]


@pytest.mark.parametrize("room", [1, 1000])
def test_the_newest_are_kept_and_all_are_counted(traffic, monkeypatch, room):
    monkeypatch.setattr(newest, "_LEAST", room)
    traffic.send(minutes(50))
    traffic.send(minutes(30, THEN + timedelta(seconds=30)), version="1.1.0")
    traffic.send(minutes(4), status=422)
    found = newest_rows(traffic.folder, Selection(DAY), 25)
    times = found.table["time"].to_pylist()
    assert (
        times
        == [
            *(THEN + timedelta(minutes=25 + each / 2) for each in range(10)),
            *minutes(20, THEN + timedelta(minutes=30)),
        ][-25:]
    )
    assert (found.rows, found.statuses) == (84, {200: 80, 422: 4})
    assert newest_rows(traffic.folder, Selection(DAY), 25, "1.1.0").rows == 30


def test_fewer_than_wanted_are_all(traffic):
    traffic.send(minutes(7))
    slice_ = parse_slice("origin == 'JFK'")
    found = newest_rows(traffic.folder, Selection(DAY, slice=slice_), 1000)
    assert found.to_frame()["distance"].tolist() == [0, 3, 6]


@pytest.mark.parametrize("statuses", [(200,), (422,), (200, 422)])
def test_the_types_of_a_frame_are_those_of_the_columns_whatever_is_missing(traffic, statuses):
    for status in statuses:
        traffic.send(minutes(3), status=status)
    frame = newest_rows(traffic.folder, Selection(DAY), 10).to_frame()
    expected = {
        "time": "datetime64[us, UTC]", "status": "Int16", "row": "Int32", "latency": "float64",
        "error": "str",
        "distance": "float64", "origin": "str", "hour": "Int64", "night": "boolean", "prediction": "Int64",
    }  # fmt: skip
    assert {name: str(frame[name].dtype) for name in expected} == expected
    assert frame["time"].iloc[0] == pd.Timestamp(THEN)
    assert frame["hour"].isna().sum() == (3 if 422 in statuses else 0)


def test_nothing_found_is_an_empty_frame_of_the_same_types(traffic):
    traffic.send(minutes(3))
    found = newest_rows(traffic.folder, Selection(Window(THEN - timedelta(days=1), THEN)), 10)
    assert (found.rows, len(found.to_frame()), str(found.to_frame()["hour"].dtype)) == (0, 0, "Int64")


def test_a_span_says_how_much_there_is_and_when(traffic):
    assert captured_span(traffic.folder) is None
    traffic.send(minutes(5))
    traffic.send(minutes(2, THEN - timedelta(days=30)), version="1.1.0")
    span = captured_span(traffic.folder)
    assert (span.rows, span.first, span.last) == (7, THEN - timedelta(days=30), THEN + timedelta(minutes=4))
    assert captured_span(traffic.folder, "1.0.0").rows == 5


def test_where_nothing_was_captured_nothing_is_the_newest(traffic):
    with pytest.raises(DataError, match="no requests to late are captured"):
        newest_rows(traffic.folder, Selection(DAY), 10)
