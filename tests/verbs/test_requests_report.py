"""Captured requests as every face shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mlops_jupyter.capture.newest import Span
from mlops_jupyter.capture.windows import Window
from mlops_jupyter.verbs.requests_report import RequestsReport

THEN = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = Window(THEN, THEN + timedelta(hours=1))


def frame(rows: int) -> pd.DataFrame:
    """Return answered rows, the last of them refused."""
    last = range(rows - 1)
    return pd.DataFrame(
        {
            "prediction_id": [f"p{number}" for number in range(rows)],
            "time": pd.date_range(THEN, periods=rows, freq="s"),
            "variant": "stable",
            "status": pd.array([200 for _ in last] + [422], "Int16"),
            "latency": 0.0025,
            "error": pd.array([None for _ in last] + ["note: " + "long " * 30], "str"),
            "hour": pd.array([7 for _ in last] + [None], "Int64"),
            "gate": pd.array([None] * rows, "str"),
        }
    )


def report(rows: int = 12, **changed) -> RequestsReport:
    given = {
        "deployment": "late", "window": HOUR, "where": None, "variant": None, "version": None,
        "frame": frame(rows),
        "statuses": {200: rows - 1, 422: 1}, "limit": 1000,
    }  # fmt: skip
    return RequestsReport(**given | changed)


def test_the_last_rows_are_shown_with_the_columns_that_say_something():
    text = str(report())
    assert "12 rows of late, " in text
    assert "1 of them refused or failed" in text
    assert "last 10 of 12 rows" in text
    assert "2.5 ms" in text
    assert "…" in text  # of the long error
    assert "gate" not in text
    assert "prediction_id" not in text


def test_what_was_looked_for_is_said():
    text = report(where="hour > 6", variant="candidate", version="1.1.0").headline
    assert text.startswith("12 rows of late 1.1.0 as candidate where hour > 6, ")


@pytest.mark.parametrize(
    ("captured", "told"),
    [
        (None, "nothing is captured: mlops predict late DATA sends some"),
        (Span(7, THEN - timedelta(days=3), THEN), "7 rows are captured, from 2026-11-17"),
        (Span(7, THEN, THEN), "7 rows are captured in that time, but none where hour > 99"),
    ],
)
def test_nothing_found_says_what_there_is(captured, told):
    empty = report(frame=frame(3).head(0), statuses={}, where="hour > 99", captured=captured)
    text = " ".join(str(empty).split())
    assert "no requests of late where hour > 99" in text
    assert told in text
    assert len(empty) == 0


def test_it_is_used_as_a_frame_and_as_plain_values():
    found = report()
    assert found["hour"].sum() == 77
    assert list(found) == list(found.frame.columns)
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["statuses"] == {"200": 11, "422": 1}
    assert plain["requests"][-1]["hour"] is None
    assert plain["requests"][0]["time"] == "2026-11-20T10:00:00+00:00"
