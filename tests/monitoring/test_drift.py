"""Drift of captured traffic: against the package's profile, another table, another time; over time."""

from __future__ import annotations

import shutil
from datetime import timedelta

import numpy as np
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import DataError, NotFoundError, UsageError
from tests.monitoring.endpoints import NOON, flights, make_endpoint

MORNING = {"since": "2026-11-20T06:00Z", "until": "2026-11-20T12:00Z"}


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A function that makes a deployment of a workspace of its own."""
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / ".mlops"))
    return lambda **options: make_endpoint(tmp_path / ".mlops" / "deployments", tmp_path, **options)


def test_traffic_is_compared_with_the_data_of_the_package(endpoint):
    report = mlops.drift("late", **MORNING)
    assert report.headline == "late drifted in 1 of 6 columns: hour"
    assert not report.ok
    assert report["hour"].verdict == "CRITICAL"
    assert report.payload()["reference"] == {"label": "the data of late 1.0.0", "rows": 20_000}
    assert report.payload()["current"]["rows"] == 3_000
    roles = {column.name: column.role for column in report}
    assert roles["prediction"] == "prediction"
    assert roles["score.1"] == "score"


def test_the_trend_has_a_value_for_each_hour(endpoint):
    payload = mlops.drift("late", **MORNING).payload()
    assert payload["windows"][0] == "2026-11-20T06:00:00Z"
    assert len(payload["windows"]) == 6
    (hour,) = [column for column in payload["columns"] if column["name"] == "hour"]
    trend = hour["trend"]["psi"]
    assert trend[5] > trend[3] > trend[1]


def test_longer_windows_are_sums_of_hours(endpoint):
    payload = mlops.drift("late", window="3h", **MORNING).payload()
    assert payload["windows"] == ["2026-11-20T06:00:00Z", "2026-11-20T09:00:00Z"]
    assert payload["every"] == "3h"


def test_drift_over_time_is_a_figure_of_a_row_for_each_column(endpoint):
    report = mlops.drift("late", **MORNING)
    (axes,) = report.trend_figure().axes
    assert axes.get_yticklabels()[0].get_text() == "hour  ✗"
    assert axes.get_xticklabels()[0].get_text().startswith("06:00")
    one = mlops.drift("late", since="2026-11-20T06:00Z", until="2026-11-20T07:00Z")
    with pytest.raises(UsageError, match="there is one window only"):
        one.trend_figure()


def test_an_hour_without_requests_is_a_gap_in_the_trend(endpoint):
    payload = mlops.drift("late", since="2026-11-20T05:00Z", until="2026-11-20T08:00Z").payload()
    (hour,) = [column for column in payload["columns"] if column["name"] == "hour"]
    assert [value is None for value in hour["trend"]["psi"]] == [True, False, False]


def test_another_time_can_be_the_reference(endpoint):
    report = mlops.drift("late", since="2026-11-20T09:00Z", until="2026-11-20T12:00Z", reference="3h")
    assert report.payload()["reference"]["rows"] == 1_500
    assert report["hour"].verdict == "CRITICAL"
    between = "2026-11-20T06:00Z..2026-11-20T09:00Z"
    same = mlops.drift("late", since="2026-11-20T09:00Z", until="2026-11-20T12:00Z", reference=between)
    assert same["hour"].selected == report["hour"].selected


def test_a_table_can_be_the_reference(endpoint):
    report = mlops.drift("late", reference=flights(5_000, seed=77, later=2.2), **MORNING)
    assert report["hour"].verdict == "OK"
    assert report.payload()["reference"]["label"] == "the reference"


def test_a_slice_is_of_the_captured_rows(endpoint):
    report = mlops.drift("late", slice="origin == 'JFK' and hour > 12", **MORNING)
    assert report.payload()["current"]["rows"] < 1_000
    assert report["origin"].verdict == "CRITICAL"
    assert "slice    " in str(report)
    assert "the slice cuts the current rows alone, so origin, hour differ by it" in str(report)


def test_a_slice_cuts_captured_requests_of_the_reference_too(endpoint):
    before = "2026-11-20T06:00+00:00..2026-11-20T08:00+00:00"
    report = mlops.drift("late", slice="origin == 'JFK'", reference=before, **MORNING)
    assert report["origin"].effects["psi"].value == 0
    assert not [note for note in report.found.notes if "slice" in note]


def test_a_widget_is_answered_with_another_window_slice_and_reference(endpoint):
    report = mlops.drift("late", **MORNING)
    nothing = {"window": None, "reference": None, "variant": None, "slice": None}
    last = report.ask(nothing | {"window": "2026-11-20T11:00:00Z"})
    assert last["current"]["rows"] == 500
    assert len(last["windows"]) == 6
    assert last["columns"][0]["effects"]["psi"]["value"] > 0.8
    sliced = report.ask(nothing | {"slice": "distance > 500"})
    assert sliced["selection"]["slice"] == "distance > 500"
    assert sliced["current"]["rows"] < 3_000
    with pytest.raises(UsageError, match="no requests in the window"):
        report.ask(nothing | {"window": "2026-11-20T03:00:00Z"})
    with pytest.raises(UsageError, match="slice"):
        report.ask(nothing | {"slice": "origin = "})


def test_data_can_stand_for_the_traffic_and_what_it_lacks_is_said(endpoint):
    rows = flights(2_000, seed=5)
    data = {
        "distance": rows["distance"],
        "origin": rows["origin"],
        "hour": rows["hour"],
        "note": rows["origin"],
    }
    report = mlops.drift("late", current=data)
    assert report.ok
    assert {column.name for column in report} == {"distance", "origin", "hour"}
    assert list(report.found.notes) == [
        "not compared, for the model does not know it: note",
        "not compared, for the data has no answers: prediction, score.0, score.1",
    ]


def test_all_columns_are_looked_at_together_when_asked(endpoint):
    report = mlops.drift("late", reference=flights(1_500, seed=9), multivariate=True, **MORNING)
    found = report.payload()["multivariate"]
    assert found["verdict"] != "OK"
    assert found["features"][0][0] == "hour"
    assert "a classifier tells current rows from the reference's" in str(report)
    with pytest.raises(DataError, match="only the profile is kept"):
        mlops.drift("late", multivariate=True, **MORNING)


def test_hours_whose_rows_are_gone_are_read_in_the_cells_of_another_reference(fresh):
    endpoint, rows = fresh(), flights(12_000, seed=3, later=0.1)
    reference = flights(15_000, seed=4, later=1.6)
    endpoint.send(rows, NOON)
    hour = {"since": "2026-11-20T12:00Z", "until": "2026-11-20T13:00Z"}
    mlops.drift("late", **hour)
    shutil.rmtree(endpoint.folder / "capture")
    gone = mlops.drift("late", reference=reference, **hour)
    exact = mlops.drift(reference=reference, current=rows)
    assert gone.found.notes == (
        "the rows of the hour are gone: what was counted of them is read in the cells of this reference",
    )
    for name in ("hour", "distance", "origin"):
        found, known = gone[name].selected, exact[name].selected
        assert found.value == pytest.approx(known.value, abs=0.001)
        assert gone[name].verdict == exact[name].verdict


def test_a_feature_that_is_masked_on_purpose_is_told_and_no_alarm(fresh):
    endpoint = fresh(masked=("origin",))
    endpoint.send(flights(1_500, seed=8), NOON, capture_masked=("origin",))
    report = mlops.drift("late", since="2026-11-20T12:00Z", until="2026-11-20T13:00Z")
    assert report.ok
    assert report.found.notes == ("not compared, for its values are not captured: origin",)


def test_nothing_captured_says_how_to_send_some(fresh):
    fresh()
    with pytest.raises(DataError) as told:
        mlops.drift("late")
    assert str(told.value) == (
        "no requests to late are captured yet; send some: mlops predict late DATA; or compare your own: "
        "--current df"
    )


def test_an_empty_window_says_what_there_is(endpoint):
    with pytest.raises(DataError, match=r"no answered requests to late from .*; captured since .* 1\.0\.0"):
        mlops.drift("late", since="2020-01-01", until="2020-01-02")
    with pytest.raises(DataError, match="of candidate"):
        mlops.drift("late", variant="candidate", **MORNING)
    with pytest.raises(DataError, match="where hour > 99"):
        mlops.drift("late", slice="hour > 99", **MORNING)


def test_an_unknown_deployment_lists_the_nearest(endpoint):
    with pytest.raises(NotFoundError, match="no deployment named 'lete'; did you mean late"):
        mlops.drift("lete")


def test_a_package_without_a_profile_says_what_to_do(fresh):
    endpoint = fresh(profiled=False)
    endpoint.send(flights(100), NOON)
    with pytest.raises(NotFoundError) as told:
        mlops.drift("late", last="1h")
    assert str(told.value) == (
        "the package of late 1.0.0 has no reference profile; package it again with --data, or give "
        "--reference df"
    )


def test_a_reference_of_other_columns_names_both(endpoint):
    with pytest.raises(DataError) as told:
        mlops.drift("late", reference={"age": np.arange(9.0)}, **MORNING)
    assert str(told.value).startswith("the reference and the current data have no column in common")
    assert "the reference has age" in str(told.value)


def test_a_slice_that_does_not_parse_is_one_line(endpoint):
    with pytest.raises(UsageError, match="slice") as told:
        mlops.drift("late", slice="origin === 'JFK'", **MORNING)
    assert "\n" not in str(told.value)


def test_windows_are_days_when_the_span_is_long():
    from mlops_jupyter.capture.windows import Window
    from mlops_jupyter.monitoring.questions import Question

    def length(days: float):
        return Question(window=Window(NOON, NOON + timedelta(days=days))).length

    assert [length(days) for days in (1, 3, 7, 400)] == [
        timedelta(hours=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7),
    ]  # fmt: skip
