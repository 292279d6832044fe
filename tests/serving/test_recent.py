"""Answers kept for requests that come again byte for byte."""

from __future__ import annotations

import asyncio
import json

import orjson
import pyarrow as pa
import pytest

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.front import Keeping
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.spec import VariantSpec

JSON = {b"content-type": b"application/json"}


class Served:
    """A package with a cache of two answers, that captures and counts its predictions."""

    def __init__(self, package, folder, cache: int) -> None:
        self.folder, self.predicted, self._runtime = folder, 0, package.runtime
        options = Options(cache=cache)
        self._keeping = Keeping(folder, "delays", "worker-0", options)
        spec = VariantSpec(0, "1.0.0", package.manifest.digest, "", "local", "")
        variant = LocalVariant(0, package, options, self._keeping.recorder(package, spec))
        self._keeping.watch(variant)
        variant._package = self  # between the variant and its model, to see when it is asked
        self.answers = package.answers
        self.runtime = self
        self.gate = Gate(SingleRouter(variant), self._keeping.meter, options)

    def predict(self, batch):
        self.predicted += 1
        return self._runtime.predict(batch)

    def ask(self, body: bytes, **headers: str):
        asked = {**JSON, **{name.encode(): value.encode() for name, value in headers.items()}}
        reply = self.gate.answer_now(self.gate.read_head(list(asked.items())), body)
        return (reply or asyncio.run(self.gate.answer(asked, body))).outcome

    def met(self) -> tuple[int, int]:
        counts = self._keeping.meter.read()
        return tuple(
            next((cells[0] for key, cells in counts.items() if key[0].startswith(name)), 0)
            for name in ("answer_cache_hits", "answer_cache_misses")
        )

    def captured(self) -> list[dict]:
        asyncio.run(self._keeping.close())
        batches = [batch for file in captured_files(self.folder) for batch in read_batches(file.path)]
        return pa.Table.from_batches(batches).sort_by("time").to_pylist()


@pytest.fixture
def served(delays_package, tmp_path):
    return Served(load(delays_package), tmp_path, cache=2)


def body(hour: int) -> bytes:
    return orjson.dumps({"features": {"distance": 200.0, "hour": hour, "origin": "JFK"}})


def test_a_request_that_comes_again_is_answered_without_the_model(served):
    first, again = served.ask(body(18)), served.ask(body(18))
    assert served.predicted == 1
    assert served.met() == (1, 1)
    one, other = json.loads(first.body), json.loads(again.body)
    assert one.pop("prediction_id") != other.pop("prediction_id")
    assert one == other


def test_what_comes_from_the_cache_is_captured_as_any_other(served):
    answers = [served.ask(body(18), **{"x-mlops-unit": unit}).body for unit in ("u1", "u2")]
    rows = served.captured()
    assert [row["prediction_id"] for row in rows] == [json.loads(a)["prediction_id"] for a in answers]
    assert [row["unit"] for row in rows] == ["u1", "u2"]
    told_apart = {"prediction_id", "unit", "time", "latency"}
    assert len({tuple(sorted((k, v) for k, v in r.items() if k not in told_apart)) for r in rows}) == 1
    assert served.predicted == 1


def test_the_answer_not_asked_for_longest_is_forgotten(served):
    for hour in (1, 2, 1, 3, 1, 2):
        served.ask(body(hour))
    assert served.predicted == 4  # 1, 2, 3, and 2 again
    assert served.met() == (2, 4)


def test_only_the_very_same_bytes_are_the_same_request(served):
    served.ask(body(18))
    served.ask(body(18) + b" ")
    assert served.met() == (0, 2)


def test_refusals_are_not_kept(served):
    wrong = body(18).replace(b"18", b'"late"')
    assert [served.ask(wrong).status for _ in range(2)] == [422, 422]
    assert served.met()[0] == 0
    assert served.predicted == 0


def test_an_answer_is_written_in_the_form_each_caller_asks_for(served):
    arrow = "application/vnd.apache.arrow.stream"
    first, second = served.ask(body(18)), served.ask(body(18), accept=arrow)
    assert served.predicted == 1
    assert second.content_type == arrow.encode()
    told = pa.ipc.open_stream(second.body).read_all().to_pylist()
    assert told[0]["prediction"] == json.loads(first.body)["predictions"][0]


def test_without_a_cache_every_request_is_predicted(delays_package, tmp_path):
    served = Served(load(delays_package), tmp_path, cache=0)
    served.ask(body(18))
    served.ask(body(18))
    assert served.predicted == 2
    assert served.met() == (0, 0)
