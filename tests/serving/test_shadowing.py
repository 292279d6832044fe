"""Shadow variants: asked the same, after the answer, and never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from mlops_jupyter.serving import shadowing
from mlops_jupyter.serving.call import Outcome
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.weighted import WeightedRouter
from mlops_jupyter.serving.weights import Share, Weights
from tests.serving.stand_ins import Fixed, Named

pytestmark = pytest.mark.anyio
ASKED = {b"content-type": b"application/json", b"x-mlops-unit": b"u1"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Behind(Named):
    """A shadow that keeps what it was asked, and answers when it is let."""

    def __init__(self, slot: int, version: str = "2.0.0", fails: object = None) -> None:
        super().__init__(slot, version)
        self.calls, self.let, self.fails = [], asyncio.Event(), fails
        self.let.set()

    def answer_now(self, call):
        return None

    async def respond(self, call):
        self.calls.append(call)
        await self.let.wait()
        if isinstance(self.fails, Exception):
            raise self.fails
        return self.fails or Outcome(200, b"{}")


class Quick(Behind):
    """A shadow that answers at once."""

    def answer_now(self, call):
        self.calls.append(call)
        if isinstance(self.fails, Exception):
            raise self.fails
        return self.fails or Outcome(200, b"{}")


class Refusing(Named):
    def answer_now(self, call):
        return Outcome(422, b"{}")


def gate_of(stable: Named, *shadows: Behind, probe_token: bytes = b"") -> Gate:
    weights = Weights((Share("stable", 100.0), *[Share("shadow", 0.0)] * len(shadows)))
    router = WeightedRouter([stable, *shadows], Fixed(weights), {})
    return Gate(router, Meter(None, "churn"), Options(), probe_token=probe_token)


def ask(gate: Gate, body: bytes = b"{}", **headers: bytes) -> Outcome:
    """Ask as the door does."""
    more = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    reply = gate.answer_now(gate.read_head(list({**ASKED, **more}.items())), body)
    assert reply is not None
    return reply.outcome


def counted(gate: Gate, family: str, variant: str = "shadow") -> dict[str, int]:
    """Return the requests of shadows by code, or the sum of a family under ''."""
    return {
        "".join(key[4:]): sum(cells[:-1]) if len(cells) > 1 else cells[0]
        for key, cells in gate.meter.read().items()
        if key[0].startswith(family) and key[3] == variant and any(cells)
    }


async def settle(true, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    """However busy the machine is, the worker has time for shadows."""
    monkeypatch.setattr(shadowing, "_BUSY", 1000.0)


@pytest.mark.parametrize("quick", [True, False], ids=["at once", "awaited"])
async def test_a_shadow_is_asked_the_same_after_the_answer(quick):
    shadow = Behind(1)
    gate = gate_of(Named(0, "1.0.0", quick), shadow)
    body = b'{"features": {"a": 1}}'
    outcome = ask(gate, body) if quick else (await gate.answer(ASKED, body)).outcome
    assert outcome.body == b'["1.0.0", "stable", "u1"]'
    assert shadow.calls == []
    await settle(lambda: shadow.calls)
    (call,) = shadow.calls
    assert (call.body, call.role, call.unit, call.dialect) == (body, "shadow", "u1", "json")
    await settle(lambda: counted(gate, "answered"))
    assert counted(gate, "answered") == {"200": 1}
    assert counted(gate, "answered", "stable") == {"200": 1}


async def test_a_copy_has_the_prediction_id_of_the_answer_so_that_both_can_be_compared():
    class Telling(Named):
        def answer_now(self, call):
            return Outcome(200, call.prediction_id.encode())

    shadow = Behind(1)
    gate = gate_of(Telling(0, "1.0.0"), shadow)
    ids = [ask(gate).body.decode() for _ in range(3)]
    await settle(lambda: len(shadow.calls) == 3)
    assert [call.prediction_id for call in shadow.calls] == ids


async def test_requests_that_were_refused_and_our_own_probes_are_not_copied():
    shadow = Behind(1)
    ask(gate_of(Refusing(0, "1.0.0"), shadow))
    gate = gate_of(Named(0, "1.0.0"), shadow, probe_token=b"ours")
    await gate.answer({**ASKED, b"x-mlops-probe": b"ours"}, b"{}")
    await asyncio.sleep(0.02)
    assert shadow.calls == []


async def test_a_shadow_that_hangs_costs_callers_nothing_and_what_it_misses_is_counted():
    alone, hanging = gate_of(Named(0, "1.0.0")), Behind(1)
    hanging.let.clear()
    gate = gate_of(Named(0, "1.0.0"), hanging)
    for _ in range(20):
        ask(gate)
    await asyncio.sleep(0.01)  # four are at it, the others wait
    before = len(hanging.calls)
    more = shadowing.MOST_WAITING + 100
    begun = time.perf_counter()
    for _ in range(more):
        assert ask(gate).status == 200
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    for _ in range(more):
        ask(alone)
    assert seconds < 5 * (time.perf_counter() - begun) + 0.02
    await settle(lambda: counted(gate, "capture_dropped") == {"": 20 - before + 100})
    assert counted(gate, "answered", "stable") == {"200": 20 + more}
    hanging.let.set()
    await settle(lambda: counted(gate, "answered") == {"200": before + shadowing.MOST_WAITING})


async def test_large_bodies_are_not_piled_up():
    hanging = Behind(1)
    hanging.let.clear()
    gate = gate_of(Named(0, "1.0.0", quick=False), hanging)
    body = b" " * (shadowing.MOST_BYTES // 3)
    for _ in range(10):
        await gate.answer(ASKED, body)
        await asyncio.sleep(0)
    taken = len(hanging.calls)
    await settle(lambda: counted(gate, "capture_dropped") == {"": 10 - taken - 3})
    hanging.let.set()
    await settle(lambda: len(hanging.calls) == taken + 3)
    huge = b" " * (shadowing.MOST_BYTES + 1)  # by itself it may pass: larger ones are refused as requests
    await gate.answer(ASKED, huge)
    await settle(lambda: hanging.calls[-1].body == huge)


async def test_one_shadow_that_hangs_keeps_no_copies_from_another():
    hanging, other = Behind(1), Behind(2, "3.0.0")
    hanging.let.clear()
    gate = gate_of(Named(0, "1.0.0"), hanging, other)
    for _ in range(3 * shadowing.MOST_WAITING):
        ask(gate)
        await asyncio.sleep(0)
    await settle(lambda: len(other.calls) == 3 * shadowing.MOST_WAITING)
    hanging.let.set()
    await settle(lambda: len(hanging.calls) == 4 + shadowing.MOST_WAITING)  # at it, and waiting
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("fails", [ZeroDivisionError("a detail"), Outcome(500, b"{}"), Outcome(503, b"{}")])
@pytest.mark.parametrize("kind", [Behind, Quick])
async def test_the_failures_of_a_shadow_are_seen_in_metrics_and_log_and_by_no_caller(kind, fails, caplog):
    gate = gate_of(Named(0, "1.0.0"), kind(1, fails=fails))
    with caplog.at_level(logging.ERROR, "model_server"):
        outcomes = [ask(gate) for _ in range(10)]
        await settle(lambda: sum(counted(gate, "answered").values()) == 10)
    assert {outcome.status for outcome in outcomes} == {200}
    code = str(fails.status) if isinstance(fails, Outcome) else "500"
    assert counted(gate, "answered") == {code: 10}
    assert counted(gate, "answered", "stable") == {"200": 10}
    if isinstance(fails, Exception):  # a variant that answers has logged why itself
        assert "shadow 2.0.0 failed" in caplog.text


async def test_a_shadow_is_forced_as_any_resident_variant():
    gate = gate_of(Named(0, "1.0.0"), Behind(1))
    reply = await gate.answer({**ASKED, b"x-mlops-variant": b"shadow"}, b"{}")
    assert reply.outcome.status == 200


@pytest.mark.parametrize("kind", [Behind, Quick])
async def test_a_busy_worker_asks_shadows_for_a_sample_and_counts_the_others(kind, monkeypatch):
    monkeypatch.setattr(shadowing, "_BUSY", -1.0)
    monkeypatch.setattr(shadowing, "_BUSY_SHARE", 1e9)
    gate = gate_of(Named(0, "1.0.0"), kind(1))
    more = shadowing.MOST_WAITING + 50
    for _ in range(more):
        assert ask(gate).status == 200
    await settle(lambda: counted(gate, "capture_dropped") == {"": 50})
    await settle(lambda: counted(gate, "answered"))
    await asyncio.sleep(0.05)
    assert sum(counted(gate, "answered").values()) <= 4  # those that were under way at once
    assert counted(gate, "answered", "stable") == {"200": more}
