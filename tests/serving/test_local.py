"""A variant in the worker: what is slow has threads of its own, a deadline and a place in the capture."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import orjson
import pytest

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.options import Options

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Held:
    """A model that takes 2 ms, or as long as it is held."""

    def __init__(self, runtime) -> None:
        self._runtime, self.held, self.sizes = runtime, threading.Event(), []
        self.held.set()

    def predict(self, batch):
        time.sleep(0.002)
        assert self.held.wait(20)
        self.sizes.append(batch.rows)
        return self._runtime.predict(batch)


class Recorder:
    """Keeps what it is given."""

    idle = False
    record_row = None

    def __init__(self) -> None:
        self.statuses = []

    def record(self, entry, _size) -> None:
        self.statuses.append(entry[4])


@pytest.fixture
def held(delays_package):
    package = load(delays_package)
    return replace(package, runtime=Held(package.runtime))


def call(flight, number: int = 0) -> Call:
    return Call(orjson.dumps({"features": flight}), f"id-{number}", begun=time.perf_counter())


async def eventually(true) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("batching", [True, False])
async def test_an_answer_that_comes_after_the_time_out_is_not_captured_as_one(held, flight, batching):
    recorder = Recorder()
    variant = LocalVariant(0, held, Options(timeout=0.2, concurrency=1, batching=batching), recorder)
    held.runtime.held.clear()
    outcome = await variant.respond(call(flight))
    assert (outcome.status, recorder.statuses) == (504, [504])
    answered = len(held.runtime.sizes)
    held.runtime.held.set()
    await eventually(lambda: len(held.runtime.sizes) > answered)
    await eventually(lambda: variant.depth == 0)
    await asyncio.sleep(0.05)
    assert recorder.statuses == [504]
    assert (await variant.respond(call(flight))).status == 200
    assert recorder.statuses == [504, 200]


async def test_requests_that_wait_are_predicted_together_where_that_was_measured_to_pay(held, flight):
    variant = LocalVariant(0, held, Options(concurrency=1))
    held.runtime.sizes.clear()
    outcomes = await asyncio.gather(*[variant.respond(call(flight, number)) for number in range(20)])
    assert [outcome.status for outcome in outcomes] == [200] * 20
    assert [orjson.loads(outcome.body)["prediction_id"] for outcome in outcomes] == [
        f"id-{i}" for i in range(20)
    ]
    assert sum(held.runtime.sizes) == 20
    assert max(held.runtime.sizes) > 10


async def test_a_full_queue_is_answered_503_with_when_to_come_again(held, flight):
    variant = LocalVariant(0, held, Options(concurrency=1, queue=1, batching=False))
    held.runtime.held.clear()
    tasks = [asyncio.create_task(variant.respond(call(flight))) for _ in range(3)]
    await eventually(lambda: any(task.done() for task in tasks))
    (refused,) = [task.result() for task in tasks if task.done()]
    assert refused.status == 503
    assert int(dict(refused.headers)[b"retry-after"]) >= 1
    held.runtime.held.set()
    assert sorted([(await task).status for task in tasks]) == [200, 200, 503]
