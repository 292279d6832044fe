"""What nobody should send, to every surface of a real worker: one clear refusal, and nothing else happens."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import httpx
import pyarrow as pa
import pytest

from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.router import SingleRouter

from .served import Served

GOOD = {"distance": [200.0], "hour": [18], "origin": ["JFK"]}
ARROW = "application/vnd.apache.arrow.stream"
V2 = "/v2/models/delays/infer"
DATATYPES = {"distance": "FP64", "hour": "INT64", "origin": "BYTES"}
LONGEST = 1200  # characters of a refusal, whatever was sent
GROWTH = 40  # MB that a worker may hold more than before


@dataclass(frozen=True)
class Sent:
    """A request."""

    path: str
    content_type: str | None
    body: bytes


def as_json(columns):
    return Sent("/predict", "application/json", json.dumps({"features": columns}).encode())


def as_mlflow(columns):
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return Sent("/invocations", "application/json", json.dumps({"dataframe_records": records}).encode())


def as_v2(columns):
    inputs = [
        {"name": name, "shape": [len(data)], "datatype": DATATYPES.get(name, "FP64"), "data": data}
        for name, data in columns.items()
    ]
    return Sent(V2, "application/json", json.dumps({"inputs": inputs}).encode())


def as_arrow(columns):
    batch = pa.record_batch({name: pa.array(data) for name, data in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return Sent("/predict", ARROW, sink.getvalue().to_pybytes())


SURFACES = {"json": as_json, "mlflow": as_mlflow, "v2": as_v2, "arrow": as_arrow}
JSON_PATHS = ["/predict", "/invocations", V2]
NAN, INFINITY = float("nan"), float("inf")
MISFITS = {
    "a wrong type": GOOD | {"hour": ["x"]},
    "a text instead of a number, and long": GOOD | {"distance": ["x" * 100_000]},
    "a missing column": {"distance": [200.0], "hour": [18]},
    "an extra column": GOOD | {"colour": ["red"]},
    "an extra column of a long name": GOOD | {"c" * 100_000: [1]},
    "null where there must be a value": GOOD | {"hour": [None]},
    "NaN where there must be a value": GOOD | {"hour": [NAN]},
    "a fraction for an integer": GOOD | {"hour": [18.5]},
    "a boolean for an integer": GOOD | {"hour": [True]},
    "no rows": {name: [] for name in GOOD},
}
TEXTS = {
    "nothing": b"",
    "no JSON": b"{",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1" * 100_000,
    "lists 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "objects 10,000 deep": b'{"features":' * 10_000 + b"1" + b"}" * 10_000,
    "deep below a key that is read": b'{"features":[%b],"instances":[%b],"inputs":[%b]}'
    % ((b"[" * 10_000 + b"]" * 10_000,) * 3),
    "bytes that are no text": b'{"features": "\xff\xfe"}',
    "half of a surrogate as bytes": b'{"features": {"origin": "\xed\xa0\x80"}}',
    "a mark of byte order": b'\xef\xbb\xbf{"features": {}}',
    "zeros": bytes(100_000),
    "a key given twice": b'{"features": {"hour": 1, "hour": 2, "origin": "JFK"}, '
    b'"dataframe_records": [{"hour": 1, "hour": 2, "origin": "JFK"}], "inputs": [], "inputs": []}',
}
VALUES = {
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "a number beyond all doubles": b"1e999",
    "an integer beyond 64 bits": b"9223372036854775808",
    "an integer just below 64 bits": b"-9223372036854775809",
    "an integer of 5,000 digits": b"9" * 5_000,
    "half of a surrogate": b'"\\ud800"',
    "an object": b'{"a": {"b": [1]}}',
}
TEMPLATES = {
    "/predict": b'{"features": {"distance": 1, "hour": %b, "origin": "JFK"}}',
    "/invocations": b'{"dataframe_split": {"columns": ["hour", "origin"], "data": [[%b, "JFK"]]}}',
    V2: b'{"inputs": [{"name": "hour", "shape": [1], "datatype": "INT64", "data": [%b]},'
    b'{"name": "origin", "shape": [1], "datatype": "BYTES", "data": ["JFK"]}]}',
}
HOSTILE = {
    **{
        f"{what}, as {kind}": write(columns)
        for what, columns in MISFITS.items()
        for kind, write in SURFACES.items()
    },
    **{
        f"{what}, to {path}": Sent(path, "application/json", body)
        for what, body in TEXTS.items()
        for path in [*JSON_PATHS, "/feedback"]
    },
    **{
        f"{what}, to {path}": Sent(path, "application/json", template % value)
        for what, value in VALUES.items()
        for path, template in TEMPLATES.items()
    },
    "columns that are a number, to /invocations": Sent(
        "/invocations", "application/json", b'{"dataframe_split": {"columns": 5, "data": [[1]]}}'
    ),
    "a stream that ends early": Sent("/predict", ARROW, as_arrow(GOOD).body[:-200]),
    "a stream with other bytes in it": Sent("/predict", ARROW, as_arrow(GOOD).body.replace(b"\x10", b"\xff")),
    "no stream": Sent("/predict", ARROW, b"ARROW1\0\0" + bytes(range(256)) * 40),
    "an empty stream": Sent("/predict", ARROW, b""),
    "a stream that promises 2 GB": Sent("/predict", ARROW, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64)),
    **{f"no content type, to {path}": Sent(path, None, b"{}") for path in JSON_PATHS},
    **{f"a strange content type, to {path}": Sent(path, "x" * 5_000, b"{}") for path in JSON_PATHS},
}


def refused(response: httpx.Response) -> None:
    """Fail unless this is one clear refusal that tells nothing of the server, and little of the request."""
    answer = response.json()
    error = answer.get("error", answer.get("message"))
    assert 400 <= response.status_code < 500, response.text[:1000]
    assert error
    assert "\n" not in error
    assert len(response.text) < LONGEST
    assert not re.search(
        r"Traceback|File \"|\.py\b|/tmp/|model_server|site-packages|object at 0x", response.text
    )


@pytest.fixture(scope="module")
def deployment(delays_package):
    served = Served(delays_package, Options(extra_columns="refuse"))
    yield served
    assert "Traceback" not in served.logs()
    served.stop()


@pytest.fixture(scope="module")
def caller(deployment):
    with httpx.Client(base_url=deployment.url, timeout=30, trust_env=False) as caller:
        yield caller


def send(caller, sent: Sent, **headers: str) -> httpx.Response:
    kind = {"content-type": sent.content_type} if sent.content_type is not None else {}
    return caller.post(sent.path, content=sent.body, headers=kind | headers)


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_in_one_line(caller, what):
    refused(send(caller, HOSTILE[what]))


@pytest.mark.parametrize("surface", SURFACES)
def test_columns_in_another_order_are_right_by_name(caller, surface):
    turned = dict(reversed(GOOD.items()))
    answers = [send(caller, SURFACES[surface](columns)) for columns in (GOOD, turned)]
    assert [answer.status_code for answer in answers] == [200, 200]
    if surface == "json":
        assert answers[0].json()["probabilities"] == answers[1].json()["probabilities"]


def test_refusals_are_counted_as_such_and_the_server_has_no_faults(caller, deployment):
    before = {code: deployment.counted("mlops_requests_total", code=code) for code in ("200", "422", "500")}
    wrong = deployment.counted("mlops_validation_errors_total", field="hour", reason="type")
    for sent in HOSTILE.values():
        send(caller, sent)
    after = {code: deployment.counted("mlops_requests_total", code=code) for code in ("200", "422", "500")}
    assert after["200"] == before["200"]
    assert after["422"] > before["422"] + 20
    assert after["500"] == 0
    assert deployment.counted("mlops_validation_errors_total", field="hour", reason="type") > wrong


class Counting:
    """A model that counts how often it is asked."""

    def __init__(self, runtime):
        self._runtime, self.asked = runtime, 0

    def predict(self, batch):
        self.asked += 1
        return self._runtime.predict(batch)


def test_the_model_is_never_asked(delays_package):
    package = load(delays_package)
    counting = Counting(package.runtime)
    variant = LocalVariant(0, replace(package, runtime=counting), Options(extra_columns="refuse"))
    app, warm = create_app(SingleRouter(variant)), counting.asked

    async def send_all():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as caller:
            for sent in HOSTILE.values():
                refused(await send(caller, sent))
            assert counting.asked == warm
            assert (await send(caller, as_json(GOOD))).status_code == 200
            assert counting.asked == warm + 1

    asyncio.run(send_all())


@contextmanager
def flat_memory(deployment):
    """Fail when the worker's memory grows in between, be it for a moment."""
    highest, begun, done = [], deployment.megabytes(), threading.Event()

    def watch():
        while not done.wait(0.005):
            highest.append(deployment.megabytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert max(highest, default=begun) < begun + GROWTH


LARGE = {
    "a text of 50 MB": b'{"features": "' + b"x" * 50_000_000 + b'"}',
    "10 million numbers": b'{"features": [' + b"1," * 10_000_000 + b"1]}",
}


@pytest.mark.parametrize("path", ["/predict", "/invocations", V2])
@pytest.mark.parametrize("what", LARGE)
def test_a_large_body_is_not_held(caller, deployment, what, path):
    with flat_memory(deployment):
        for _ in range(3):
            response = send(caller, Sent(path, "application/json", LARGE[what]))
            refused(response)
            assert response.status_code == 413


def test_a_large_stream_without_a_length_is_not_held(caller, deployment):
    parts = (b"x" * 1_000_000 for _ in range(50))
    with flat_memory(deployment):
        response = caller.post("/predict", content=parts, headers={"content-type": "application/json"})
    refused(response)
    assert response.status_code == 413


@pytest.mark.parametrize("path", ["/predict", "/invocations", V2, "/feedback"])
def test_a_bomb_is_not_unpacked(caller, deployment, path):
    bomb = gzip.compress(bytes(100_000_000))
    with flat_memory(deployment):
        response = send(caller, Sent(path, "application/json", bomb), **{"content-encoding": "gzip"})
    refused(response)
    assert response.status_code == 415


@pytest.mark.parametrize("path", ["/predict", "/invocations", V2])
def test_of_a_gigabyte_that_is_announced_the_beginning_is_enough(deployment, path):
    with (
        flat_memory(deployment),
        closing(socket.create_connection(("127.0.0.1", deployment.port), 10)) as line,
    ):
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        line.sendall(f"{head}content-length: {10**9}\r\n\r\n".encode() + b"x" * 300_000)
        begun, answer = time.monotonic(), b""
        while part := line.recv(65536):
            answer += part
        assert time.monotonic() - begun < 5
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_after_all_this_it_answers_as_ever(caller, deployment):
    assert send(caller, as_json(GOOD)).status_code == 200
    assert deployment.worker.is_running()
