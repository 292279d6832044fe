"""A deployment that answers V2 over gRPC as well, whoever is replaced or killed, by Triton's client."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from prometheus_client.parser import text_string_to_metric_families
from tritonclient.utils import InferenceServerException

import mlops_jupyter as mlops
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.serving.relay import shared_socket
from mlops_jupyter.serving.wanted import recorded_processes

if TYPE_CHECKING:
    from pathlib import Path

ASKED = [
    triton.InferInput("distance", [1, 1], "FP64").set_data_from_numpy(np.array([[200.0]])),
    triton.InferInput("hour", [1, 1], "INT64").set_data_from_numpy(np.array([[18]])),
]


@pytest.fixture
def port() -> int:
    with shared_socket("127.0.0.1", 0) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def folder(home, name) -> Path:
    return home.home / "deployments" / name


@pytest.fixture
def live(name, port):
    """A deployment of two workers with a port for gRPC."""
    return mlops.deploy("late", version="1.0.0", as_=name, workers=2, grpc_port=port)


class Callers:
    """Clients that ask without a pause; what they were answered, by version, and what failed."""

    def __init__(self, port: int, number: int = 3) -> None:
        self.versions: list[str] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(number)
        self._asking = [self._threads.submit(self._ask, port) for _ in range(number)]

    def _ask(self, port: int) -> None:
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            while not self._over.is_set():
                try:
                    self.versions.append(client.infer("late", ASKED).get_response().model_version)
                except InferenceServerException as failure:
                    self.failures.append(str(failure))

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._threads.shutdown()


def test_it_answers_by_grpc_what_it_answers_by_http(live, name, port):
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_model_ready("late", "1.0.0")
        assert client.is_model_ready(name)
        result = client.infer("late", ASKED)
    asked = {"features": {"distance": 200.0, "hour": 18}}
    answer = httpx.post(f"{live.url}/predict", json=asked, trust_env=False).json()
    shares = answer["probabilities"][0]
    assert np.allclose(result.as_numpy("predict_proba"), [[shares["false"], shares["true"]]], atol=1e-9)
    assert result.as_numpy("predict").tolist() == answer["predictions"]
    assert counted(live.url) == 2


def counted(url: str) -> float:
    page = httpx.get(f"{url}/metrics", timeout=20, trust_env=False).text
    samples = [each for family in text_string_to_metric_families(page) for each in family.samples]
    return sum(each.value for each in samples if each.name == "mlops_requests_total")


def test_the_next_version_takes_over_without_a_failed_request(live, name, port):
    with Callers(port) as callers:
        time.sleep(0.5)
        mlops.deploy("late", version="1.0.1", as_=name)
        mlops.rollback(name)
        mlops.deploy("late", version="1.0.2", as_=name)
        deadline = time.monotonic() + 30
        while set(callers.versions[-50:]) != {"1.0.2"} and time.monotonic() < deadline:
            time.sleep(0.2)
    assert not callers.failures
    assert set(callers.versions[-50:]) == {"1.0.2"}
    assert callers.versions[0] == "1.0.0"


def test_a_killed_worker_fails_what_its_connections_had_in_hand_and_nothing_later(live, folder, port):
    with Callers(port) as callers:
        time.sleep(0.5)
        os.kill(recorded_processes(folder)[0]["pid"], signal.SIGKILL)
        time.sleep(2)
        answered, failed = len(callers.versions), len(callers.failures)
        time.sleep(0.5)
        assert len(callers.versions) > answered
    # a channel whose next connection falls into the queue of the dead fails at once until it tries again
    assert len(callers.failures) == failed
    assert all("UNAVAILABLE" in failure for failure in callers.failures)


def test_a_port_for_grpc_that_is_taken_is_told_and_nothing_is_deployed(name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MlopsError, match=f"gRPC port {port}"):
            mlops.deploy("late", version="1.0.0", as_=name, grpc_port=port)
