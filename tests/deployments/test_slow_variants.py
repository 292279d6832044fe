"""A candidate that is slow, hangs or is killed is the candidate's trouble: stable answers as before.

The real server with two real packages: stable is a graph, the candidate has the user's own code in it, whose
pace a file sets. It is resident in the worker, or in a process of its own.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import time
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.processes import find_process
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.weights import Share, Weights, create_weights

from .clients import Clients
from .thin_packages import SERVING, build

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT, AT_WORK, WAITING = 1.0, 2, 4
USUAL, TEN_TIMES, NEVER = "0.005", "0.05", "never"
PACE = """
import os, time

def at_pace(X):
    while (pace := open(os.environ["PACE"]).read()) == "never":
        time.sleep(0.02)
    time.sleep(float(pace))
    return X
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Stable, and a candidate that takes its pace from a file."""
    root = tmp_path_factory.mktemp("packages")
    (root / "pace").write_text(USUAL)
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    late = data.a > 0
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (root / "own").mkdir()
        (root / "own" / "pace.py").write_text(PACE)
        patch.syspath_prepend(str(root / "own"))
        patch.setenv("PACE", str(root / "pace"))
        import pace

        stable = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, late)
        candidate = make_pipeline(FunctionTransformer(pace.at_pace), LogisticRegression()).fit(data, late)
        built = [
            build(root / "stable", "1.0.0", stable, data),
            build(root / "candidate", "1.1.0", candidate, data, PACE),
        ]
        del sys.modules["pace"]
    return built


@dataclass
class Paced:
    """A deployment of both, half of the units to each."""

    deployment: object
    pace_file: Path
    units: dict[str, list[str]] = field(default_factory=lambda: {"stable": [], "candidate": []})

    @property
    def port(self) -> int:
        return self.deployment.port

    def pace(self, pace: str) -> None:
        self.pace_file.write_text(pace)

    def sort_units(self) -> None:
        for i in range(40):
            answer = ask_once(self.port, f"unit-{i}")
            self.units[json.loads(answer.body)["variant"]].append(f"unit-{i}")

    def traffic(self, role: str, clients: int, pause: float = 0.002) -> Traffic:
        return Traffic(self.port, self.units[role], clients, pause)

    def processes(self, option: str) -> list:
        return [process for process in self.deployment.workers() if option in process.cmdline()]


@pytest.fixture(scope="module", params=["local", "remote"])
def resident(request, deployment_by_files, packages, tmp_path_factory) -> Paced:
    """The deployment, its candidate in the worker or in a process of its own."""
    root = tmp_path_factory.mktemp(request.param)
    deployment = deployment_by_files(root, SERVING)
    paced = Paced(deployment, root / "pace")
    paced.pace(USUAL)
    write_generation(deployment, packages, request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACE", str(paced.pace_file))
        deployment.want(1)
        deployment.start()
    deployment.wait_until(lambda: deployment.state(1).get("phase") == "serving", 60)
    paced.sort_units()
    yield paced
    deployment.stop()


def write_generation(deployment, packages, mode: str) -> None:
    folder = generation_folder(deployment.folder, 1)
    folder.mkdir()
    (stable, stable_digest), (candidate, candidate_digest) = packages
    variants = (
        VariantSpec(0, "1.0.0", stable_digest, str(stable), "local", sys.executable),
        VariantSpec(1, "1.1.0", candidate_digest, str(candidate), mode, sys.executable),
    )
    options = Options(timeout=TIMEOUT, concurrency=AT_WORK, queue=WAITING, batching=False, capture=False)
    write_spec(folder, GenerationSpec("paced", 1, "paced", 1, sys.executable, variants, options))
    create_weights(folder / "weights", Weights((Share("stable", 50.0), Share("candidate", 50.0))))


@pytest.fixture
def paced(resident) -> Paced:
    """The deployment as it was at first: its candidate as quick as usual."""
    resident.pace(USUAL)
    resident.deployment.wait_until(lambda: answered(resident), 60)
    return resident


@dataclass(frozen=True)
class Answer:
    status: int
    begun: float
    seconds: float
    body: bytes
    retry_after: str | None

    @property
    def ended(self) -> float:
        return self.begun + self.seconds


def ask(connection: http.client.HTTPConnection, unit: str) -> Answer:
    begun = time.perf_counter()
    headers = {"content-type": "application/json", "x-mlops-unit": unit}
    connection.request("POST", "/predict", b'{"features": {"a": 1, "b": 2, "c": 3, "d": 4}}', headers)
    response = connection.getresponse()
    body = response.read()
    return Answer(
        response.status, begun, time.perf_counter() - begun, body, response.getheader("retry-after")
    )


def ask_once(port: int, unit: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        return ask(connection, unit)
    finally:
        connection.close()


def answered(paced: Paced) -> Answer | None:
    answer = ask_once(paced.port, paced.units["candidate"][0])
    by_candidate = answer.status == 200 and json.loads(answer.body)["version"] == "1.1.0"
    return answer if by_candidate else None  # stable answers for a candidate that is gone


class Traffic(Clients):
    """Clients that ask all the time, each over a connection of its own; what has no answer is an error."""

    def __init__(self, port: int, units: list[str], clients: int, pause: float) -> None:
        super().__init__([partial(self._ask, client) for client in range(clients)])
        self.port, self.units, self._pause = port, units, pause
        self.answers: list[Answer] = []
        self.errors: list[Exception] = []

    def _ask(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.done.is_set():
            try:
                self.answers.append(ask(connection, self.units[client % len(self.units)]))
            except (OSError, http.client.HTTPException) as problem:
                self.errors.append(problem)
                connection.close()
            time.sleep(self._pause)
        connection.close()

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}

    def median(self) -> float:
        return statistics.median(answer.seconds for answer in self.answers)

    def slowest_of(self, share: float) -> float:
        return sorted(answer.seconds for answer in self.answers)[int(share * len(self.answers))]


def stable_alone(paced: Paced) -> Traffic:
    with paced.traffic("stable", 2) as alone:
        time.sleep(1.0)
    return alone


def assert_as_before(stable: Traffic, before: Traffic) -> None:
    """Every request was answered, and about as fast; the bounds bear a machine busy with other things."""
    assert stable.errors == []
    assert stable.statuses() == {200}
    assert stable.median() < 3 * before.median() + 0.003
    assert stable.slowest_of(0.95) < 3 * before.slowest_of(0.95) + 0.03


def test_a_candidate_ten_times_slower_does_not_slow_stable(paced):
    before = stable_alone(paced)
    paced.pace(TEN_TIMES)
    with paced.traffic("stable", 2) as stable, paced.traffic("candidate", AT_WORK + WAITING) as candidate:
        time.sleep(2.0)
    assert_as_before(stable, before)
    assert candidate.errors == []
    assert candidate.statuses() == {200}  # as many as may be at work or wait: slow, but none refused
    assert candidate.median() > 0.05


def test_more_than_may_wait_for_a_slow_candidate_are_refused_at_once(paced):
    paced.pace("0.2")
    with paced.traffic("candidate", 3 * (AT_WORK + WAITING), pause=0.02) as candidate:
        time.sleep(2.0)
    assert candidate.errors == []
    assert candidate.statuses() == {200, 503}
    refused = [answer for answer in candidate.answers if answer.status == 503]
    assert all(1 <= int(answer.retry_after) <= 60 for answer in refused)
    assert statistics.median(answer.seconds for answer in refused) < 0.1
    assert all("busy" in json.loads(answer.body)["error"] for answer in refused)


def test_a_candidate_that_hangs_is_answered_for_at_the_time_out_and_then_refused_at_once(paced):
    before = stable_alone(paced)
    paced.pace(NEVER)
    with paced.traffic("stable", 2) as stable, paced.traffic("candidate", 2 * AT_WORK) as candidate:
        time.sleep(3.0)
    assert_as_before(stable, before)
    assert candidate.errors == []
    assert candidate.statuses() == {503, 504}
    late = sorted((answer for answer in candidate.answers if answer.status == 504), key=lambda it: it.ended)
    assert len(late) >= 2 * AT_WORK
    seen_to_hang = late[AT_WORK - 1].ended + 0.1  # its own process may see it a moment after the worker
    assert all(answer.begun < seen_to_hang for answer in late)
    assert all(TIMEOUT * 0.95 < answer.seconds < TIMEOUT + 1 for answer in late)
    refused = [answer for answer in candidate.answers if answer.status == 503]
    assert all(answer.retry_after for answer in refused)
    assert statistics.median(answer.seconds for answer in refused) < 0.1


def test_a_candidate_that_hung_answers_again_when_it_has_come_to_itself(paced):
    paced.pace(NEVER)
    assert ask_once(paced.port, paced.units["candidate"][0]).status == 504
    paced.pace(USUAL)
    again = paced.deployment.wait_until(lambda: answered(paced), 10)
    assert json.loads(again.body)["version"] == "1.1.0"


@pytest.mark.parametrize("resident", ["remote"], indirect=True)
def test_a_remote_candidate_killed_under_load_leaves_stable_alone_and_comes_back(paced):
    (killed,) = paced.processes("--package")
    (front,) = [process for process in paced.deployment.workers() if process.pid != killed.pid]
    before = stable_alone(paced)
    with paced.traffic("stable", 2) as stable, paced.traffic("candidate", 4, pause=0.02) as candidate:
        time.sleep(0.5)
        killed.kill()
        time.sleep(1.5)
    assert_as_before(stable, before)
    assert stable.errors == candidate.errors == []
    assert candidate.statuses() == {200}
    assert {json.loads(answer.body)["variant"] for answer in candidate.answers} == {"stable", "candidate"}
    paced.deployment.wait_until(lambda: answered(paced), 90)
    assert front.is_running()


@pytest.mark.parametrize("resident", ["remote"], indirect=True)
def test_a_remote_process_that_stands_still_is_answered_for_at_the_time_out(paced):
    (stopped,) = paced.processes("--package")
    before = stable_alone(paced)
    stopped.suspend()
    try:
        clients = AT_WORK + WAITING + 2
        with (
            paced.traffic("stable", 2) as stable,
            paced.traffic("candidate", clients, pause=0.02) as candidate,
        ):
            time.sleep(2.0)
    finally:
        stopped.resume()
    assert_as_before(stable, before)
    assert stable.errors == candidate.errors == []
    assert candidate.statuses() == {503, 504}  # no more are passed on than may be at work or wait there
    late = [answer.seconds for answer in candidate.answers if answer.status == 504]
    assert all(TIMEOUT < seconds < TIMEOUT + 1 for seconds in late)
    paced.deployment.wait_until(lambda: answered(paced), 20)


def test_a_candidate_that_hangs_does_not_keep_its_processes_from_ending(paced):  # the last: it ends them
    paced.pace(NEVER)
    assert ask_once(paced.port, paced.units["candidate"][0]).status == 504
    find_process(paced.deployment.supervisor()).terminate()
    paced.deployment.wait_until(lambda: not paced.deployment.ours(), 20)
