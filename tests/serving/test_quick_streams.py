"""Arrow streams of one plain batch: answered at once while those of their size are quick."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pyarrow as pa
import pytest

from mlops_jupyter.serving import local
from mlops_jupyter.serving.access.doorkeeper import Doorkeeper
from mlops_jupyter.serving.access.keys import Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import ARROW
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.router import SingleRouter
from tests.serving.doubles import DATA, build_doubles

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Slowed:
    """A model that takes as long as it is told."""

    def __init__(self, runtime) -> None:
        self._runtime, self.seconds = runtime, 0.0

    def predict(self, batch):
        time.sleep(self.seconds)
        return self._runtime.predict(batch)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """What is quick here, so that a busy machine does not decide."""
    monkeypatch.setattr(local, "_QUICK", 0.3)


@pytest.fixture(scope="module")
def package(tmp_path_factory, package_builder):
    return load(build_doubles(package_builder, tmp_path_factory.mktemp("quick"), "two numbers"))


@pytest.fixture
def slowed(package):
    return replace(package, runtime=Slowed(package.runtime))


def call(rows, **more):
    sink = io.BytesIO()
    batch = pa.RecordBatch.from_pandas(DATA.head(rows), preserve_index=False)
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**more)) as stream:
        stream.write_batch(batch)
    return Call(sink.getvalue(), "id", dialect="arrow", content_type=ARROW, begun=time.perf_counter())


async def taught(slowed, rows):
    """Return a variant that has answered such a stream within a millisecond."""
    variant = LocalVariant(0, slowed, Options(batching=False))
    for _ in range(50):
        assert (await variant.respond(call(rows))).status == 200
        if variant.answer_now(call(rows)):
            return variant
    pytest.fail("no answer was quick")


async def test_a_stream_is_answered_at_once_after_one_of_its_size_was_quick(slowed):
    assert LocalVariant(0, slowed, Options(batching=False)).answer_now(call(100)) is None
    variant = await taught(slowed, 100)
    awaited = await variant.respond(call(100))
    assert variant.answer_now(call(50)).status == 200
    assert variant.answer_now(call(200)) is None
    assert variant.answer_now(call(100)).body == awaited.body


async def test_what_may_be_more_rows_than_its_size_says_is_not(slowed):
    variant = await taught(slowed, 100)
    assert variant.answer_now(call(100, compression="lz4")) is None
    assert variant.answer_now(replace(call(100), content_type="text/plain")) is None


async def test_a_stream_that_took_long_is_the_last_of_its_size(slowed):
    variant = await taught(slowed, 100)
    slowed.runtime.seconds = 0.4
    assert variant.answer_now(call(100)).status == 200
    assert variant.answer_now(call(100)) is None
    assert (await variant.respond(call(100))).status == 200
    assert variant.answer_now(call(100)) is None


def gate_of(variant, doorkeeper=None) -> Gate:
    return Gate(SingleRouter(variant), Meter(None, "sizes"), None, doorkeeper)


def counted(gate: Gate) -> int:
    return sum(sum(cells[:-1]) for key, cells in gate.meter.read().items() if key[0].startswith("answered"))


async def test_the_door_answers_such_a_stream_as_the_usual_way_does(slowed):
    gate = gate_of(await taught(slowed, 100))
    head = gate.read_head([(b"content-type", ARROW.encode())])
    reply = gate.answer_now(head, call(100).body)
    usual = await gate.answer(head.asked, call(100).body)
    rows = [pa.ipc.open_stream(each.outcome.body).read_all() for each in (reply, usual)]
    assert rows[0].equals(rows[1])
    assert reply.outcome.content_type == usual.outcome.content_type == ARROW.encode()
    assert counted(gate) == 2


async def test_a_stream_that_is_not_plain_is_left_to_the_usual_way(slowed):
    gate = gate_of(await taught(slowed, 100))
    head = gate.read_head([(b"content-type", ARROW.encode())])
    assert gate.answer_now(head, call(100, compression="lz4").body) is None
    assert gate.answer_now(head, b"no stream") is None
    assert counted(gate) == 0


async def test_a_stream_of_somebody_without_a_key_is_turned_away(slowed, tmp_path):
    write_keys(tmp_path / "keys.json", KeyFile(digest_of(b"owner"), (Key("k", digest_of(b"secret")),)))
    gate = gate_of(await taught(slowed, 100), Doorkeeper(tmp_path, Options(), "127.0.0.1", 1, 1))
    asked = [(b"content-type", ARROW.encode()), (b"host", b"127.0.0.1")]
    reply = gate.answer_now(gate.read_head(asked), call(100).body)
    assert reply.outcome.status == 401
    let_in = [*asked, (b"authorization", b"Bearer secret")]
    assert gate.answer_now(gate.read_head(let_in), call(100).body).outcome.status == 200
