"""Requests with a head seen before: not parsed again, and answered as if they were."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving import heads
from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.door import _STRANGERS, Door
from mlops_jupyter.serving.heads import KnownHeads, make_head
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.router import SingleRouter
from tests.serving.connections import Running, answers, ask, one_answer, rest_of
from tests.serving.doubles import GOOD, JSON, body_of, build_doubles, written

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def variant(tmp_path_factory, package_builder):
    folder = tmp_path_factory.mktemp("heads")
    return LocalVariant(0, load(build_doubles(package_builder, folder, "two texts")))


@pytest.fixture(scope="module")
def start(variant):
    """Start servers of the variant, and stop them at the end."""
    started = []

    def start(http=Door) -> Running:
        app = create_app(SingleRouter(variant))
        started.append(Running(app, http))
        started[-1].gate = app.gate
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture(scope="module")
def quick(start):
    return start()


@pytest.fixture(scope="module")
def usual(start):
    return start("httptools")


@pytest.fixture
def read(quick, monkeypatch):
    """The heads that were read and not known, and no head known yet."""
    found, read_head = [], quick.gate.read_head
    monkeypatch.setattr(quick.gate, "read_head", lambda headers: found.append(headers) or read_head(headers))
    quick.gate.known_heads.clear()
    return found


def compared(answer: bytes) -> bytes:
    """Return an answer without what is another one each time."""
    return b"\r\n".join(
        sorted(
            re.sub(rb"[0-9a-f]{32}", b"ID", line)
            for line in answer.split(b"\r\n")
            if not line.startswith(b"date:")
        )
    )


HEADS = [
    (),
    ("x-request-id: abc",),
    ("x-request-id: ü",),
    ("x-mlops-unit: u1", "user-agent: test"),
    ("accept: */*",),
    (f"accept: application/json, {ARROW}",),
    ("x-mlops-variant: 9",),
    ("expect: nothing",),
    ("content-encoding: none",),
]
TYPES = [JSON] * 4 + ["Content-Type:text/json", "content-type: application/json; charset=utf-8", "x: y"]
BODIES = [
    GOOD, body_of(width=11.0), body_of(width=9.125), GOOD[:-1] + b" " * 20 + b"}", body_of(width=99.0),
    body_of(width=None), b'{"features": [%b]}' % GOOD[12:-1], b"x" * len(GOOD), b"", GOOD[:-1] + b"]",
    b"\r\n\r\n" + GOOD[4:], written(), written() * 2,
]  # fmt: skip
SENT = st.builds(
    lambda headers, kind, body: written(body, *headers, kind=kind),
    st.sampled_from(HEADS),
    st.sampled_from(TYPES),
    st.sampled_from([GOOD] * 8 + BODIES),
)
LAST = b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
LATER = [b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n", b"\r\n" + written()]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 2), SENT | st.sampled_from(LATER)), min_size=1, max_size=12))
def test_requests_in_packets_of_their_own_are_answered_as_by_the_usual_way(quick, usual, asked):
    received = []
    for server in (quick, usual):
        with contextlib.ExitStack() as stack:
            lines = [stack.enter_context(server.connect()) for _ in range(3)]
            received.append([])
            for number, request in asked:
                lines[number].sendall(request)
                received[-1].append(compared(one_answer(lines[number])))
    assert received[0] == received[1]


def test_a_head_seen_before_is_not_read_again(quick, read):
    for _ in range(2):
        with quick.connect() as line:
            for width in (10.0, 11.0, 12.5):
                assert ask(line, written(body_of(width=width)))[0] == 200
    assert len(read) == 1


def test_each_answer_is_that_of_its_own_body(quick, read):
    with quick.connect() as line:
        told = [ask(line, written(body_of(width=width)))[2] for width in (10.0, 11.0, 10.0)]
    shares = [json.loads(body)["probabilities"][0]["big"] for body in told]
    assert shares[0] == shares[2] < shares[1]
    assert len({json.loads(body)["prediction_id"] for body in told}) == 3
    assert len(read) == 1


def test_what_is_not_ordinary_under_a_known_head_is_refused_as_ever(quick, usual, read):
    with quick.connect() as line, usual.connect() as other:
        ask(line, written())
        for body in (b"x" * len(GOOD), GOOD.replace(b"10.0", b"null", 1)[: len(GOOD)], GOOD[:-1] + b"]"):
            request = written(body)
            status, _, told = ask(line, request)
            assert (status, told) == ask(other, request)[::2]
            assert status in (400, 422)
        assert ask(line, written())[0] == 200


def test_request_ids_are_sent_back_and_made_where_none_is(quick, read):
    with quick.connect() as line:
        given = [ask(line, written(GOOD, "x-request-id: abc"))[1][b"x-request-id"] for _ in range(3)]
        made = [ask(line, written())[1][b"x-request-id"] for _ in range(3)]
    assert given == [b"abc"] * 3
    assert len(set(made)) == 3
    assert len(read) == 2


@pytest.mark.parametrize("accept", [ARROW, ARROW.title(), f"{ARROW}; q=1", f"text/html, {ARROW}"])
def test_who_accepts_arrow_is_answered_the_careful_way(quick, usual, read, accept):
    request = written(GOOD, f"accept: {accept}")
    with quick.connect() as line, usual.connect() as other:
        ours, theirs = [ask(line, request) for _ in range(3)], ask(other, request)
    assert {answer[1][b"content-type"] for answer in ours} == {theirs[1][b"content-type"]}
    assert len(read) == 3
    assert not quick.gate.known_heads


def test_a_body_that_says_it_is_arrow_is_read_as_that_however_it_is_written(quick, usual):
    request = written(b"x", kind=f"content-type: {ARROW.upper()}")
    with quick.connect() as line, usual.connect() as other:
        ours, theirs = ask(line, request), ask(other, request)
    assert (ours[0], ours[2]) == (theirs[0], theirs[2])


# where a request begins and ends


@pytest.mark.parametrize("cut", [20, len(written()) - len(GOOD), len(written()) - 1])
def test_a_known_head_may_come_in_pieces_or_before_its_body(quick, read, cut):
    request = written()
    with quick.connect() as line:
        ask(line, request)
        line.sendall(request[:cut])
        time.sleep(0.02)
        assert ask(line, request[cut:])[0] == 200
        assert ask(line, request)[0] == 200
    assert len(read) == 2


def test_more_than_one_request_in_a_packet_are_all_answered(quick, read):
    with quick.connect() as line:
        ask(line, written())
        line.sendall(b"".join(written(body_of(width=width)) for width in (10.0, 11.0, 12.0)) + written()[:9])
        line.sendall(written()[9:])
        line.shutdown(socket.SHUT_WR)
        found, rest = answers(["POST"] * 4, rest_of(line))
    assert ([answer[0] for answer in found], rest) == ([200] * 4, b"")
    shares = [json.loads(answer[2])["probabilities"][0]["big"] for answer in found]
    assert shares[0] == shares[3] < shares[1] < shares[2]


def test_a_body_shorter_than_its_head_says_is_waited_for(quick, read):
    with quick.connect() as line:
        ask(line, written())
        line.sendall(written()[:-3])
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.settimeout(10)
        assert ask(line, written()[-3:])[0] == 200


@pytest.mark.parametrize(("more", "statuses"), [(b"x", [200, 400]), (b"\r\n", [200]), (GOOD, [200, 400])])
def test_a_body_longer_than_its_head_says_is_the_beginning_of_the_next(quick, read, more, statuses):
    with quick.connect() as line:
        ask(line, written())
        line.sendall(written() + more)
        time.sleep(0.02)
        line.shutdown(socket.SHUT_WR)
        found, rest = answers(["POST", "POST"], rest_of(line))
    assert ([answer[0] for answer in found], rest) == (statuses, b"")


def test_a_request_within_a_body_is_no_request(quick, read):
    inner = written()
    padded = GOOD + b" " * (len(inner) - len(GOOD))
    with quick.connect() as line:
        assert ask(line, inner)[0] == 200
        assert ask(line, written(padded))[0] == 200  # this head is known, too
        assert ask(line, written(inner))[0] == 400
        assert ask(line, inner)[0] == 200  # no answer was left over
    assert len(read) == 2


def test_a_body_that_comes_alone_is_no_request_even_if_it_reads_like_one(quick, read):
    inner = written()
    whole = written(inner)
    with quick.connect() as line:
        assert ask(line, inner)[0] == 200
        line.sendall(whole[: -len(inner)])
        time.sleep(0.02)
        assert ask(line, inner)[0] == 400
        assert ask(line, inner)[0] == 200


def test_heads_that_come_together_are_not_taken_for_each_other(quick, read):
    first, second = (written(GOOD, f"x-request-id: {name}") for name in ("first", "second"))
    with quick.connect() as line:
        for part in (first + second, first, second):
            line.sendall(part)
            time.sleep(0.02)
        line.sendall(LAST)
        found, _ = answers(["POST"] * 4 + ["GET"], rest_of(line))
    told = [answer[1][b"x-request-id"] for answer in found[:4]]
    assert told == [b"first", b"second", b"first", b"second"]


def test_a_known_head_waits_for_what_was_asked_before(quick, read, monkeypatch):
    answer = quick.gate.answer

    async def later(*arguments, **options):
        await asyncio.sleep(0.3)
        return await answer(*arguments, **options)

    monkeypatch.setattr(quick.gate, "answer", later)
    known = written(GOOD, "x-request-id: known", "connection: keep-alive")
    with quick.connect() as line:
        ask(line, known)
        line.sendall(written(GOOD, "x-request-id: slow", "x-mlops-variant: stable"))
        time.sleep(0.05)
        line.sendall(known)
        time.sleep(0.5)
        line.sendall(LAST)
        found, _ = answers(["POST", "POST", "GET"], rest_of(line))
    assert [answer[1][b"x-request-id"] for answer in found[:2]] == [b"slow", b"known"]


def test_two_lengths_are_two_heads(quick, read):
    long = GOOD + b" " * 900
    with quick.connect() as line:
        for body in (GOOD, long) * 3:
            assert ask(line, written(body))[0] == 200
    assert len(read) == 2


def test_nothing_is_answered_after_connection_close(quick, read):
    with quick.connect() as line:
        ask(line, written())
        line.sendall(written(GOOD, "connection: close"))
        line.sendall(written())
        received = rest_of(line)
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in received.lower()


def test_a_connection_ends_with_its_answer_while_the_server_drains(quick, variant, read, monkeypatch):
    with quick.connect() as line:
        ask(line, written())
        monkeypatch.setattr(quick.gate, "router", SingleRouter(variant, draining=True))
        status, headers, _ = ask(line, written())
        assert (status, headers[b"connection"]) == (200, b"close")
        assert line.recv(1) == b""
    assert len(read) == 1


# how much is kept


def head_of(**headers: str):
    return make_head({name.encode(): value.encode() for name, value in headers.items()}, "", None)


def test_so_many_heads_are_known_and_no_more():
    known = KnownHeads()
    for number in range(3000):
        known.learn(b"%d" % number, head_of(), 1)
        assert b"%d" % number in known
        assert len(known) <= heads._MOST


def test_a_long_head_is_not_kept():
    known = KnownHeads()
    known.learn(b"x" * heads._LONGEST, head_of(), 1)
    known.learn(b"x" * (heads._LONGEST + 1), head_of(), 1)
    assert list(map(len, known)) == [heads._LONGEST]


class Counted(KnownHeads):
    """Counts how often it is looked into."""

    looks = 0

    def get(self, *arguments):
        self.looks += 1
        return super().get(*arguments)


def test_a_connection_whose_heads_are_all_strange_stops_looking_and_teaching(quick, monkeypatch):
    known = Counted()
    monkeypatch.setattr(quick.gate, "known_heads", known)
    with quick.connect() as line:
        for number in range(3 * _STRANGERS):
            assert ask(line, written(GOOD, f"traceparent: {number}"))[0] == 200
        assert (known.looks, len(known)) == (_STRANGERS, _STRANGERS)
        assert ask(line, written(GOOD, "traceparent: 0"))[0] == 200
    assert known.looks == _STRANGERS


def test_a_known_head_now_and_then_keeps_a_connection_looking(quick, monkeypatch):
    known = Counted()
    monkeypatch.setattr(quick.gate, "known_heads", known)
    with quick.connect() as line:
        for number in range(3 * _STRANGERS):
            ask(line, written(GOOD, f"traceparent: {number if number % 20 else 'same'}"))
    assert known.looks == 3 * _STRANGERS


def fill(line: socket.socket) -> int:
    """Send requests until no more are taken, and return how many those were."""
    for sent in range(200_000):
        try:
            line.sendall(written())
        except TimeoutError:
            return sent
        time.sleep(0.0001)  # or many would be in one packet
    raise AssertionError("the server reads on and on")


def test_who_never_reads_is_not_read_from_for_long(start):
    running = start()
    running._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # connections have it of this
    memory = psutil.Process().memory_info().rss
    with socket.socket() as line:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            line.setsockopt(socket.SOL_SOCKET, option, 8192)
        line.connect(("127.0.0.1", running.port))
        line.settimeout(1)
        sent = fill(line)
        (connection,) = running.server.server_state.connections
        assert connection.flow.write_paused
        assert connection.transport.get_write_buffer_size() < 500_000
        assert psutil.Process().memory_info().rss - memory < 50 * 2**20
        line.settimeout(10)
        received, statuses = b"", []
        while len(statuses) < sent:  # all that waited is answered when its sender reads at last
            received += line.recv(65536)
            statuses = re.findall(rb"HTTP/1\.1 (\d+)", received)
    assert sent > 100
    assert set(statuses) == {b"200"}
