"""Load on a real deployment: what it held, what a stall does to it, and what is refused."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.keys import create_key
from mlops_jupyter.deployments.supervision import living_workers
from mlops_jupyter.errors import DataError, NotFoundError, RefusedError, UsageError
from mlops_jupyter.verbs import command_line
from mlops_jupyter.verbs.words import read_arguments


@pytest.fixture(scope="module")
def endpoint(workshop, shared_name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(workshop.home))
        patch.delenv("MLOPS_API_KEY", raising=False)
        mlops.deploy("late", version="1.0.0", as_=shared_name)
    return shared_name


def test_it_says_what_was_held_how_fast_and_at_what_cost(endpoint, home):
    report = mlops.loadtest(endpoint, rate=50, duration="2s", data=home.frame)
    assert report.ok, str(report)
    assert abs(report.requests - 100) <= 1
    assert report.records == 300
    assert 0 < report.p50 <= report.p90 <= report.p99 <= report.p999 <= report.max < 10
    assert report.workers == 1
    assert 0 < report.busy <= 1
    assert 0 <= report.cpu_per_request < 0.1
    lines = str(report).splitlines()
    assert lines[0].startswith(f"{endpoint} held 50 requests/s for 2 s: 99 % answered within")
    assert "it was real traffic" in str(report)
    found = json.loads(json.dumps(report.to_dict()))
    assert found["ok"] is True
    assert found["answers"] == {"200": report.requests}


def test_without_data_it_sends_what_the_package_was_tested_with(endpoint, home):
    report = mlops.loadtest(endpoint, rate=20, duration="1s")
    assert report.ok, str(report)
    assert report.records == 10
    assert "the package" in report.source


def sending() -> bool:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # one that has ended meanwhile
            if "run" in child.cmdline():
                return True
    return False


def test_a_stall_of_the_server_shows_with_every_request_it_kept_waiting(endpoint, home, wait):
    (worker,) = living_workers(Path(home.home) / "deployments" / endpoint)

    def stall() -> None:
        wait(sending)
        time.sleep(2)
        worker.suspend()
        time.sleep(1)
        worker.resume()

    stalling = threading.Thread(target=stall)
    stalling.start()
    report = mlops.loadtest(endpoint, rate=100, duration="4s")
    stalling.join()
    # a quarter of the requests fell due in the stall, evenly: nine tenths of all were answered within 0.6 s
    assert report.ok, str(report)
    assert report.percentile(90) > 0.4
    assert 0.8 < report.p99 < 2.5
    assert abs(report.requests - 400) <= 1


def test_a_shell_says_it_in_words(endpoint, home, tmp_path):
    from mlops_jupyter.cli import ShellFace

    home.frame.to_parquet(tmp_path / "rows.parquet")
    words = [
        "loadtest",
        endpoint,
        "--rate",
        "20",
        "--duration",
        "1s",
        "--data",
        str(tmp_path / "rows.parquet"),
    ]
    report = command_line.run(read_arguments(words), ShellFace())
    assert report.records == 300
    assert 'rate=20, duration="1s", data=' in report.code


def test_rows_that_do_not_fit_are_said_and_not_measured(endpoint, home):
    with pytest.raises(DataError, match="the model's columns"):
        mlops.loadtest(endpoint, data=home.frame[[]].assign(other=1.0))
    with pytest.raises(DataError, match=r"distance.*far"):
        mlops.loadtest(endpoint, data=home.frame.astype({"distance": object}).assign(distance="far"))
    with pytest.raises(DataError, match="no rows to send"):
        mlops.loadtest(endpoint, data=home.frame.head(0))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rate": 0}, "--rate cannot be 0; 1 to 20,000"),
        ({"rate": 20_001}, "--rate cannot be 20001"),
        ({"duration": "11m"}, "--duration cannot be 660; 1 to 600 seconds"),
        ({"duration": "soon"}, "--duration cannot be 'soon'"),
        ({"connections": 0}, "--connections cannot be 0"),
        ({"rate": 2_000, "duration": "10m"}, "1,200,000 requests; at most 1,000,000"),
    ],
)
def test_more_than_is_allowed_is_refused_before_anything_is_sent(endpoint, home, asked, said):
    with pytest.raises(UsageError) as raised:
        mlops.loadtest(endpoint, **asked)
    assert said in str(raised.value)


def test_it_calls_with_the_callers_key_else_with_the_workspaces_own(endpoint, home, monkeypatch):
    _, secret = create_key(Path(home.home) / "deployments" / endpoint, rate=5.0)
    time.sleep(1.2)  # by now every worker asks for a key
    assert mlops.loadtest(endpoint, rate=20, duration="1s").ok
    monkeypatch.setenv("MLOPS_API_KEY", secret)
    limited = mlops.loadtest(endpoint, rate=50, duration="2s")
    assert limited.answers["429"] > 50
    assert secret not in str(limited)
    monkeypatch.setenv("MLOPS_API_KEY", "wrong")
    with pytest.raises(RefusedError, match=r"without a key .*MLOPS_API_KEY"):
        mlops.loadtest(endpoint)


def test_only_a_deployment_of_this_workspace_that_serves_is_loaded(endpoint, home):
    with pytest.raises(NotFoundError, match="no deployment named 'elsewhere'"):
        mlops.loadtest("elsewhere")
    mlops.stop(endpoint)
    with pytest.raises(RefusedError, match="does not serve"):
        mlops.loadtest(endpoint)
