"""Traffic of the past, replayed: it is captured in the past, by who may say so, and counted now."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.access.doorkeeper import Doorkeeper
from mlops_jupyter.serving.access.keys import Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.moments import read_moment
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.problems import InvalidRequest
from mlops_jupyter.serving.recording.retention import Retention
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.wire import read_call, request_head
from tests.serving.doubles import GOOD, Observed, body_of, build_doubles
from tests.serving.stand_ins import Named
from tests.serving.test_shadowing import Behind, gate_of, settle

THEN, TOKEN = "2013-07-04T12:30:00.25+02:00", "token"
MOMENT = datetime(2013, 7, 4, 10, 30, 0, 250_000, UTC)
OURS = {"x-mlops-time": THEN, "x-mlops-probe": TOKEN}


class Replayed(Observed):
    """One package with captures and counts, whose own requests bear a token."""

    def __init__(self, package, folder, keeper=None, **options) -> None:
        super().__init__(package, folder, **options)
        meter, router = self._keeping.meter, SingleRouter(self.variant)
        self.gate = Gate(router, meter, self.options, keeper, probe_token=TOKEN.encode())

    def times(self) -> list[tuple[datetime, int]]:
        """Return when rows were and what became of them, by the names of their writers."""
        self.close()
        batches = [batch for file in captured_files(self.folder) for batch in read_batches(file.path)]
        rows = pa.Table.from_batches(batches).to_pylist() if batches else []
        return [(row["time"], row["status"]) for row in rows]


@pytest.fixture(scope="module")
def package(tmp_path_factory, package_builder):
    return build_doubles(package_builder, tmp_path_factory.mktemp("replay"), "two texts")


@pytest.fixture
def observe(package, tmp_path):
    """One package with its captures, closed at the end."""
    made = []

    def observe(**more) -> Replayed:
        made.append(Replayed(package, tmp_path, **more))
        return made[-1]

    yield observe
    for each in made:
        each.close()


def keeper(folder) -> Doorkeeper:
    keys = (
        Key("plain", digest_of(b"plain"), ("predict",)),
        Key("operator", digest_of(b"operator"), ("predict", "operate")),
    )
    write_keys(folder / "keys.json", KeyFile(digest_of(b"owner"), keys))
    return Doorkeeper(folder, Options(), "127.0.0.1", 1, 1)


def test_a_request_is_captured_when_it_says_and_its_latency_is_that_of_now(observe):
    observed = observe()
    assert observed.ask(GOOD, **OURS).status == 200
    counts = observed.counted()
    assert sum(count for key, count in counts.items() if key[0].startswith("answered")) == 1
    assert observed.times() == [(MOMENT, 200)]
    [file] = captured_files(observed.folder)
    (latency,) = next(iter(read_batches(file.path)))["latency"].to_pylist()
    assert 0 < latency < 60


def test_what_is_refused_is_captured_when_it_says_as_well(observe):
    observed = observe()
    assert observed.ask(body_of(length="long"), **OURS).status == 422
    assert observed.times() == [(MOMENT, 422)]


def test_it_lies_in_files_of_its_own(observe):
    observed = observe()
    for headers in ({}, OURS, {}):
        assert observed.ask(GOOD, **headers).status == 200
    observed.close()
    assert {file.writer: file.replayed for file in captured_files(observed.folder)} == {
        "worker-0": False, "replay-worker-0": True,
    }  # fmt: skip
    assert [moment == MOMENT for moment, _ in observed.times()].count(True) == 1


def test_what_is_replayed_is_not_too_old_to_be_kept(observe):
    observed = observe(capture_days=1.0)
    observed.ask(GOOD, **OURS)
    observed.close()
    assert Retention(observed.folder / "capture", 1.0, 10**9).apply() == 0
    assert observed.times() == [(MOMENT, 200)]


def test_requests_of_our_own_that_say_no_time_are_still_no_traffic(observe):
    observed = observe()
    assert observed.ask(GOOD, **{"x-mlops-probe": TOKEN}).status == 200
    assert observed.counted() == {}
    assert observed.times() == []


@pytest.mark.parametrize("token", ["", "guessed", "\xff"])
def test_without_keys_nobody_but_the_workspace_says_when_it_was(observe, token):
    observed = observe()
    outcome = observed.ask(GOOD, **{"x-mlops-time": THEN, "x-mlops-probe": token})
    assert outcome.status == 403
    assert b"only the deployment's own workspace" in outcome.body
    assert observed.times() == []


def test_a_server_without_a_token_lets_nobody_say_when_it_was(package, tmp_path):
    observed = Observed(package, tmp_path)
    assert observed.ask(GOOD, **{"x-mlops-time": THEN, "x-mlops-probe": ""}).status == 403
    assert observed.captured() == []


@pytest.mark.parametrize(
    ("secret", "status"), [("owner", 200), ("operator", 200), ("plain", 403), ("x", 401)]
)
def test_with_keys_it_takes_one_to_operate(observe, tmp_path, secret, status):
    observed = observe(keeper=keeper(tmp_path))
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {secret}", "x-mlops-time": THEN}
    assert observed.ask(GOOD, **headers).status == status
    assert observed.times() == ([(MOMENT, 200)] if status == 200 else [])


@pytest.mark.parametrize(
    "written",
    [
        "", "now", "2013-07-04", "2013-07-04T10:30:00", "20130704T103000Z", "2013-13-04T10:30:00Z",
        "0001-01-01T00:00:00Z", "2013-07-04T10:30:60Z", "2013-07-04T10:30:00+0200", "1373000000",
        "9999-12-31T23:59:59-23:59", "\uff12013-07-04T10:30:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_an_example(observe, written):
    with pytest.raises(
        InvalidRequest, match=r"expected 2026-11-20T18:30:00Z|more than a day ahead"
    ) as raised:
        read_moment(written)
    assert raised.value.status == 400
    observed = observe()
    outcome = observed.ask(
        GOOD, **{"x-mlops-time": written.encode().decode("latin-1"), "x-mlops-probe": TOKEN}
    )
    assert (outcome.status, observed.times()) == (400, [])
    assert json.loads(outcome.body)["error"].startswith("x-mlops-time is ")


def test_what_is_more_than_a_day_ahead_is_refused_and_less_is_a_clock_that_differs():
    now = datetime.now(UTC)
    with pytest.raises(InvalidRequest, match="more than a day ahead"):
        read_moment((now + timedelta(days=1, minutes=1)).isoformat())
    soon = (now + timedelta(hours=23)).replace(microsecond=0)
    assert read_moment(soon.isoformat()) == int(soon.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31t23:59:59.999999999z", -1000),
        ("1970-01-01 01:00:00+01:00", 0),
    ],
)
def test_a_time_is_read_to_the_microsecond(written, nanoseconds):
    assert read_moment(written) == nanoseconds


def test_the_beginning_of_1970_is_a_time_like_any_other(observe):
    observed = observe()
    observed.ask(GOOD, **OURS | {"x-mlops-time": "1970-01-01T00:00:00Z"})
    assert observed.times() == [(datetime(1970, 1, 1, tzinfo=UTC), 200)]


def test_a_variant_in_another_process_is_told_when_it_was():
    for moment in (None, 0, 1_372_933_800_250_000_000):
        sent = request_head(Call(b"", "i", moment=moment)).split(b"\r\n")[1:-2]
        pairs = [tuple(line.split(b": ", 1)) for line in sent]
        assert read_call(pairs, b"").moment == moment


def test_a_shadow_is_asked_at_the_same_time_of_the_past():
    async def ask() -> list[int | None]:
        shadow = Behind(1)
        gate = gate_of(Named(0, "1.0.0"), shadow, probe_token=TOKEN.encode())
        await gate.answer({name.encode(): value.encode() for name, value in OURS.items()}, b"{}")
        await settle(lambda: shadow.calls)
        return [call.moment for call in shadow.calls]

    assert asyncio.run(ask()) == [read_moment(THEN)]


def test_all_protocols_take_it(observe):
    observed = observe()
    asked = {name.encode(): value.encode() for name, value in OURS.items()} | {
        b"content-type": b"application/json"
    }
    body = json.dumps({"dataframe_records": [json.loads(GOOD)["features"]]}).encode()
    assert asyncio.run(observed.gate.answer(asked, body, "mlflow")).outcome.status == 200
    assert observed.times() == [(MOMENT, 200)]
