"""Stop, start, and what is left after a crash or a reboot."""

from __future__ import annotations

import re
import socket
import sys
import urllib.request

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.folder import read_serving
from mlops_jupyter.deployments.live import go_live
from mlops_jupyter.deployments.pruning import prune_generations
from mlops_jupyter.deployments.supervision import living_workers, running_supervisor
from mlops_jupyter.errors import IntegrityError, NotFoundError, RefusedError, UnavailableError
from mlops_jupyter.serving.documents import write_document
from mlops_jupyter.serving.processes import wait_for_end
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace


@pytest.fixture
def live(home, shared_name):
    return mlops.deploy("late", version="1.0.0", as_=shared_name)


@pytest.fixture
def folder(home, shared_name):
    return home.home / "deployments" / shared_name


def _everything(folder) -> list[psutil.Process]:
    return [running_supervisor(folder), *living_workers(folder)]


def _kill(processes) -> None:
    for process in processes:
        process.kill()
    assert wait_for_end(processes, 5) == []


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url + "/ready", timeout=5) as response:
        return response.status == 200


def test_stopping_leaves_no_process_and_starting_brings_the_same_back(live, home, folder):
    processes = _everything(folder)
    stopped = mlops.stop(live.name)
    assert set(stopped.ended) == {process.pid for process in processes}
    assert wait_for_end(processes, 0) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(live.url.rpartition(":")[2]))) != 0
    seen = mlops.status(live.name)
    assert seen.condition == "stopped"
    assert "nothing to stop" in mlops.stop(live.name).headline
    back = mlops.start(live.name)
    assert back.brought_back == (live.name,)
    assert (back.endpoints[0].url, back.endpoints[0].version) == (live.url, "1.0.0")
    assert _answers(live.url)
    assert "nothing to do" in mlops.start(live.name).headline


def test_a_supervisor_that_was_killed_is_found_out_and_replaced(live, home, folder):
    orphans = living_workers(folder)
    _kill([running_supervisor(folder)])
    seen = mlops.status(live.name)
    assert seen.condition == "unsupervised"
    assert _answers(live.url)
    back = mlops.start(live.name)
    assert back.endpoints[0].condition == "serving"
    assert wait_for_end(orphans, 15) == []
    assert len(living_workers(folder)) == 1


def test_stopping_ends_the_workers_of_a_supervisor_that_was_killed(live, home, folder):
    orphans = living_workers(folder)
    _kill([running_supervisor(folder)])
    assert set(mlops.stop(live.name).ended) == {process.pid for process in orphans}
    assert wait_for_end(orphans, 0) == []


def test_a_deploy_takes_over_from_the_workers_of_a_supervisor_that_was_killed(live, home, folder, wait):
    orphans = living_workers(folder)
    _kill([running_supervisor(folder)])
    after = mlops.deploy("late", version="1.0.1", as_=live.name)
    assert (after.version, after.url) == ("1.0.1", live.url)
    assert wait_for_end(orphans, 15) == []
    wait(lambda: len(living_workers(folder)) == 1)


def test_after_a_reboot_what_was_rolled_back_stays_rolled_back(live, home, folder):
    mlops.deploy("late", version="1.0.1", as_=live.name)
    mlops.rollback(live.name)
    _kill(_everything(folder))
    seen = mlops.status(live.name)
    assert (seen.condition, seen.version) == ("dead", "1.0.0")
    back = mlops.start(live.name)
    assert (back.endpoints[0].version, back.endpoints[0].url) == ("1.0.0", live.url)
    assert [(each.version, each.role) for each in back.endpoints[0].variants] == [
        ("1.0.1", "resident"),
        ("1.0.0", "stable"),
    ]


def test_a_foreign_process_with_a_recorded_id_is_not_touched(live, home, folder):
    """After a reboot another process may have the id that stands in our files."""
    _kill(_everything(folder))
    foreign = psutil.Popen(["sleep", "60"])
    try:
        for path in (folder / "supervisor.json", *folder.glob("generations/*/state.json")):
            path.write_text(re.sub(r'"pid": \d+', f'"pid": {foreign.pid}', path.read_text()))
        assert mlops.status(live.name).condition == "dead"
        assert mlops.stop(live.name).ended == ()
        assert foreign.is_running()
    finally:
        foreign.kill()
        foreign.wait()


def test_a_port_taken_meanwhile_is_named_with_its_owner(live, home, folder):
    mlops.stop(live.name)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(live.url.rpartition(":")[2])))
        other.listen()
        with pytest.raises(UnavailableError, match=rf"is in use by .*process {psutil.Process().pid}"):
            mlops.start(live.name)
        assert running_supervisor(folder) is None
    assert mlops.start(live.name).brought_back == (live.name,)


def test_a_deploy_that_fails_leaves_what_was_stopped_as_it_was(live, home, folder, tmp_path):
    mlops.stop(live.name)
    workspace = open_workspace()
    wish, changed = home.wish_of_changed_package(live.name, tmp_path / "package")
    with pytest.raises(IntegrityError, match=changed):
        go_live(workspace, open_store(workspace), wish, lambda stage: None)
    assert running_supervisor(folder) is None
    assert living_workers(folder) == []
    assert mlops.start(live.name).endpoints[0].version == "1.0.0"


def test_status_of_all_lists_each_and_of_none_says_what_to_do(live, home, tmp_path, monkeypatch):
    assert live.name in [seen.name for seen in mlops.status().endpoints]
    assert "serves 1.0.0" in mlops.status(live.name).headline
    with pytest.raises(NotFoundError, match="did you mean"):
        mlops.status(live.name + "x")
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "empty"))
    assert mlops.status().headline == "no deployments yet"
    with pytest.raises(NotFoundError, match="mlops deploy"):
        mlops.start("late")


def test_logs_tell_what_the_server_wrote(live, home, folder):
    number = read_serving(folder).spec.generation
    assert str(folder / "logs" / f"generation-{number}.log") in mlops.logs(live.name).files
    (folder / "logs" / "generation-999.log").write_text("".join(f"line {n}\n" for n in range(100)))
    assert mlops.logs(live.name, lines=3).lines == ("line 97", "line 98", "line 99")


def test_old_generations_are_pruned_and_the_living_are_not(tmp_path):
    (tmp_path / "logs").mkdir()
    old = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)", "a-token"])
    for number in range(1, 9):
        folder = tmp_path / "generations" / str(number)
        folder.mkdir(parents=True)
        pid = old.pid if number == 2 else 1
        write_document(folder / "state.json", {"processes": [{"pid": pid, "token": "a-token"}]})
        for name in (f"generation-{number}.log", f"generation-{number}.log.1"):
            (tmp_path / "logs" / name).touch()
    prune_generations(tmp_path, keep=8)
    old.kill()
    old.wait()
    left = {int(path.name) for path in (tmp_path / "generations").iterdir()}
    assert left == {2, 4, 5, 6, 7, 8}
    assert not list((tmp_path / "logs").glob("generation-1.log*"))


def test_a_deployment_that_never_served_cannot_be_started(home, name, monkeypatch):
    with pytest.raises(NotFoundError):
        mlops.start(name)
    (home.home / "deployments" / name).mkdir(parents=True)
    (home.home / "deployments" / name / "deployment.json").write_text('{"name": "x", "model": "late"}')
    with pytest.raises(RefusedError, match="has never served"):
        mlops.start(name)
