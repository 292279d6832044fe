"""Arrow streams of one plain batch: answered at once while those of their size are quick."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pyarrow as pa
import pytest

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import ARROW
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.options import Options
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
    slowed.runtime.seconds = 0.002
    assert variant.answer_now(call(100)).status == 200
    assert variant.answer_now(call(100)) is None
    assert (await variant.respond(call(100))).status == 200
    assert variant.answer_now(call(100)) is None
