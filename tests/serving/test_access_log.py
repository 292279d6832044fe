"""What is written down of each request."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlops_jupyter
from mlops_jupyter.serving import access_log as logs
from mlops_jupyter.serving.access_log import MOST_BYTES, AccessLog
from mlops_jupyter.serving.call import Call, Outcome
from mlops_jupyter.serving.logs import cap_logs
from mlops_jupyter.serving.recording import backlog

FIELDS = (
    "time", "request_id", "prediction_id", "unit", "key", "model", "version", "variant", "dialect", "status",
    "milliseconds", "bytes_in", "bytes_out",
)  # fmt: skip
BODY = b'{"features": {"age": 41, "name": "Ada"}}'
VARIANT = SimpleNamespace(version="1.2.0", contract=SimpleNamespace(model="churn"))


def answer(log, body=BODY, unit="ada", request_id=b"r-1", dialect="json", status=200):
    call = Call(body, "p-1", "candidate", dialect, unit)
    log.answered(call, VARIANT, Outcome(status, b'{"prediction": 1}'), request_id, 0.0012345, "k-1")


def lines_of(data):
    return [orjson.loads(line) for line in data.splitlines()]


def logged(*calls, **options):
    """What is written of requests with these bodies."""
    stream = io.BytesIO()
    log = AccessLog(stream, **options)
    for call in calls:
        answer(log, **call)
    log.close()
    return lines_of(stream.getvalue())


def test_a_request_is_one_line_that_says_who_when_what_and_how_long():
    before = datetime.now(UTC)
    (line,) = logged({})
    assert list(line) == list(FIELDS)
    assert before <= datetime.fromisoformat(line.pop("time")) <= datetime.now(UTC)
    assert line == {
        "request_id": "r-1",
        "prediction_id": "p-1",
        "unit": "ada",
        "key": "k-1",
        "model": "churn",
        "version": "1.2.0",
        "variant": "candidate",
        "dialect": "json",
        "status": 200,
        "milliseconds": 1.234,
        "bytes_in": len(BODY),
        "bytes_out": 17,
    }


def test_the_time_is_in_utc():
    (line,) = logged({})
    assert line["time"].endswith("Z")


def test_a_refused_request_is_a_line_without_a_version():
    stream = io.BytesIO()
    log = AccessLog(stream)
    log.refused(Outcome(401, b"{}"), b"r-2", 0.0001)
    log.close()
    (line,) = lines_of(stream.getvalue())
    assert list(line) == list(FIELDS)
    assert (line["status"], line["request_id"], line["version"], line["unit"]) == (401, "r-2", None, None)


def test_features_are_logged_only_when_asked_for():
    assert "Ada" not in str(logged({}))
    assert logged({}, features=True)[0]["features"] == {"age": 41, "name": "Ada"}


def test_hidden_columns_are_never_logged():
    several = {"body": b'{"features": [{"age": 41, "name": "Ada"}, {"age": 42, "name": "Bob"}]}'}
    columns = {"body": b'{"features": {"age": [41], "name": ["Ada"]}}'}
    assert [line["features"] for line in logged({}, several, columns, features=True, hidden=["name"])] == [
        {"age": 41},
        [{"age": 41}, {"age": 42}],
        {"age": [41]},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"features": [[41, "Ada"]]}',
        b'{"inputs": [{"name": "name", "data": ["Ada"]}]}',
        b'{"dataframe_split": {"columns": ["name"], "data": [["Ada"]]}}',
        b'{"features": "Ada"}',
    ],
)
def test_what_cannot_be_told_from_hidden_columns_is_not_logged(body):
    assert logged({"body": body}, features=True, hidden=["name"])[0]["features"] is None


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xff", b'{"features": ', b'{"features": [' + b"1," * MOST_BYTES + b"1]}"]
)
def test_a_body_that_is_no_json_or_too_large_leaves_a_line_without_features(body):
    (line,) = logged({"body": body}, features=True)
    assert (line["features"], line["bytes_in"]) == (None, len(body))


def test_other_dialects_are_logged_with_what_they_sent():
    (line,) = logged({"body": b'{"inputs": {"age": [41]}}', "dialect": "mlflow"}, features=True)
    assert (line["dialect"], line["features"]) == ("mlflow", {"inputs": {"age": [41]}})


@given(unit=st.text(st.characters(exclude_categories=()), max_size=30), request_id=st.binary(max_size=30))
def test_no_caller_can_end_a_line_or_break_it(unit, request_id):
    (line,) = logged({"unit": unit, "request_id": request_id})
    assert line["request_id"] == (request_id.decode("latin-1"))
    assert line["unit"] == (unit.encode(errors="backslashreplace").decode() or None)


def test_requests_are_written_without_waiting_for_more_of_them():
    stream = io.BytesIO()
    log = AccessLog(stream)
    answer(log)
    deadline = time.monotonic() + 10
    while not stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(lines_of(stream.getvalue())) == 1
    log.close()


def test_a_file_is_made_for_its_owner_alone(tmp_path):
    log = AccessLog(tmp_path / "access.log")
    answer(log)
    log.close()
    assert stat.S_IMODE((tmp_path / "access.log").stat().st_mode) == 0o600


WORKER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from mlops_jupyter.serving.access_log import AccessLog
log = AccessLog(Path(sys.argv[1]))
for number in range(3000):
    log.refused(SimpleNamespace(status=number, body=b""), b"x" * 100, 0.0)
log.close(30)
assert log.dropped == 0
"""


def test_several_workers_write_whole_lines_to_one_file(tmp_path):
    path, root = tmp_path / "access.log", Path(mlops_jupyter.__file__).parents[1]
    command = [sys.executable, "-c", WORKER, str(path)]
    workers = [subprocess.Popen(command, cwd=root) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    statuses = [line["status"] for line in lines_of(path.read_bytes())]
    assert sorted(statuses) == sorted([*range(3000)] * 3)


def test_a_log_that_is_emptied_or_moved_away_is_written_on(tmp_path):
    path = tmp_path / "access.log"
    file = logs._File(path)
    assert file.write(b"first\n" * 100) == 0
    cap_logs(tmp_path, limit=10)
    assert file.write(b"second\n") == 0
    assert path.read_bytes() == b"second\n"
    path.rename(tmp_path / "access.log.2")
    assert file.write(b"third\n") == 0
    assert path.read_bytes() == b"third\n"


def test_the_torn_line_of_a_killed_writer_spoils_no_other(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b'{"time": "2026')
    assert logs._File(path).write(b"{}\n") == 0
    assert path.read_bytes() == b'{"time": "2026\n{}\n'


def test_a_full_disk_drops_lines_and_the_next_one_says_how_many(tmp_path, monkeypatch):
    write, room = os.write, [30]

    def into_little_room(file, data):
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = write(file, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(logs.os, "write", into_little_room)
    log = AccessLog(tmp_path / "access.log")
    for _ in range(3):
        answer(log)
    _wait_until(lambda: log.dropped == 3)
    room[0] = 10**6
    answer(log)
    log.close()
    torn, dropped, last = (tmp_path / "access.log").read_bytes().splitlines()
    assert len(torn) == 30
    assert orjson.loads(dropped)["dropped"] == 3
    assert orjson.loads(last)["status"] == 200
    assert log.dropped == 3


def _wait_until(true):
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_folder_that_is_gone_drops_lines_and_fails_nobody(tmp_path):
    log = AccessLog(tmp_path / "gone" / "access.log")
    answer(log)
    log.close()
    assert log.dropped == 1


def test_a_stream_whose_reader_is_gone_drops_lines_and_fails_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as stream:  # noqa: PTH123 - of a descriptor
        log = AccessLog(stream)
        answer(log)
        log.close()
    assert log.dropped == 1


class Stuck(io.BytesIO):
    """A disk that takes its time."""

    def __init__(self):
        super().__init__()
        self.go_on = threading.Event()

    def write(self, data):
        self.go_on.wait(20)
        return super().write(data)


def test_a_slow_disk_keeps_nobody_and_no_memory():
    stream = Stuck()
    log = AccessLog(stream)
    begun = time.perf_counter()
    for _ in range(12_000):
        answer(log)
    assert time.perf_counter() - begun < 4
    assert 12_000 - backlog.MOST - 500 < log.dropped <= 12_000 - backlog.MOST
    stream.go_on.set()
    log.close()
    written = lines_of(stream.getvalue())
    told = sum(line.get("dropped", 0) for line in written)
    assert told == log.dropped == 12_000 - sum("status" in line for line in written)


def test_what_comes_after_closing_is_dropped_and_fails_nobody():
    stream = io.BytesIO()
    log = AccessLog(stream)
    answer(log)
    log.close()
    log.close()
    answer(log)
    assert len(lines_of(stream.getvalue())) == 1
    assert log.dropped == 1
