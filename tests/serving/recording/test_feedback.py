"""What callers say was right after all."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.capture.files import feedback_files, read_batches
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.problems import InvalidRequest
from mlops_jupyter.serving.recording import feedback_messages
from mlops_jupyter.serving.recording.feedback import FeedbackRecorder
from mlops_jupyter.serving.recording.feedback_messages import FeedbackReader
from tests.serving.recording.samples import column, contract, output

COLUMNS = [column("x")]
LATE = contract(COLUMNS)
KINDS = contract(COLUMNS, [output("kind", "string", ["a", "b"])])
DELAY = contract(COLUMNS, [output("delay", "double", None)], probabilities=False)
YES = contract(COLUMNS, [output("yes", "boolean", [False, True])])
SEVERAL = contract(COLUMNS, [output("late", "long", [0, 1]), output("kind", "string", ["a", "b"])])


@pytest.fixture
def make(tmp_path):
    made = []

    def make(*contracts, **options):
        recorder = FeedbackRecorder(tmp_path, contracts or [LATE], Options(**options), "worker-0")
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.close(5)


def send(recorder, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    outcome = recorder.handle_feedback(body)
    return outcome.status, json.loads(outcome.body)


def kept(folder):
    batches = [batch for file in feedback_files(folder) for batch in read_batches(file.path)]
    return pa.Table.from_batches(batches).to_pylist()


def test_feedback_is_kept_with_the_time_it_came(make, tmp_path):
    recorder, before = make(), datetime.now(UTC)
    assert send(recorder, {"prediction_id": "p1", "actual": 1}) == (202, {"accepted": 1})
    recorder.close(5)
    [row] = kept(tmp_path)
    assert before <= row.pop("received") <= datetime.now(UTC)
    assert before <= row.pop("time") <= datetime.now(UTC)
    assert row == {"prediction_id": "p1", "row": 0, "unit": None, "actual": "1"}
    assert feedback_files(tmp_path)[0].writer == "worker-0"


def test_a_list_of_messages_says_all_that_can_be_said(make, tmp_path):
    recorder = make()
    first = {"prediction_id": "p1", "row": 2, "label": 0, "unit": "u", "time": "2026-11-20T10:15:00.5+02:00"}
    assert send(recorder, [first, {"prediction_id": "p2", "actual": 1.0}]) == (202, {"accepted": 2})
    recorder.close(5)
    one, two = kept(tmp_path)
    assert one.pop("received") == two.pop("received")
    assert one == {
        "prediction_id": "p1",
        "row": 2,
        "unit": "u",
        "time": datetime(2026, 11, 20, 8, 15, 0, 500_000, UTC),
        "actual": "0",
    }
    assert (two["prediction_id"], two["actual"]) == ("p2", "1")


@pytest.mark.parametrize(
    ("contracts", "actual", "stored"),
    [
        ([KINDS], "c", '"c"'),
        ([DELAY], 7, "7"),
        ([DELAY], 7.5, "7.5"),
        ([YES], True, "true"),
        ([SEVERAL], {"late": 1.0, "kind": "b"}, '{"late":1,"kind":"b"}'),
        ([SEVERAL], {"kind": "b"}, '{"kind":"b"}'),
        ([LATE, KINDS], "b", '"b"'),
        ([LATE, KINDS], 1, "1"),
    ],
)
def test_what_a_version_could_have_answered_is_taken(make, tmp_path, contracts, actual, stored):
    recorder = make(*contracts)
    assert send(recorder, {"prediction_id": "p", "actual": actual})[0] == 202
    recorder.close(5)
    assert kept(tmp_path)[0]["actual"] == stored


@pytest.mark.parametrize(
    ("contracts", "message", "error"),
    [
        ([LATE], {"actual": 1}, "prediction_id: missing, expected the prediction_id of an answer"),
        ([LATE], {"prediction_id": "p"}, "actual: missing, expected an integer"),
        ([LATE], {"prediction_id": "p", "actual": "yes"}, "actual: expected an integer, got 'yes'"),
        ([LATE], {"prediction_id": "p", "actual": True}, "actual: expected an integer, got true"),
        ([LATE], {"prediction_id": "p", "label": None}, "label: expected an integer, got null"),
        ([YES], {"prediction_id": "p", "actual": 1}, "actual: expected true or false, got 1"),
        (
            [LATE, KINDS],
            {"prediction_id": "p", "actual": 1.5},
            "actual: expected an integer or a string, got 1.5",
        ),
        (
            [SEVERAL],
            {"prediction_id": "p", "actual": 1},
            "actual: expected an object with any of late, kind, got 1",
        ),
        (
            [SEVERAL],
            {"prediction_id": "p", "actual": {"late": "x"}},
            "actual: expected late: an integer, got an object of 1",
        ),
        (
            [LATE],
            {"prediction_id": 7, "actual": 1},
            "prediction_id: expected the prediction_id of an answer, got 7",
        ),
        (
            [LATE],
            {"prediction_id": "p", "actual": 1, "row": -1},
            "row: expected the number of a row of that request, from 0, got -1",
        ),
        (
            [LATE],
            {"prediction_id": "p", "actual": 1, "time": "yesterday"},
            (
                "time: expected an ISO 8601 date and time with an offset from UTC, "
                "such as 2026-11-20T10:15:00Z, got 'yesterday'"
            ),
        ),
        ([LATE], {"prediction_id": "p", "actual": 1, "lable": 0}, "lable: not a key; did you mean label?"),
        (
            [LATE],
            {"prediction_id": "p", "actual": 1, "label": 0},
            "label: given beside actual; send one of them",
        ),
        ([LATE], 7, "expected an object, got 7"),
        ([LATE], [], "expected at least one message, got none"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(make, contracts, message, error):
    status, answer = send(make(*contracts), message)
    assert (status, answer["error"]) == (422, error)


def test_every_wrong_field_of_every_message_is_told_and_nothing_is_kept(make, tmp_path):
    recorder = make()
    status, answer = send(recorder, [{"prediction_id": "ok", "actual": 1}, {"row": "a"}, "b"])
    assert status == 422
    assert [(p["row"], p["field"], p["reason"]) for p in answer["problems"]] == [
        (1, "prediction_id", "missing"),
        (1, "row", "type"),
        (1, "actual", "missing"),
        (2, None, "type"),
    ]
    assert answer["error"].startswith("row 1: prediction_id: missing")
    recorder.close(5)
    assert feedback_files(tmp_path) == []


def test_a_great_many_mistakes_are_told_in_part(make):
    status, answer = send(make(), [{}] * 5000)
    assert (status, len(answer["problems"])) == (422, 100)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "invalid JSON: the body is empty"),
        (b'{"prediction_id": ', 400, "invalid JSON: "),
        (b"[" * 3000, 400, "invalid JSON: "),
        (json.dumps([{"prediction_id": "p", "actual": 1}] * 10_001).encode(), 413, "10001 messages"),
    ],
)
def test_what_cannot_be_read_is_refused(make, body, status, error):
    answered, answer = send(make(), body)
    assert answered == status
    assert answer["error"].startswith(error)


def test_a_body_that_is_too_large_is_not_read(make, monkeypatch):
    monkeypatch.setattr(feedback_messages, "MOST_BYTES", 100)
    assert send(make(), b" " * 101)[0] == 413


def test_without_a_place_to_keep_it_feedback_is_refused(make):
    for recorder in (FeedbackRecorder(None, [LATE], Options()), make(capture=False)):
        status, answer = send(recorder, {"prediction_id": "p", "actual": 1})
        assert status == 501
        assert "nothing is captured here" in answer["error"]
        recorder.close()


def test_feedback_that_finds_no_room_is_told_so(make):
    recorder = make()
    recorder.close(5)
    outcome = recorder.handle_feedback(b'{"prediction_id": "p", "actual": 1}')
    assert outcome.status == 503
    assert dict(outcome.headers)[b"retry-after"] == b"1"


def test_a_hashed_unit_is_hashed_here_as_well(make, tmp_path):
    recorder = make(unit="field:customer", capture_hashed=("customer",))
    send(recorder, [{"prediction_id": "p", "actual": 1, "unit": "ada"}, {"prediction_id": "q", "actual": 1}])
    recorder.close(5)
    units = [row["unit"] for row in kept(tmp_path)]
    assert len(units[0]) == 32
    assert units[1] is None


def test_a_thousand_messages_take_milliseconds():
    reader = FeedbackReader([LATE])
    body = json.dumps([{"prediction_id": f"p{i}", "actual": 1} for i in range(1000)]).encode()
    begun = time.process_time()
    assert len(reader.read(body)) == 1000
    assert time.process_time() - begun < 0.5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
messages = st.dictionaries(
    st.sampled_from(["prediction_id", "actual", "label", "row", "unit", "time", "x"]), json_values
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(messages, max_size=3) | messages | json_values,
    st.sampled_from([LATE, KINDS, SEVERAL, YES, DELAY]),
)
def test_any_json_is_taken_or_refused_with_a_line(document, of):
    body = json.dumps(document).encode(errors="surrogatepass")
    try:
        read, refusal = FeedbackReader([of]).read(body), None
    except InvalidRequest as invalid:
        read, refusal = [], invalid
    assert all(json.loads(message.actual) is not None for message in read)
    assert bool(read) != bool(refusal)
    assert refusal is None or (refusal.status in (400, 422) and "\n" not in refusal.error)
