"""What a deployment says of itself, in ``/metrics`` and in its log, whoever is killed or replaced."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import mlops_jupyter as mlops
from mlops_jupyter.serving.metrics import FOLDER
from mlops_jupyter.serving.wanted import recorded_processes

if TYPE_CHECKING:
    from pathlib import Path

RIGHT, WRONG = {"distance": 200.0, "hour": 18}, {"distance": "far", "hour": 18}


class Page:
    """``/metrics`` as Prometheus takes it."""

    def __init__(self, url: str) -> None:
        answer = httpx.get(f"{url}/metrics", timeout=20, trust_env=False)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = text_string_to_metric_families(answer.text)
        self.samples = [sample for family in families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum over the label sets that have these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def ask(url: str, number: int, features: dict) -> list[int]:
    """Send requests, each by a connection of its own so that any worker may have it."""
    answers = (
        httpx.post(f"{url}/predict", json={"features": features}, timeout=20, trust_env=False)
        for _ in range(number)
    )
    return [answer.status_code for answer in answers]


@pytest.fixture
def folder(home, name) -> Path:
    return home.home / "deployments" / name


@pytest.fixture
def live(name):
    """A deployment of two workers that nobody has asked anything."""
    return mlops.deploy("late", version="1.0.0", as_=name, workers=2)


def test_requests_are_counted_over_all_workers_and_stay_counted(live, name, folder, wait):
    assert ask(live.url, 40, RIGHT) == [200] * 40
    assert ask(live.url, 5, WRONG) == [422] * 5
    before = Page(live.url)
    assert before.sum("mlops_requests_total", version="1.0.0", code="200") == 40
    assert before.sum("mlops_requests_total", version="1.0.0", code="422") == 5
    assert before.sum("mlops_request_duration_seconds_count", version="1.0.0") == 45
    assert before.sum("mlops_validation_errors_total", field="distance", reason="type") == 5
    assert before.sum("mlops_processes") == 2

    os.kill(recorded_processes(folder)[0]["pid"], signal.SIGKILL)
    wait(lambda: Page(live.url).sum("mlops_processes") == 2, 30)
    assert Page(live.url).sum("mlops_requests_total", version="1.0.0", code="200") == 40

    mlops.deploy("late", version="1.0.1", as_=name)
    assert ask(live.url, 7, RIGHT) == [200] * 7
    wait(lambda: len(list((folder / FOLDER).glob("*.slab"))) == 2, 60)  # the dead are folded
    after = Page(live.url)
    assert after.sum("mlops_requests_total", version="1.0.0", code="200") == 40
    assert after.sum("mlops_requests_total", version="1.0.1", code="200") == 7
    assert after.sum("mlops_request_duration_seconds_sum", version="1.0.0") == before.sum(
        "mlops_request_duration_seconds_sum", version="1.0.0"
    )
    assert after.sum("mlops_in_flight") == 0


def test_each_request_is_logged_with_its_unit_and_without_its_features(name, folder, wait):
    url = mlops.deploy("late", version="1.0.0", as_=name, workers=2, access_log=True).url
    for number, features in enumerate([RIGHT, RIGHT, WRONG]):
        headers = {"x-mlops-unit": f"user-{number}", "x-request-id": f"request-{number}"}
        httpx.post(
            f"{url}/predict", json={"features": features}, headers=headers, timeout=20, trust_env=False
        )
    log = folder / "logs" / "access.log"
    wait(lambda: log.exists() and len(log.read_bytes().splitlines()) == 3)
    lines = sorted(map(json.loads, log.read_bytes().splitlines()), key=lambda line: line["request_id"])
    assert [(line["request_id"], line["unit"], line["status"]) for line in lines] == [
        ("request-0", "user-0", 200),
        ("request-1", "user-1", 200),
        ("request-2", "user-2", 422),
    ]
    assert {(line["model"], line["version"], line["variant"]) for line in lines} == {
        ("late", "1.0.0", "stable")
    }
    assert "features" not in lines[0]
    assert all(line["milliseconds"] > 0 and line["bytes_out"] > 0 for line in lines)
