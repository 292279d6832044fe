"""Deploy: a version goes live beside the old one, and takes over or changes nothing."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.folder import read_serving
from mlops_jupyter.deployments.live import Wish, go_live
from mlops_jupyter.deployments.ports import choose_port
from mlops_jupyter.deployments.supervision import living_workers
from mlops_jupyter.errors import ConflictError, IntegrityError, NotFoundError, RefusedError, UnavailableError
from mlops_jupyter.serving.processes import wait_for_end
from mlops_jupyter.serving.wanted import read_wanted
from mlops_jupyter.store import locks
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.deployments import list_events
from mlops_jupyter.store.versions import find_version
from mlops_jupyter.store.workspace import open_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(home, name) -> Path:
    return home.home / "deployments" / name


def _answer(url: str, path: str = "/health") -> dict:
    with urllib.request.urlopen(url + path, timeout=5) as response:
        return json.load(response)


def test_an_endpoint_outlives_the_kernel_that_deployed_it(home, name):
    done = home.kernel(
        "import os, signal, mlops_jupyter as mlops\n"
        f"print(mlops.deploy('late', version='1.0.0', as_='{name}').url, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
        check=False,
    )
    assert done.returncode == -9, done.stderr
    seen = mlops.status(name)
    assert seen.condition == "serving"
    assert seen.url == done.stdout.strip()
    assert _answer(seen.url)["variants"][0]["version"] == "1.0.0"


def test_the_next_version_takes_over_and_the_old_one_stays_loaded(home, name):
    first = mlops.deploy("late", version="1.0.0", as_=name)
    assert first.changed
    assert first.previous is None
    again = mlops.deploy("late", version="1.0.0", as_=name)
    assert not again.changed
    assert "nothing to do" in again.headline
    second = mlops.deploy("late", version="1.0.1", as_=name)
    assert (second.version, second.previous, second.url) == ("1.0.1", "1.0.0", first.url)
    variants = _answer(second.url)["variants"]
    assert [(each["version"], each["role"], each["weight"], each["mode"]) for each in variants] == [
        ("1.0.1", "stable", 100.0, "local"),
        ("1.0.0", "resident", 0.0, "local"),
    ]
    text = str(second)
    assert second.url in text
    assert "rollback" in text


def test_versions_whose_own_modules_differ_are_both_loaded_and_each_right(home, name, workshop, folder, wait):
    mlops.deploy("noon", version="1.0.0", as_=name)
    mlops.deploy("noon", version="1.0.1", as_=name)
    seen = mlops.status(name).endpoints[0]
    assert [(each.version, each.mode) for each in seen.variants] == [("1.0.1", "local"), ("1.0.0", "remote")]
    newer = mlops.predict(name, workshop.frame.head(20))
    back = mlops.rollback(name)
    older = mlops.predict(name, workshop.frame.head(20))
    assert (newer.version, older.version, back.version) == ("1.0.1", "1.0.0", "1.0.0")
    truth = (workshop.frame.hour + 0.5).head(20)
    assert newer["prediction"].to_numpy() == pytest.approx(truth.to_numpy(), abs=1e-4)
    assert older["prediction"].to_numpy() == pytest.approx(truth.to_numpy(), abs=1e-4)
    remote = next(process for process in living_workers(folder) if "--package" in process.cmdline())
    remote.kill()
    assert wait_for_end([remote], 5) == []
    assert wait(lambda: _version(name, workshop), 20) == "1.0.0"


def _version(name, workshop) -> str | None:
    try:
        return mlops.predict(name, workshop.frame.head(2)).version
    except UnavailableError:
        return None


def test_a_port_in_use_is_named_with_its_owner(home, name):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError) as raised:
            mlops.deploy("late", as_=name, port=port)
    text = str(raised.value)
    assert f"port {port} is in use by" in text
    assert f"process {psutil.Process().pid}" in text
    assert "\n" not in text


@pytest.fixture
def faster(monkeypatch):
    """Have another process listen on the first port that is chosen."""
    others = []

    def chosen(host, wanted, taken):
        port = choose_port(host, wanted, taken)
        if not others:
            others.append(socket.create_server((host, port)))
        return port

    monkeypatch.setattr("mlops_jupyter.deployments.live.choose_port", chosen)
    yield others
    others[0].close()


def test_another_port_is_taken_where_another_process_was_faster(home, name, faster):
    deployed = mlops.deploy("late", as_=name)
    assert f":{faster[0].getsockname()[1]}" not in deployed.url
    assert urllib.request.urlopen(f"{deployed.url}/health").status == 200


def test_a_port_that_was_asked_for_is_not_given_up_and_one_never_served_on_is(home, name, faster):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"port {port}: Address already in use, which"):
        mlops.deploy("late", as_=name, port=port)
    assert f":{port}" not in mlops.deploy("late", as_=name).url


def test_a_running_deployment_does_not_move_to_another_port(home, name):
    live = mlops.deploy("late", as_=name)
    with pytest.raises(RefusedError, match="cannot move while it runs"):
        mlops.deploy("late", as_=name, port=1)
    assert _answer(live.url)["status"] == "alive"


def test_a_changed_file_is_named_and_the_old_version_serves_on(home, name, tmp_path):
    live = mlops.deploy("late", version="1.0.0", as_=name)
    workspace = open_workspace()
    store = open_store(workspace)
    wish, changed = home.wish_of_changed_package(name, tmp_path / "package")
    with pytest.raises(IntegrityError, match=f"{changed}: changed"):
        go_live(workspace, store, wish, lambda stage: None)
    assert _answer(live.url)["variants"][0]["version"] == "1.0.0"
    newest = list_events(store, name)[0]
    assert newest.outcome == "failed"
    assert changed in newest.error


def test_a_previous_version_that_cannot_be_loaded_does_not_stand_in_the_way(home, name, tmp_path):
    workspace = open_workspace()
    store = open_store(workspace)
    record = find_version(store, "late", "1.0.0")
    package = shutil.copytree(record.package_path, tmp_path / "package")
    wish = Wish("deploy", name, "late", "1.0.0", record.digest, package, "127.0.0.1")
    go_live(workspace, store, wish, lambda stage: None)
    (package / "model" / "feature_schema.json").unlink()
    live = mlops.deploy("late", version="1.0.1", as_=name)
    assert live.version == "1.0.1"
    assert "1.0.0 could not stay loaded" in live.note
    assert "feature_schema.json: missing" in live.note
    assert [each["version"] for each in _answer(live.url)["variants"]] == ["1.0.1"]


def test_a_first_deploy_that_fails_leaves_nothing_to_start(home, name, tmp_path):
    workspace = open_workspace()
    wish, changed = home.wish_of_changed_package(name, tmp_path / "package")
    with pytest.raises(IntegrityError, match=changed):
        go_live(workspace, open_store(workspace), wish, lambda stage: None)
    assert mlops.status(name).condition == "stopped"
    assert "nothing to do" in mlops.start().headline


def test_of_two_deploys_at_once_one_wins_and_the_other_is_told_who(home, name):
    store = open_store(open_workspace())
    with (
        locks.hold(store, f"deploy {name}"),
        pytest.raises(ConflictError, match=rf"process {psutil.Process().pid}"),
    ):
        mlops.deploy("late", as_=name)
    outcomes = []

    def deploy(version):
        try:
            outcomes.append(mlops.deploy("late", version=version, as_=name).version)
        except ConflictError as conflict:
            outcomes.append(conflict)

    threads = [threading.Thread(target=deploy, args=(version,)) for version in ("1.0.0", "1.0.1")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [each for each in outcomes if isinstance(each, str)]
    lost = [each for each in outcomes if isinstance(each, ConflictError)]
    assert len(won) == len(lost) == 1
    assert mlops.status(name).version == won[0]


def test_a_rollback_wins_over_a_deploy_that_is_loading(home, name, folder, wait):
    mlops.deploy("late", version="1.0.0", as_=name)
    mlops.deploy("late", version="1.0.1", as_=name)
    raised = []

    def deploy():
        try:
            mlops.deploy("late", version="1.0.2", as_=name)
        except ConflictError as conflict:
            raised.append(conflict)

    thread = threading.Thread(target=deploy)
    thread.start()
    wait(lambda: read_wanted(folder).prepare)
    assert mlops.rollback(name).version == "1.0.0"
    thread.join()
    assert "1.0.0 is stable now" in str(raised[0])
    assert read_serving(folder).stable.version == "1.0.0"
    wait(lambda: len(living_workers(folder)) == 1)


@pytest.mark.parametrize("point", ["deploy-prepared", "deploy-recorded"])
def test_a_deploy_killed_on_its_way_leaves_the_old_version_serving(home, name, folder, wait, point):
    live = mlops.deploy("late", version="1.0.0", as_=name)
    code = f"import mlops_jupyter as mlops; mlops.deploy('late', version='1.0.1', as_='{name}')"
    assert home.kernel(code, check=False, MLOPS_KILL_AT=point).returncode == -9
    assert _answer(live.url)["variants"][0]["version"] == "1.0.0"
    wait(lambda: len(living_workers(folder)) == 1)
    assert mlops.deploy("late", version="1.0.1", as_=name).version == "1.0.1"
    outcomes = [event.outcome for event in mlops.history(name).events]
    assert outcomes == ["done", "intended", "done"]


def test_a_version_that_cannot_be_is_one_line(home, name):
    with pytest.raises(NotFoundError, match=r"9\.9\.9"):
        mlops.deploy("late", version="9.9.9", as_=name)
    with pytest.raises(NotFoundError, match="did you mean late"):
        mlops.deploy("lat", as_=name)
