"""MLflow's own scoring client, unmodified, at a real server."""

from __future__ import annotations

import json
import warnings

import httpx
import numpy as np
import pandas as pd
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of MLflow, about itself
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient


@pytest.fixture
def scoring(server, monkeypatch):
    """MLflow's client of the served package."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return ScoringServerClient("127.0.0.1", server.port)


def test_the_client_waits_until_the_server_is_ready_and_asks_its_version(scoring, server):
    scoring.wait_server_ready(timeout=10, scoring_server_proc=server.process)
    assert scoring.get_version().split(".")[0] == "3"


def test_a_frame_is_predicted_as_the_model_itself_does(scoring, delays):
    model, flights, _ = delays
    answer = scoring.invoke(flights)
    assert answer.get_predictions()[0].tolist() == model.predict(flights).tolist()


def test_what_is_missing_in_a_frame_is_missing_to_the_model(scoring, delays):
    model, flights, _ = delays
    holes = flights.assign(distance=flights.distance.where(flights.index % 3 > 0))
    assert scoring.invoke(holes).get_predictions("ndarray").tolist() == model.predict(holes).tolist()


def test_columns_in_another_order_are_right(scoring, delays):
    model, flights, _ = delays
    answer = scoring.invoke(flights[["origin", "hour", "distance"]])
    assert answer["predictions"] == model.predict(flights).tolist()


def test_records_are_predicted(scoring, delays, flight):
    model, _, _ = delays
    assert (
        scoring.invoke([flight, flight])["predictions"] == model.predict(pd.DataFrame([flight] * 2)).tolist()
    )


def test_what_is_wrong_reaches_the_caller_of_the_client(scoring, delays):
    _, flights, _ = delays
    with pytest.raises(Exception, match=r"error code 422.*INVALID_PARAMETER_VALUE.*hour: missing"):
        scoring.invoke(flights.drop(columns="hour"))
    with pytest.raises(Exception, match=r"params: none: this model takes no parameters"):
        scoring.invoke(flights, params={"top_k": 3})
    with pytest.raises(Exception, match="error code 422"):
        scoring.invoke(np.array([[1, 2, 3]]))


def test_csv_is_predicted_with_who_answered_in_the_headers(client, delays):
    model, flights, _ = delays
    body = flights.to_csv(index=False)
    answer = client.post("/invocations", content=body, headers={"content-type": "text/csv"})
    assert answer.json() == {"predictions": model.predict(flights).tolist()}
    assert answer.headers["x-mlops-version"] == "1.0.0"
    assert answer.headers["x-mlops-prediction-id"]


@pytest.mark.parametrize(
    ("status", "content", "content_type"),
    [
        (400, b"{", "application/json"),
        (400, b"[" * 100_000, "application/json"),
        (413, b" " * 1_100_000, "application/json"),
        (415, b"{}", "application/xml"),
        (415, b"{}", None),
        (422, b'{"dataframe_records": []}', "application/json"),
        (422, b'{"dataframe_records": [{"distance": "far", "hour": null, "origin": 5}]}', "application/json"),
    ],
)
def test_what_is_malformed_is_told_in_one_line_in_mlflows_form(server, status, content, content_type):
    headers = {"content-type": content_type} if content_type else {}
    answer = httpx.post(
        f"{server.url}/invocations", content=content, headers=headers, trust_env=False, timeout=20
    )
    document = json.loads(answer.content)
    assert answer.status_code == status
    assert document["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    assert "Traceback" not in document["message"]
    assert "\n" not in document["message"]
    assert len(answer.content) < 2000
