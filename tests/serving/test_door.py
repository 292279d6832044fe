"""The quick way in: whatever bytes come, its answers are those of the way that every ASGI server goes."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving import door
from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.door import Door
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.router import SingleRouter
from tests.serving.connections import Running, answers, rest_of

GOOD = b'{"features": {"distance": 200.0, "hour": 18, "origin": "JFK"}}'
WRONG = b'{"features": {"hour": "x"}}'
BODIES = {
    "none": b"",
    "good": GOOD,
    "wrong": WRONG,
    "no JSON": b"{",
    "fifty": b'{"features": [%b]}' % b",".join([GOOD[13:-1]] * 50),
    "larger than what is answered at once": b"x" * 300_000,
}
TARGETS = ["/predict?a=1", "/%70redict", "/health", "/invocations", "/none"]


@pytest.fixture(scope="module")
def app(delays_package):
    return create_app(SingleRouter(LocalVariant(0, load(delays_package))))


@pytest.fixture(scope="module")
def quick(app):
    running = Running(app, Door)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def usual(app):
    running = Running(app, "httptools")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def hurried(app):
    running = Running(app, Door, keep_alive=1)
    yield running
    running.stop()


@dataclass(frozen=True)
class Asked:
    """One request, as it may be written."""

    method: str
    target: str
    headers: tuple[str, ...]
    body: str
    chunks: int  # 0 for a length
    version: str = "1.1"

    def written(self) -> bytes:
        whole = body = BODIES[self.body]
        framing = f"content-length: {len(body)}"
        if self.chunks:
            framing = "transfer-encoding: chunked"
            parts = [whole[i : i + self.chunks] for i in range(0, len(whole), self.chunks)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        lines = [
            f"{self.method} {self.target} HTTP/{self.version}",
            "host: localhost",
            *self.headers,
            framing,
        ]
        return "\r\n".join((*lines, "", "")).encode() + body


def compared(answer):
    """Return an answer without what is another one each time."""
    status, headers, body = answer
    changing = {b"date", b"x-request-id", b"content-length"} if b"x-given" not in headers else set()
    kept = {name: value for name, value in headers.items() if name not in changing}
    return status, kept, re.sub(rb"[0-9a-f]{32}", b"ID", body)


kinds = st.sampled_from(["content-type: application/json", "content-type: text/csv", "x-none: 1"])
rare = st.sampled_from(
    ["x-mlops-unit: u1", "x-mlops-variant: 9", "expect: 100-continue", "X-Request-ID: abc"]
)
requests = st.builds(
    Asked,
    method=st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "PUT"]),
    target=st.sampled_from(["/predict"] * 3 + TARGETS),
    headers=st.builds(lambda kind, more: (kind, *more), kinds, st.lists(rare, max_size=2, unique=True)),
    body=st.sampled_from(list(BODIES)),
    chunks=st.sampled_from([0, 0, 0, 7, 4096]),
)  # fmt: skip
LAST = [
    Asked("POST", "/predict", ("content-type: application/json", "connection: close"), "good", 0),
    Asked("POST", "/predict", ("content-type: application/json",), "good", 0, "1.0"),
    Asked("POST", "/predict", ("content-type: application/json", "connection: keep-alive"), "good", 0, "1.0"),
    Asked("GET", "/ready", ("connection: close",), "none", 0),
]
BOUNDED = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


def split(data: bytes, places: list[float]) -> list[bytes]:
    cuts = sorted({int(place * len(data)) for place in places})
    return [part for part in map(lambda a, b: data[a:b], [0, *cuts], [*cuts, len(data)]) if part]


@BOUNDED
@given(
    asked=st.lists(requests, max_size=4),
    last=st.sampled_from(LAST),
    places=st.lists(st.floats(0, 1), max_size=5),
)
def test_any_requests_in_any_packets_are_answered_as_by_the_usual_way(quick, usual, asked, last, places):
    asked = [*asked, last]
    data = b"".join(each.written() for each in asked)
    methods = [each.method for each in asked]
    ours, rest = answers(methods, quick.ask(split(data, places)))
    theirs, _ = answers(methods, usual.ask(split(data, places)))
    assert rest == b""
    assert [compared(answer) for answer in ours] == [compared(answer) for answer in theirs]


@BOUNDED
@given(
    asked=st.lists(requests, min_size=1, max_size=2),
    place=st.floats(0, 1),
    garbage=st.binary(max_size=20) | st.sampled_from([b"\r\n", b"\0", b"\r\n\r\n", b"Content-Length: 5\r\n"]),
    dropped=st.integers(0, 10),
)
def test_broken_bytes_get_answers_that_can_be_read_or_none(quick, asked, place, garbage, dropped):
    data = b"".join(each.written() for each in asked)
    at = int(place * len(data))
    with quick.connect() as line:
        with contextlib.suppress(OSError):
            line.sendall(data[:at] + garbage + data[at + dropped :])
            time.sleep(0.002)
            line.shutdown(socket.SHUT_WR)
        received = rest_of(line)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
    assert received == b"" or received.startswith(b"HTTP/1.1 ")
    assert all(status < 500 for status in statuses)
    assert b"Traceback" not in received
    assert quick.server.started
    assert not quick.server.should_exit


@pytest.mark.parametrize("ends", range(5, 200, 15))
def test_half_a_request_does_no_harm_to_the_next(quick, ends):
    whole = LAST[0].written()
    with quick.connect() as line:
        line.sendall(whole[:ends])
    answered, _ = answers(["POST"], quick.ask([whole]))
    assert [answer[0] for answer in answered] == [200]


def test_what_is_no_http_is_refused_in_json(quick):
    (answer,), rest = answers(["GET"], quick.ask([b"\x16\x03\x01 hello\r\n\r\n"]))
    assert answer[0] == 400
    assert json.loads(answer[2]) == {"error": "Invalid HTTP request received."}
    assert answer[1][b"connection"] == b"close"
    assert rest == b""


def test_headers_without_end_are_refused_before_they_are_held(quick):
    with quick.connect() as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(100):
                line.sendall(b"y" * 10_000)
                time.sleep(0.001)
        received = rest_of(line)
    assert received == b"" or received.startswith(
        b"HTTP/1.1 431 "
    )  # its sender may have been too busy to hear


def test_a_long_head_is_refused_with_a_reason(quick):
    parts = [b"POST /predict HTTP/1.1\r\nhost: localhost\r\nx: ", b"y" * 66_000]
    (answer,), _ = answers(["POST"], quick.ask(parts))
    assert answer[0] == 431
    assert json.loads(answer[2]) == {"error": "the head of the request is larger than 65536 bytes"}


def drip(line: socket.socket, data: bytes, seconds: float) -> None:
    """Send a byte at a time, slower than anybody would."""
    with contextlib.suppress(OSError):
        for i in range(len(data)):
            line.sendall(data[i : i + 1])
            time.sleep(seconds)


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_who_sends_too_slowly_is_told_so(hurried, monkeypatch, path):
    monkeypatch.setattr(door, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr("mlops_jupyter.serving.routes._BODY_SECONDS", 1.0)
    data = Asked("POST", path, ("content-type: application/json",), "good", 0).written()
    with hurried.connect() as line:
        line.sendall(data[: -len(GOOD)])
        thread = threading.Thread(target=drip, args=(line, GOOD, 0.1))
        thread.start()
        begun = time.monotonic()
        received = rest_of(line)
        assert time.monotonic() - begun < 4
        thread.join()
    (answer,), rest = answers(["POST"], received)
    assert (answer[0], answer[1][b"connection"], rest) == (408, b"close", b"")
    assert "did not arrive within 1 s" in answer[2].decode()


def test_a_head_that_never_ends_is_told_so(hurried, monkeypatch):
    monkeypatch.setattr(door, "REQUEST_SECONDS", 1.0)
    with hurried.connect() as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nhost:")
        (answer,), rest = answers(["POST"], rest_of(line))
    assert (answer[0], answer[1][b"content-type"], rest) == (408, b"application/json", b"")


def test_who_was_answered_before_all_came_is_not_answered_twice(hurried, monkeypatch):
    monkeypatch.setattr(door, "REQUEST_SECONDS", 1.0)
    with hurried.connect() as line:
        line.sendall(b"POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
        found, rest = answers(["POST"], rest_of(line))
    assert ([answer[0] for answer in found], rest) == ([405], b"")


def test_who_says_nothing_is_let_go(hurried):
    with hurried.connect() as line:
        begun = time.monotonic()
        assert rest_of(line) == b""
        assert 0.5 < time.monotonic() - begun < 3
