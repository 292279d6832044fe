"""What callers meet: a package served by its own copy of the server, over HTTP."""

from __future__ import annotations

import json
import socket

import psutil
import pytest

JSON = {"content-type": "application/json"}


def predict(client, features, **headers):
    return client.post("/predict", json={"features": features}, headers=headers)


def send(client, body, headers=JSON):
    return client.post("/predict", content=body, headers=headers)


def test_one_record_is_answered_with_label_probabilities_and_confidence(client, flight, delays):
    answer = predict(client, flight).json()
    model, flights, _ = delays
    expected = model.predict_proba(flights.iloc[:0].assign(distance=[200.0], hour=[18], origin=["JFK"]))[0]
    assert answer["predictions"] == ["late"]
    assert answer["probabilities"][0] == pytest.approx({"late": expected[0], "on time": expected[1]})
    assert answer["confidence"] == [answer["probabilities"][0]["late"]]
    assert (answer["version"], answer["variant"]) == ("1.0.0", "stable")
    assert len(answer["prediction_id"]) == 32
    assert "warnings" not in answer


def test_every_form_of_a_request_has_the_same_answer(client, flight):
    forms = [flight, [flight], {name: [value] for name, value in flight.items()}]
    answers = [predict(client, form).json() for form in forms]
    for answer in answers:
        del answer["prediction_id"]
    assert answers[0] == answers[1] == answers[2]


def test_columns_go_by_name_so_their_order_never_matters(client, flight):
    straight, turned = predict(client, flight), predict(client, dict(reversed(flight.items())))
    assert straight.json()["probabilities"] == turned.json()["probabilities"]


def test_prediction_ids_differ_and_sort_by_time(client, flight):
    ids = [predict(client, flight).json()["prediction_id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)


def test_a_range_or_category_that_training_did_not_show_is_answered_with_a_warning(client, flight):
    answer = predict(client, [flight, flight | {"distance": 2e6, "origin": "XYZ"}]).json()
    assert len(answer["predictions"]) == 2
    told = {(w["field"], w["reason"], w["row"], w["count"], w["got"]) for w in answer["warnings"]}
    assert told == {("distance", "range", 1, 1, "2000000"), ("origin", "category", 1, 1, "'XYZ'")}


def test_a_nullable_column_may_be_null_or_absent(client, flight):
    absent = {name: value for name, value in flight.items() if name != "distance"}
    null, left_out = predict(client, flight | {"distance": None}), predict(client, absent)
    assert null.status_code == left_out.status_code == 200
    assert null.json()["probabilities"] == left_out.json()["probabilities"]


# The table of malformed input on which the peers answer 500, or 200 from wrong data.
WRONG_FEATURES = {
    "a wrong type": ({"hour": "late"}, {("hour", "type", "'late'", "an integer")}),
    "a boolean for a number": ({"hour": True}, {("hour", "type", "true", "an integer")}),
    "a fraction for an integer": ({"hour": 17.5}, {("hour", "type", "17.5", "an integer")}),
    "null where the model bears none": ({"hour": None}, {("hour", "null", "null", "an integer")}),
    "a list for a value": ({"hour": [[1]]}, {("hour", "type", "a list of 1", "an integer")}),
    "two at once": (
        {"hour": "a", "origin": 3},
        {("hour", "type", "'a'", "an integer"), ("origin", "type", "3", "a string")},
    ),
}


def test_a_misspelt_column_is_refused_by_name(client, flight):
    # the right one may be absent, so this would pass in silence
    misspelt = {name if name != "distance" else "distnace": value for name, value in flight.items()}
    response = predict(client, misspelt)
    assert response.status_code == 422
    assert response.json()["problems"] == [
        {
            "row": 0,
            "field": "distnace",
            "reason": "extra",
            "got": "200",
            "expected": "not a column of this model; did you mean distance?",
        }
    ]


def test_columns_of_a_newer_version_are_left_unread_with_a_warning(client, flight):
    plain, more = predict(client, flight), predict(client, [flight | {"wind": 3.5}] * 2)
    assert more.status_code == 200
    assert more.json()["predictions"] == plain.json()["predictions"] * 2
    told = [warning for warning in more.json()["warnings"] if warning["reason"] == "extra"]
    assert [(w["field"], w["count"], w["got"]) for w in told] == [("wind", 2, "3.5")]


@pytest.mark.parametrize("case", WRONG_FEATURES)
def test_wrong_fields_are_all_told_with_reason_got_and_expected(client, flight, case):
    change, expected = WRONG_FEATURES[case]
    response = predict(client, flight | change)
    assert response.status_code == 422
    told = response.json()["problems"]
    assert {(p["field"], p["reason"], p["got"], p["expected"]) for p in told} == expected
    assert all(problem["row"] == 0 for problem in told)


def test_a_missing_column_is_told(client):
    response = predict(client, [{"distance": 1, "hour": 2, "origin": "JFK"}, {"distance": 1, "hour": 2}])
    assert response.status_code == 422
    assert response.json() == {
        "error": "row 1: origin: missing, expected a string",
        "problems": [
            {"row": 1, "field": "origin", "reason": "missing", "got": "nothing", "expected": "a string"}
        ],
    }


MALFORMED = {
    "an empty list": (b'{"features": []}', 422, "at least one record"),
    "columns without a row": (b'{"features": {"hour": []}}', 422, "at least one record"),
    "no features": (b'{"instances": [1]}', 422, "features"),
    "not an object": (b"[1, 2]", 422, "an object"),
    "a record that is none": (b'{"features": [3]}', 422, "an object with the model's columns"),
    "a key twice": (b'{"features": {"hour": 1, "hour": 2, "origin": "JFK"}}', 422, "hour: given twice"),
    "columns of two lengths": (b'{"features": {"hour": [1, 2], "origin": ["JFK"]}}', 422, "2 values"),
    "invalid JSON": (b'{"features": {"hour": 1,}}', 400, "invalid JSON"),
    "an empty body": (b"", 400, "the body is empty"),
    "NaN": (b'{"features": {"distance": NaN}}', 400, "send null for a missing value"),
    "minus Infinity": (b'{"features": {"distance": -Infinity}}', 400, "send null for a missing value"),
    "a number beyond floats": (b'{"features": {"distance": 1e999}}', 400, "invalid JSON"),
    "10,000 deep": (b"[" * 10_000 + b"]" * 10_000, 400, "nested too deep"),
    "not UTF-8": (b'{"features": "\xff"}', 400, "invalid JSON"),
    "too many rows": (b'{"features": [' + b"{}," * 2000 + b"{}]}", 413, "2001 records"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_input_has_one_clear_answer(client, case):
    body, status, words = MALFORMED[case]
    response = send(client, body)
    assert response.status_code == status
    assert words in response.json()["error"]
    assert "\n" not in response.json()["error"]


@pytest.mark.parametrize("content_type", ["", "text/csv", "application/json; charset=latin-1"])
def test_another_content_type_is_415(client, content_type):
    headers = {"content-type": content_type} if content_type else {}
    response = send(client, b"{}", headers)
    assert response.status_code == 415
    assert "send application/json" in response.json()["error"]


def test_a_compressed_body_is_415(client):
    assert send(client, b"\x1f\x8b", JSON | {"content-encoding": "gzip"}).status_code == 415


def test_a_charset_that_is_utf_8_is_read(client, flight):
    body = json.dumps({"features": flight})
    assert send(client, body, {"content-type": "application/json; charset=UTF-8"}).status_code == 200


def test_another_method_is_405_and_says_which(client):
    response = client.get("/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_an_answer_to_wrong_input_never_echoes_it(client):
    secret = "confidential" * 50
    response = predict(client, {secret: secret, "origin": [secret]})
    assert response.status_code == 422
    assert secret not in response.text
    assert len(response.content) < 2000


def test_at_most_a_hundred_problems_are_told(client):
    response = predict(client, [{"hour": "x", "origin": 1}] * 500)
    assert len(response.json()["problems"]) == 100
    assert response.json()["error"].endswith("(and at least 99 more)")


def test_50_megabytes_are_refused_with_memory_flat(server):
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    size = 50_000_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {size}\r\n\r\n".encode())
        answer = _send_until_refused(connection, size)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than 1000000 bytes" in answer
    assert process.memory_info().rss - before < 10_000_000


def _send_until_refused(connection, size):
    chunk = b" " * 100_000
    try:
        for _ in range(size // len(chunk)):
            connection.sendall(chunk)
    except OSError:  # it has hung up: what it said before that counts
        return connection.recv(65536)
    return connection.recv(65536)


def test_a_body_that_says_no_length_is_limited_too(client):
    def chunks():
        for _ in range(30):
            yield b" " * 100_000

    assert client.post("/predict", content=chunks(), headers=JSON).status_code == 413


def test_who_waits_for_the_go_ahead_is_refused_before_sending(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 50000000\r\nexpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_request_id_comes_back(client, flight):
    assert predict(client, flight, **{"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/health", headers={"x-request-id": "abc-2"}).headers["x-request-id"] == "abc-2"


@pytest.mark.parametrize("given", ["x" * 129, "two\twords"])
def test_a_request_id_that_cannot_be_sent_back_is_replaced(client, flight, given):
    response = predict(client, flight, **{"x-request-id": given})
    assert response.headers["x-request-id"] == response.json()["prediction_id"]


def test_without_a_request_id_the_prediction_id_is_one(client, flight):
    response = predict(client, flight)
    assert response.headers["x-request-id"] == response.json()["prediction_id"]


def test_a_large_request_does_not_hold_up_the_loop(client, flight):
    answer = predict(client, [flight] * 2000).json()
    assert len(answer["predictions"]) == 2000
    assert set(answer["predictions"]) == {"late"}


def test_health_tells_the_variants(client, delays_package):
    health = client.get("/health").json()
    digest = json.loads((delays_package / "MANIFEST.json").read_bytes())["digest"]
    assert health["status"] == "alive"
    assert health["variants"] == [
        {"version": "1.0.0", "role": "stable", "weight": 100.0, "digest": digest, "mode": "local"}
    ]


def test_ready_answers_200(client):
    response = client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"ready": True})
