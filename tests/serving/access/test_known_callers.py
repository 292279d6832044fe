"""Callers who keep their connection: what is known of their requests lets nobody in who should not be."""

from __future__ import annotations

import json
import time

import pytest

from mlops_jupyter.serving.access.doorkeeper import Doorkeeper
from mlops_jupyter.serving.access.keys import Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.door import Door
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.router import SingleRouter
from tests.serving.connections import Running, ask
from tests.serving.doubles import GOOD, build_doubles, written


@pytest.fixture(scope="module")
def router(tmp_path_factory, package_builder):
    folder = tmp_path_factory.mktemp("callers")
    return SingleRouter(LocalVariant(0, load(build_doubles(package_builder, folder, "two texts"))))


@pytest.fixture
def start(router):
    """Start servers with doorkeepers of their own, and stop them at the end."""
    started = []

    def start(doorkeeper) -> Running:
        gate = Gate(router, Meter(None, "sizes"), None, doorkeeper)
        started.append(Running(create_app(router, gate), Door))
        started[-1].gate = gate
        return started[-1]

    yield start
    for running in started:
        running.stop()


def keeper(folder, **key) -> Doorkeeper:
    write_keys(folder / "keys.json", KeyFile(digest_of(b"owner"), (Key("k", digest_of(b"secret"), **key),)))
    return Doorkeeper(folder, Options(), "127.0.0.1", 1, 1)


def bearing(secret: str, *more: str, **changed: str) -> bytes:
    return written(GOOD, f"authorization: Bearer {secret}", *more, **changed)


@pytest.mark.parametrize(
    ("request_", "status"),
    [(bearing("wrong"), 401), (written(), 401), (bearing("secret", host="rebound.example"), 421)],
)
def test_who_is_not_let_in_teaches_nothing(start, tmp_path, request_, status):
    running = start(keeper(tmp_path))
    with running.connect() as line:
        assert {ask(line, request_)[0] for _ in range(5)} == {status}
        assert not running.gate.known_heads
        assert ask(line, bearing("secret"))[0] == 200
    assert len(running.gate.known_heads) == 1


def test_a_rate_counts_under_a_known_head_and_who_is_beyond_it_teaches_nothing(start, tmp_path):
    running = start(keeper(tmp_path, rate=0.001, burst=4))
    with running.connect() as line:
        statuses = [ask(line, bearing("secret"))[0] for _ in range(6)]
        others = [ask(line, bearing("secret", f"x-request-id: {number}"))[0] for number in range(3)]
    assert (statuses, others) == ([200] * 4 + [429] * 2, [429] * 3)
    assert len(running.gate.known_heads) == 1


def test_a_revoked_key_opens_no_known_head(start, tmp_path):
    running = start(keeper(tmp_path))
    with running.connect() as line:
        assert [ask(line, bearing("secret"))[0] for _ in range(3)] == [200] * 3
        keeper(tmp_path, revoked=time.time())
        time.sleep(1)
        status, headers, told = ask(line, bearing("secret"))
    assert (status, json.loads(told)) == (401, {"error": "the key was revoked"})
    assert b"www-authenticate" in headers
