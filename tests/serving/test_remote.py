"""A variant behind a socket: calls and outcomes cross whole, and what goes wrong is told in time."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from pathlib import Path

import orjson
import pytest
import uvicorn

from mlops_jupyter.serving.call import Call, Outcome
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.problems import Problem
from mlops_jupyter.serving.remote import RemoteVariant, read_contract, respond_app
from mlops_jupyter.serving.router import Contract
from mlops_jupyter.serving.wire import outcome_headers, read_call, read_outcome, request_head

pytestmark = pytest.mark.anyio
CONTRACT = Contract("delays", {}, {})
ODD = 'tëxt, "quotes"\r\nx-mlops-role: stable \N{SNOWMAN}'


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def path():
    folder = tempfile.mkdtemp(prefix="remote-")  # a socket's path has at most 108 bytes
    yield str(Path(folder) / "0-0.sock")
    shutil.rmtree(folder)


def remote(path, **options) -> RemoteVariant:
    return RemoteVariant(0, "1.0.0", "d" * 64, CONTRACT, path, Options(**options))


def call(body=b"{}", **more) -> Call:
    return Call(body, "an-id", begun=time.perf_counter(), **more)


class Echo:
    """Answers with the call that it got."""

    def __init__(self, at_once: bool = False) -> None:
        self.calls, self._at_once = [], at_once

    def answer_now(self, call):
        return self._answer(call) if self._at_once else None

    async def respond(self, call):
        await asyncio.sleep(0)
        return self._answer(call)

    def _answer(self, call):
        self.calls.append(call)
        return Outcome(
            200, call.body, b"x/echo", ((b"x-more", b"\xe9"),), [Problem(3, "hoür", "type", "'a'", "b")]
        )


@contextlib.asynccontextmanager
async def served(variant, path):
    """Serve the other side, as the worker does."""
    config = uvicorn.Config(respond_app(variant), uds=path, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def scripted(path, *scripts):
    """Listen, and treat each connection in turn by the next script, the last one for all that follow."""
    accepted = []

    async def treat(reader, writer):
        accepted.append(writer)
        script = scripts[min(len(accepted), len(scripts)) - 1]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(reader, writer)
        writer.close()

    async with await asyncio.start_unix_server(treat, path) as server:
        yield accepted
        for writer in accepted:
            writer.close()
        server.close()


async def read_request(reader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def answer_all(reader, writer) -> None:
    while True:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def answer_one(reader, writer) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    await writer.drain()


async def go_away(reader, _writer) -> None:
    await read_request(reader)


async def hang(reader, _writer) -> None:
    await read_request(reader)
    await reader.read()


async def answer_half(reader, writer) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf")
    await writer.drain()


async def talk_nonsense(reader, writer) -> None:
    await read_request(reader)
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()
    await reader.read()


def headers_of(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = head.split(b"\r\n")[1:-2]
    return [tuple(line.split(b": ", 1)) for line in lines]


def test_a_call_crosses_whole_whatever_its_texts_hold():
    sent = Call(
        b"\x00body", ODD, role="shadow", dialect="v2", unit=ODD, begun=time.perf_counter() - 2,
        probe=True, content_type="application/octet-stream", accept=ODD, header_length=17,
    )  # fmt: skip
    head = request_head(sent)
    assert [name for name, _ in headers_of(head)].count(b"x-mlops-role") == 1
    got = read_call(headers_of(head), b"\x00body")
    for name in ("body", "role", "dialect", "unit", "probe", "content_type", "accept", "header_length"):
        assert getattr(got, name) == getattr(sent, name)
    assert got.prediction_id == ODD.encode("latin-1", "replace").decode("latin-1").replace("\r\n", "  ")
    assert got.begun == pytest.approx(sent.begun, abs=0.5)


def test_a_very_long_unit_is_cut():
    assert len(read_call(headers_of(request_head(Call(b"", "i", unit="u" * 10**6))), b"").unit) == 1024


def test_what_a_newer_release_adds_to_a_call_or_an_outcome_is_left_out():
    document = orjson.dumps({"unit": "u", "of_tomorrow": 1, "body": "no"})
    got = read_call([(b"x-mlops-call", document), (b"x-mlops-prediction-id", b"i")], b"body")
    assert (got.unit, got.body, got.prediction_id, got.dialect) == ("u", b"body", "i", "json")
    outcome = read_outcome(200, [(b"x-mlops-outcome", orjson.dumps({"of_tomorrow": 1}))], b"{}")
    assert outcome == Outcome(200, b"{}", problems=[])


def test_an_outcome_comes_back_whole_but_for_the_words_of_its_problems():
    problems = [Problem(3, "hoür", "type", "'a'", "a number"), Problem(None, None, "empty", "none", "one")]
    sent = Outcome(422, b"no", b"text/plain", ((b"x-more", b"\xe9"), (b"x-more", b"2")), problems, ODD)
    got = read_outcome(422, outcome_headers(sent), b"no")
    assert (got.status, got.body, got.content_type) == (422, b"no", b"text/plain")
    assert (got.headers, got.error) == (sent.headers, ODD)
    assert [(problem.field, problem.reason) for problem in got.problems] == [
        ("hoür", "type"),
        (None, "empty"),
    ]


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_variant_on_the_other_side_answers_as_if_it_were_here(path, at_once):
    echo = Echo(at_once)
    async with served(echo, path):
        asked = call(b"x" * 3_000_000, role="candidate", dialect="arrow", unit="ü")
        assert remote(path).answer_now(asked) is None
        outcome = await remote(path).respond(asked)
    assert (outcome.status, outcome.body, outcome.content_type) == (200, asked.body, b"x/echo")
    assert outcome.headers == ((b"x-more", b"\xe9"),)
    assert [problem.field for problem in outcome.problems] == ["hoür"]
    assert [(c.role, c.dialect, c.unit, c.prediction_id) for c in echo.calls] == [
        ("candidate", "arrow", "ü", "an-id")
    ]


async def test_connections_are_kept_and_only_as_many_made_as_are_needed(path):
    async with scripted(path, answer_all) as accepted:
        variant = remote(path)
        for _ in range(5):
            assert (await variant.respond(call())).body == b"ok"
        assert len(accepted) == 1
        await asyncio.gather(*[variant.respond(call()) for _ in range(8)])
        assert len(accepted) == 8
        await asyncio.gather(*[variant.respond(call()) for _ in range(8)])
        assert len(accepted) == 8


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used_again(path):
    async with scripted(path, answer_one) as accepted:
        variant = remote(path)
        for _ in range(3):
            assert (await variant.respond(call())).status == 200
            await asyncio.sleep(0.02)
        assert len(accepted) == 3


async def test_a_call_is_passed_on_once_more_when_the_other_side_goes_away_without_a_word(path):
    async with scripted(path, go_away, answer_all) as accepted:
        assert (await remote(path).respond(call())).status == 200
        assert len(accepted) == 2


@pytest.mark.parametrize(
    ("scripts", "connections"), [((go_away,), 2), ((answer_half,), 1), ((talk_nonsense,), 1)]
)
async def test_one_that_goes_away_twice_or_amid_its_answer_is_unavailable(path, scripts, connections):
    async with scripted(path, *scripts) as accepted:
        outcome = await remote(path).respond(call())
        assert len(accepted) == connections
    assert (outcome.status, dict(outcome.headers)) == (503, {b"retry-after": b"1"})
    assert "1.0.0 is starting again" in orjson.loads(outcome.body)["error"]


async def test_one_that_is_not_there_is_unavailable_at_once(path):
    outcome = await remote(path).respond(call())
    assert outcome.status == 503
    assert path not in outcome.body.decode()


async def test_one_that_hangs_is_answered_for_at_the_time_out_and_its_connection_is_not_used_again(path):
    async with scripted(path, hang, answer_all) as accepted:
        variant, begun = remote(path, timeout=0.2), time.perf_counter()
        outcome = await variant.respond(call())
        assert 0.2 < time.perf_counter() - begun < 2
        assert outcome.status == 504
        assert "did not answer in 0.2 s" in orjson.loads(outcome.body)["error"]
        assert (await variant.respond(call())).status == 200
        assert len(accepted) == 2


async def test_the_time_out_counts_from_when_the_request_came(path):
    async with scripted(path, hang):
        asked = call()
        asked.begun -= 10
        begun = time.perf_counter()
        assert (await remote(path, timeout=10.0).respond(asked)).status == 504
        assert time.perf_counter() - begun < 2


async def test_no_more_are_passed_on_than_may_be_at_work_or_wait(path):
    async with scripted(path, hang):
        variant = remote(path, timeout=0.5, concurrency=1, queue=2)
        tasks = [asyncio.create_task(variant.respond(call())) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert variant.depth == 3
        refused = await variant.respond(call())
        assert (refused.status, dict(refused.headers)) == (503, {b"retry-after": b"1"})
        assert [outcome.status for outcome in await asyncio.gather(*tasks)] == [504] * 3
        assert variant.depth == 0


async def test_an_answer_to_a_caller_who_went_away_is_not_taken_for_the_next_ones(path):
    class Slow(Echo):
        async def respond(self, call):
            await asyncio.sleep(0.1 if call.body == b"first" else 0)
            return self._answer(call)

    async with served(Slow(), path):
        variant = remote(path)
        first = asyncio.create_task(variant.respond(call(b"first")))
        await asyncio.sleep(0.03)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert variant.depth == 0
        bodies = [(await variant.respond(call(str(i).encode()))).body for i in range(5)]
        await asyncio.sleep(0.15)
        bodies.append((await variant.respond(call(b"5"))).body)
    assert bodies == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_a_server_of_before_dialects_is_not_asked_in_another_than_our_json(path):
    async with scripted(path, answer_all):
        assert (await remote(path).respond(call(dialect="json"))).body == b"ok"
        refused = await remote(path).respond(call(dialect="arrow"))
    assert refused.status == 501


def test_the_contract_of_a_package_is_read_without_its_model(delays_package):
    digest = orjson.loads((delays_package / "MANIFEST.json").read_bytes())["digest"]
    contract = read_contract(delays_package, digest)
    assert contract.model == "delays"
    assert [column["name"] for column in contract.schema["input"]["columns"]] == [
        "distance",
        "hour",
        "origin",
    ]
