"""A deployment of two workers under traffic: weights and generations change, processes fall, nothing is lost.

The tests share one deployment, and the last one ends it. What a fault does not explain may not fail, and what
was answered was captured, or is counted as dropped. With MLOPS_LONG_TESTS=1 memory is watched over ten times
as many requests.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.metrics import FOLDER as METRICS
from mlops_jupyter.serving.metrics.exposition import exposition
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.processes import find_process, find_processes, wait_for_end
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.weights import Share, Weights, create_weights, read_weights, write_weights

from .driving import Asked, Driver
from .thin_packages import SERVING, build

if TYPE_CHECKING:
    import psutil

LONG = os.environ.get("MLOPS_LONG_TESTS") == "1"
WORKERS = 2
CHANGES, GENERATIONS = 200, 20
REQUESTS = 200_000 if LONG else 20_000
SEEN_WITHIN = 0.020
FLUSHED_WITHIN = (
    1.5  # seconds until what was answered is in a file: a killed worker takes with it what is not
)
COLUMNS = [f"column_{i}" for i in range(8)]
BODY = json.dumps({"features": dict.fromkeys(COLUMNS, 0.5)}).encode()
LIST = json.dumps({"features": [dict.fromkeys(COLUMNS, 0.5)] * 20}).encode()
WRONG = BODY.replace(b"0.5", b'"half"', 1)
AT_ONCE = 50
SETTLING = 30_000  # requests until the allocators of Arrow and C have what they need
# half a kB for each request to a worker, 0.1 kB in the long run; allocators still take some MB by then
MOST_GROWTH = 10 << 20  # allocators settle in steps of some megabytes


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("packages"), np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(200, len(COLUMNS))), columns=COLUMNS)
    built = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, strength in enumerate((1.0, 0.1)):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(
                data, data.column_0 > 0
            )
            built.append((f"1.{i}.0", *build(root / str(i), f"1.{i}.0", model, data)))
    return built


@dataclass
class Loaded:
    """The deployment, and all that was ever asked of it."""

    deployment: object
    packages: list
    generation: int = 0
    drivers: list[Driver] = field(default_factory=list)
    blasted: int = 0  # answers whose prediction ids nobody looked at
    killed: float = 0.0

    @property
    def weights(self):
        return generation_folder(self.deployment.folder, self.generation) / "weights"

    def workers(self) -> list[psutil.Process]:
        return find_processes(self.deployment.state(self.generation)["processes"])

    def become(self, number: int) -> None:
        """Replace the generation that serves."""
        self._write(number)
        deployment = self.deployment
        if self.generation:
            deployment.want(self.generation, number)
            deployment.wait_until(lambda: deployment.state(number).get("phase") == "ready", 60)
        deployment.want(number)
        if not self.generation:
            deployment.start()
        deployment.wait_until(lambda: deployment.state(number).get("phase") == "serving", 60)
        self.generation = number

    def _write(self, number: int) -> None:
        """Write down a generation of both versions; which of them is stable alternates."""
        folder = generation_folder(self.deployment.folder, number)
        folder.mkdir()
        variants = tuple(
            VariantSpec(slot, version, digest, str(package), "local", sys.executable)
            for slot, (version, package, digest) in enumerate(self.packages[:: 1 if number % 2 else -1])
        )
        spec = GenerationSpec("late", number, "paced", WORKERS, sys.executable, variants, Options())
        write_spec(folder, spec)
        create_weights(folder / "weights", Weights((Share("stable", 100.0), Share("resident", 0.0))))

    def drive(self, rate: float = 300) -> Driver:
        """Return traffic."""
        self.drivers.append(Driver(self.deployment.port, BODY, rate))
        return self.drivers[-1]

    def wait_for_all_workers(self, driver: Driver) -> None:
        """Wait until each worker has a connection that is kept."""
        workers = {process.pid for process in self.workers()}
        self.deployment.wait_until(lambda: workers <= {asked.worker for asked in driver.asked[-100:]}, 20)


@pytest.fixture(scope="module")
def loaded(deployment_by_files, packages, tmp_path_factory):
    deployment = deployment_by_files(tmp_path_factory.mktemp("loaded"), SERVING)
    loaded = Loaded(deployment, packages)
    loaded.become(1)
    yield loaded
    deployment.stop()


def test_weights_change_under_load_and_every_worker_sees_it_at_once(loaded):
    tables: list[tuple[float, str]] = []
    with loaded.drive(600) as driver:
        loaded.wait_for_all_workers(driver)
        for turn in range(1, CHANGES + 1):
            write_weights(loaded.weights, read_weights(loaded.weights).with_stable(turn % 2))
            tables.append((time.perf_counter(), loaded.packages[turn % 2][0]))
            time.sleep(0.02 + 0.01 * (turn % 3))
    assert driver.failed == []
    assert len({asked.worker for asked in driver.answered if asked.worker}) == WORKERS
    late = [(asked, by) for asked in driver.answered if (by := behind(asked, tables)) > 0]
    assert [pair for pair in late if pair[1] > SEEN_WITHIN] == []
    assert late == [], "what was sent after a change was answered by the table before it"


def behind(asked: Asked, tables: list[tuple[float, str]]) -> float:
    """Return how long a table had been replaced when a request was sent that it answered; 0 if it had not."""
    since = [i for i, (moment, _) in enumerate(tables) if moment <= asked.begun]
    if not since:
        return 0.0
    in_force = [version for moment, version in tables[since[-1] :] if moment <= asked.ended + SEEN_WITHIN]
    return 0.0 if asked.version in in_force else asked.begun - tables[since[-1]][0]


def test_generations_replace_each_other_under_load_and_no_request_fails(loaded):
    with loaded.drive(200) as driver:
        for number in range(loaded.generation + 1, loaded.generation + 1 + GENERATIONS):
            loaded.become(number)
        time.sleep(0.2)
    assert driver.failed == []
    turns = [asked.version for asked in sorted(driver.answered, key=lambda asked: asked.begun)]
    assert sum(a != b for a, b in itertools.pairwise(turns)) >= GENERATIONS
    deployment = loaded.deployment
    deployment.wait_until(lambda: len(deployment.ours()) == WORKERS + 1, 60)


def test_a_worker_that_is_killed_takes_with_it_only_what_it_had_in_hand(loaded):
    with loaded.drive() as driver:
        loaded.wait_for_all_workers(driver)
        victim, *others = loaded.workers()
        victim.kill()
        moment = time.perf_counter()
        victim.wait(10)  # it answers until it is gone
        loaded.killed = time.perf_counter()
        time.sleep(0.5)
        loaded.deployment.wait_until(lambda: len(loaded.workers()) == WORKERS, 30)
        loaded.wait_for_all_workers(driver)
    assert [asked for asked in driver.failed if not asked.in_hand(moment, loaded.killed)] == []
    assert {asked.worker for asked in driver.failed} <= {victim.pid, 0}
    assert all(asked.status == 0 for asked in driver.failed)
    assert others[0].is_running()


def test_the_memory_of_workers_is_flat(loaded):
    workers, sizes = loaded.workers(), []
    loaded.blasted += blast(loaded.deployment.port, SETTLING)
    for _ in range(20):
        loaded.blasted += blast(loaded.deployment.port, REQUESTS // 20)
        sizes.append([process.memory_info().rss for process in workers])
    assert loaded.workers() == workers
    for of_one in zip(*sizes, strict=True):
        grown = np.polyfit(range(len(of_one)), of_one, 1)[0] * len(of_one)
        assert grown < MOST_GROWTH, [size >> 10 for size in of_one]


def blast(port: int, number: int) -> int:
    """Ask for predictions, many at a time over each connection; say how many."""
    answered = 0
    for body, part in ((BODY, 0.8), (LIST, 0.1), (WRONG, 0.1)):
        answered += ask_all(port, body, int(number * part))
    return answered


def ask_all(port: int, body: bytes, number: int) -> int:
    request, seen = request_for(body), 0
    for begin in range(0, number, AT_ONCE * 10):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            for _ in range(0, min(number - begin, AT_ONCE * 10), AT_ONCE):
                connection.sendall(request * AT_ONCE)
                seen += read_answers(connection, AT_ONCE)
    return seen


def request_for(body: bytes) -> bytes:
    head = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def read_answers(connection: socket.socket, number: int) -> int:
    data = b""
    while data.count(b"HTTP/1.1 ") < number or not whole(data[data.rindex(b"HTTP/1.1 ") :]):
        part = connection.recv(1 << 16)
        assert part, data[-200:]
        data += part
    return data.count(b"HTTP/1.1 200") + data.count(b"HTTP/1.1 422")


def whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    return bool(end) and len(body) == int(head.split(b"content-length: ")[1].split(b"\r\n")[0])


def test_what_is_in_flight_at_sigterm_is_finished_and_nothing_is_left(loaded):
    deployment = loaded.deployment
    supervisor = find_process(deployment.supervisor())
    large = json.dumps({"features": [dict.fromkeys(COLUMNS, 0.5)] * 20_000}).encode()
    with loaded.drive() as driver, begin(deployment.port, BODY) as arriving:
        loaded.wait_for_all_workers(driver)
        with begin(deployment.port, large) as at_work:
            at_work.sendall(large[-1:])
            time.sleep(0.005)
            moment = time.perf_counter()
            supervisor.terminate()
            time.sleep(0.2)
            arriving.sendall(BODY[-1:])
            loaded.blasted += read_answers(at_work, 1) + read_answers(arriving, 1)
        assert wait_for_end([supervisor], 20) == []
        time.sleep(0.1)
    assert deployment.ours() == []
    assert [asked for asked in driver.failed if asked.begun < moment] == []
    assert [asked for asked in driver.failed if asked.status] == []
    assert driver.failed, "the traffic went on until nobody answered"


def begin(port: int, body: bytes) -> socket.socket:
    """Send a request but for its last byte."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(request_for(body)[:-1])
    return connection


def test_everything_that_was_answered_was_captured_or_is_counted_as_dropped(loaded):
    assert loaded.deployment.ours() == []
    files = captured_files(loaded.deployment.folder)
    captured = {
        i for file in files for each in read_batches(file.path) for i in each["prediction_id"].to_pylist()
    }
    answered = [asked for driver in loaded.drivers for asked in driver.answered]
    missing = [asked for asked in answered if asked.prediction_id not in captured]
    with_the_killed = [asked for asked in missing if 0 < loaded.killed - asked.ended < FLUSHED_WITHIN]
    cut_off = sum(len(driver.failed) for driver in loaded.drivers)  # captured, but their answers were lost
    expected = len(answered) - len(with_the_killed) + loaded.blasted
    assert 0 <= len(captured) + dropped(loaded) - expected <= cut_off
    assert len(missing) - len(with_the_killed) <= dropped(loaded)


def dropped(loaded) -> float:
    page = exposition(loaded.deployment.folder / METRICS).decode()
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    assert any(sample.name == "mlops_requests_total" for sample in samples)
    return sum(sample.value for sample in samples if sample.name == "mlops_capture_dropped_total")
