from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import ConflictError, IntegrityError, RefusedError, UsageError, WorkspaceError
from mlops_jupyter.serving.manifest import verify
from mlops_jupyter.store import audit
from mlops_jupyter.store.versions import find_version, get_version, list_versions, reserve_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace

Package = "Callable[..., Path]"

STEPS = [
    "register: journalled",
    "register: model made",
    "register: logged model made",
    "register: files stored",
    "register: logged model ready",
    "register: version made",
    "register: completed",
]

LOAD = """
import sys
sys.modules["mlops_jupyter"] = None  # as if it were not installed
import mlflow
print(mlflow.pyfunc.load_model("models:/churn@champion").predict([1]))
"""


def version_in_mlflow(workspace: Workspace, number: int = 1):
    return registry.client(workspace).get_model_version("churn", str(number))


def test_a_package_becomes_a_version_with_the_very_same_files(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    folder = package()
    record = registry.publish(workspace, store, folder)
    stored = registry.fetching.local_path(version_in_mlflow(workspace).source)
    assert (record.state, record.registry_version) == ("registered", 1)
    assert verify(stored, record.digest).manifest_digest == verify(folder).manifest_digest
    assert stored.is_relative_to(workspace.artifacts)


def test_its_tags_say_where_it_came_from(workspace: Workspace, store: Store, package: Callable[..., Path]):
    record = registry.publish(workspace, store, package())
    tags = version_in_mlflow(workspace).tags
    assert tags["mlops.digest"] == record.digest
    assert tags["mlops.state"] == "complete"
    expected = {"version": "1.0.0", "git_commit": "abc123", "git_dirty": "false", "data_fingerprint": "f1"}
    assert {name: tags[f"mlops.{name}"] for name in expected} == expected


def test_the_run_that_trained_it_is_linked(workspace: Workspace, store: Store, package: Callable[..., Path]):
    mlflow = registry.client(workspace)
    run = mlflow.create_run("0")
    record = registry.publish(workspace, store, package(run={"id": run.info.run_id, "experiment": "0"}))
    (output,) = mlflow.get_run(run.info.run_id).outputs.model_outputs
    assert record.run_id == run.info.run_id == version_in_mlflow(workspace).run_id
    assert mlflow.get_logged_model(output.model_id).source_run_id == run.info.run_id


def test_a_run_that_this_mlflow_does_not_know_is_no_hindrance(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    record = registry.publish(workspace, store, package(run={"id": "gone", "experiment": "0"}))
    assert (record.state, record.run_id) == ("registered", "gone")


def test_the_same_content_is_the_same_version(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    first = registry.publish(workspace, store, package())
    again = registry.publish(workspace, store, package(created="2027-01-01T00:00:00+00:00"))
    assert (again.registry_version, again.version) == (first.registry_version, first.version)
    assert len(registry.client(workspace).search_model_versions("name='churn'")) == 1


def test_mlflow_loads_it_by_alias_without_mlops_jupyter(
    workspace: Workspace, store: Store, package: Callable[..., Path], tmp_path: Path
):
    registry.publish(workspace, store, package())
    registry.move_alias(workspace, store, "churn", "champion", "1.0.0")
    environment = os.environ | {"MLFLOW_TRACKING_URI": registry.tracking_uri(workspace)}
    command = [sys.executable, "-P", "-W", "ignore", "-c", LOAD]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[42]", done.stderr


def test_mlflows_global_state_is_left_alone(workspace: Workspace, store: Store, package: Callable[..., Path]):
    import mlflow

    before = mlflow.get_tracking_uri(), dict(os.environ)
    registry.publish(workspace, store, package())
    assert (mlflow.get_tracking_uri(), dict(os.environ)) == before


def test_a_damaged_package_is_refused_before_mlflow_hears_of_it(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    folder = package()
    (folder / "model" / "weights.bin").write_text("2")
    with pytest.raises(IntegrityError, match=r"weights\.bin: changed.*package again"):
        registry.publish(workspace, store, folder)
    assert list_versions(store) == []


def test_a_name_that_cannot_be_a_folder_is_refused(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        registry.publish(workspace, store, package(model="../x"))


def test_a_number_taken_in_another_workspace_is_a_conflict_and_then_known(
    workspace: Workspace, store: Store, package: Callable[..., Path], other: tuple[Workspace, Store]
):
    registry.publish(*other, package(weight=1))
    mine = package(weight=2)
    reserve_version(store, "churn", verify(mine).digest, lambda known: "1.0.0")
    with pytest.raises(ConflictError, match=r"churn 1\.0\.0 is another package already.*package again"):
        registry.publish(workspace, store, mine)
    known = []
    reserve_version(store, "churn", verify(mine).digest, lambda seen: known.extend(seen) or "1.0.1")
    assert [(each.version, each.state) for each in known] == [("1.0.0", "registered")]


def test_content_registered_elsewhere_under_another_number_has_that_one(
    workspace: Workspace, store: Store, package: Callable[..., Path], other: tuple[Workspace, Store]
):
    registry.publish(*other, package(version="1.3.0"))
    mine = package(version="1.0.0")
    reserve_version(store, "churn", verify(mine).digest, lambda known: "1.0.0")
    assert registry.publish(workspace, store, mine).version == "1.3.0"
    assert [each.version for each in list_versions(store)] == ["1.3.0"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_never_half_and_is_completed_by_running_it_again(
    workspace: Workspace,
    store: Store,
    package: Callable[..., Path],
    forks: Callable[..., list[int]],
    step: str,
):
    folder = package()
    job = {"root": str(workspace.root), "database": str(workspace.root / "mlflow.db"), "package": str(folder)}
    assert forks(job | {"kill_at": step}) == [-9]
    with pytest.raises(RefusedError, match=r"registered in part.*%mlops register churn again"):
        get_version(store, "churn", "1.0.0")
    if find_version(store, "churn").registry_version:
        pytest.fail("the mirror shows a number before the end")
    registry.refresh(workspace, store)
    record = registry.publish(workspace, store, folder)
    mlflow = registry.client(workspace)
    experiment = mlflow.get_experiment_by_name(registry.publishing.EXPERIMENT).experiment_id
    assert (record.state, record.registry_version) == ("registered", 1)
    assert len(mlflow.search_model_versions("name='churn'")) == 1
    assert len(mlflow.search_logged_models([experiment])) == 1
    assert registry.obtain(workspace, store, get_version(store, "churn")).is_dir()
    assert audit.verify_chain(store).whole


def test_two_processes_at_once_make_one_version(
    workspace: Workspace, store: Store, package: Callable[..., Path], forks: Callable[..., list[int]]
):
    job = {
        "root": str(workspace.root),
        "database": str(workspace.root / "mlflow.db"),
        "package": str(package()),
    }
    assert forks(job, job, job) == [0, 0, 0]
    assert len(registry.client(workspace).search_model_versions("name='churn'")) == 1
    assert [each.state for each in list_versions(store)] == ["registered"]


def test_two_processes_that_use_mlflow_first_at_once_make_one_database(
    tmp_path: Path, package: Callable[..., Path], forks: Callable[..., list[int]]
):
    folder = str(package())
    jobs = [
        {"root": str(tmp_path / name), "database": str(tmp_path / "new.db"), "package": folder}
        for name in "ab"
    ]
    for job in jobs:
        (tmp_path / job["root"]).mkdir()
    assert forks(*jobs) == [0, 0]


def test_a_disk_that_fills_while_registering_is_told_and_it_can_be_done_again(
    workspace: Workspace, store: Store, package: Callable[..., Path]
):
    folder = package()
    workspace.artifacts.mkdir()
    with small_disk(workspace.artifacts), pytest.raises(WorkspaceError, match=r"the disk of .* is full"):
        registry.publish(workspace, store, folder)
    assert registry.publish(workspace, store, folder).state == "registered"


@contextmanager
def small_disk(place: Path):
    """Mount a file system of one page."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a tiny file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
