"""Rollback: one write, whatever else is broken."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import urllib.request

import filelock
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.folder import read_serving
from mlops_jupyter.deployments.reserve import read_records
from mlops_jupyter.errors import NotFoundError, RefusedError
from mlops_jupyter.registry.mirror import refresh_detached
from mlops_jupyter.store import audit
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.outbox import queue_alias, queued
from mlops_jupyter.store.workspace import open_workspace

BACK = "import json, sys, mlops_jupyter as mlops\nback = mlops.rollback({name!r}, reason='{reason}')\n"


@pytest.fixture
def pair(home, shared_name):
    """1.0.1 is stable, 1.0.0 was, and is loaded."""
    serving = read_serving(home.home / "deployments" / shared_name)
    loaded = [variant.version for variant in serving.spec.variants] if serving else []
    if loaded != ["1.0.1", "1.0.0"]:
        mlops.deploy("late", version="1.0.0", as_=shared_name)
    elif serving.stable.version == "1.0.0":
        mlops.rollback(shared_name, to="1.0.1")
    return mlops.deploy("late", version="1.0.1", as_=shared_name)


def _versions(url: str, count: int = 10) -> set[str]:
    record = {"features": {"distance": 100.0, "hour": 3}}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + "/predict", json.dumps(record).encode(), headers)
    return {json.load(urllib.request.urlopen(request, timeout=5))["version"] for _ in range(count)}


def test_it_goes_to_the_version_before_and_says_how_long_that_took(pair, home):
    back = mlops.rollback(pair.name, reason="late flights are missed")
    assert (back.version, back.previous, back.resident, back.recorded) == ("1.0.0", "1.0.1", True, True)
    assert 0 < back.milliseconds < 5000
    assert back.prediction in (True, False)
    assert _versions(pair.url) == {"1.0.0"}
    newest = mlops.history(pair.name).events[0]
    assert (newest.verb, newest.outcome, newest.reason) == ("rollback", "done", "late flights are missed")
    store = open_store(open_workspace())
    ended, begun = audit.records(store, 2)
    assert (begun.outcome, begun.arguments["to"], ended.outcome) == ("begun", "1.0.0", "done")


def test_it_imports_neither_mlflow_nor_pandas(pair, home):
    code = BACK + "print(json.dumps([back.version, [m for m in {heavy!r} if m in sys.modules]]))"
    heavy = ["mlflow", "pandas", "sklearn", "scipy", "fastapi", "uvicorn"]
    done = home.kernel(code.format(name=pair.name, reason="", heavy=heavy))
    assert json.loads(done.stdout) == ["1.0.0", []]


def test_a_second_one_does_not_go_forward_again_by_mistake(pair, home):
    mlops.rollback(pair.name)
    with pytest.raises(RefusedError, match=r"already rolled back from 1\.0\.1 to 1\.0\.0; --to 1\.0\.1"):
        mlops.rollback(pair.name)
    with pytest.raises(RefusedError, match=r"on 1\.0\.0 already"):
        mlops.rollback(pair.name, to="1.0.0")
    assert mlops.rollback(pair.name, to="1.0.1").version == "1.0.1"


def test_a_first_version_has_nothing_before_it(home, name):
    mlops.deploy("late", version="1.0.0", as_=name)
    with pytest.raises(RefusedError, match="nothing to go back to"):
        mlops.rollback(name)
    with pytest.raises(NotFoundError, match="no deployment named 'nothing'"):
        mlops.rollback("nothing")


def test_a_version_that_is_not_loaded_is_loaded_first(pair, home):
    back = mlops.rollback(pair.name, to="1.0.2")
    assert (back.version, back.resident, back.generation) == ("1.0.2", False, pair.generation + 1)
    assert _versions(pair.url) == {"1.0.2"}
    assert mlops.status(pair.name).endpoints[0].variants[1].version == "1.0.1"


def test_no_request_fails_and_the_answer_after_it_is_the_old_versions(pair, home):
    failures, done = [], threading.Event()

    def ask():
        while not done.is_set():
            try:
                _versions(pair.url, 1)
            except OSError as problem:
                failures.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in ("1.0.0", "1.0.1") * 3:
        mlops.rollback(pair.name, to=version)
        assert _versions(pair.url, 3) == {version}
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_on_a_full_disk_it_works_and_its_record_follows(pair, home):
    """No file can grow in that process: the store cannot be written, the two prepared files can."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (17000, 17000))\n"
    tell = "print(json.dumps([back.version, back.recorded, back.alias]))"
    done = home.kernel(limit + BACK.format(name=pair.name, reason="full") + tell)
    version, recorded, alias = json.loads(done.stdout)
    assert (version, recorded) == ("1.0.0", False)
    assert alias == "" or "could not be queued" in alias
    assert _versions(pair.url) == {"1.0.0"}
    folder = home.home / "deployments" / pair.name
    assert [record["version"] for record in read_records(folder)] == ["1.0.0"]
    newest = mlops.history(pair.name).events[0]
    assert (newest.verb, newest.version, newest.reason, newest.outcome) == (
        "rollback",
        "1.0.0",
        "full",
        "done",
    )
    assert read_records(folder) == []
    store = open_store(open_workspace())
    assert audit.records(store, 1)[0].arguments["to"] == "1.0.0"
    assert audit.verify_chain(store).whole


def test_it_does_not_wait_for_a_store_that_another_process_holds(pair, home):
    holder = sqlite3.connect(home.home / "store.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        back = mlops.rollback(pair.name)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert (back.version, back.recorded) == ("1.0.0", False)
    assert back.milliseconds < 5000
    assert _versions(pair.url) == {"1.0.0"}


def test_killed_after_the_swap_it_has_happened(pair, home):
    done = home.kernel(
        BACK.format(name=pair.name, reason="killed"), check=False, MLOPS_KILL_AT="rollback-swapped"
    )
    assert done.returncode == -9
    assert _versions(pair.url) == {"1.0.0"}
    newest = mlops.history(pair.name).events[0]
    assert (newest.verb, newest.outcome) == ("rollback", "intended")
    assert read_serving(home.home / "deployments" / pair.name).stable.version == "1.0.0"


def test_the_champion_follows_only_the_deployment_of_the_models_name(pair, home):
    store = open_store(open_workspace())
    assert mlops.rollback(pair.name).alias == ""
    assert queued(store) == []


def test_the_champion_follows_while_another_process_reads_the_registry(home):
    workspace = open_workspace()
    store = open_store(workspace)
    mlops.alias("late", "champion", "1.0.1")
    queue_alias(store, "late", "champion", "1.0.2")
    with filelock.FileLock(workspace.root / "mirror.lock"), pytest.raises(SystemExit):
        refresh_detached(str(workspace.root))
    assert queued(store) == []
    assert _champion() == "1.0.2"


def _champion() -> str:
    from mlflow import MlflowClient

    from mlops_jupyter.registry import tracking_uri

    uri = tracking_uri(open_workspace())
    return MlflowClient(uri, uri).get_model_version_by_alias("late", "champion").tags["mlops.version"]


def test_the_champion_follows_without_waiting_for_mlflow(home, wait):
    mlops.deploy("late", version="1.0.0")
    live = mlops.deploy("late", version="1.0.1")
    try:
        assert live.alias == "alias champion points to 1.0.1"
        back = mlops.rollback("late")
        assert "follows" in back.alias
        store = open_store(open_workspace())
        wait(lambda: queued(store) == [], 60)
        assert _champion() == "1.0.0"
    finally:
        mlops.stop("late")
        shutil.rmtree(home.home / "deployments" / "late")
