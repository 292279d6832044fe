from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import NotFoundError, RefusedError, UsageError
from mlops_jupyter.store.outbox import queued
from mlops_jupyter.store.versions import find_version, list_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace

QUEUE = """
import sys
from pathlib import Path
from mlops_jupyter.registry import queue_alias
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import Workspace
queue_alias(open_store(Workspace(Path(sys.argv[1]))), "churn", "champion", "1.1.0")
sys.exit("mlflow" in sys.modules)
"""


@pytest.fixture
def two(workspace: Workspace, store: Store, package: Callable[..., Path]) -> Store:
    """Churn 1.0.0 and 1.1.0."""
    registry.publish(workspace, store, package())
    registry.publish(workspace, store, package(version="1.1.0", weight=2))
    return store


def in_mlflow(workspace: Workspace) -> dict[str, str]:
    return dict(registry.client(workspace).get_registered_model("churn").aliases)


def test_an_alias_is_moved_in_mlflow_and_in_the_mirror(workspace: Workspace, two: Store):
    registry.move_alias(workspace, two, "churn", "champion", "1.0.0")
    moved = registry.move_alias(workspace, two, "churn", "champion", "@champion")
    assert moved is not None
    assert (moved.version, moved.aliases) == ("1.0.0", ("champion",))
    assert in_mlflow(workspace) == {"champion": 1} or in_mlflow(workspace) == {"champion": "1"}
    registry.move_alias(workspace, two, "churn", "champion", None)
    assert in_mlflow(workspace) == {}
    assert queued(two) == []


def test_moving_takes_an_older_wish_back(workspace: Workspace, two: Store):
    registry.queue_alias(two, "churn", "champion", "1.1.0")
    registry.move_alias(workspace, two, "churn", "champion", "1.0.0")
    assert registry.flush_aliases(workspace, two) == 0
    assert find_version(two, "churn", "@champion").version == "1.0.0"


def test_a_wish_waits_until_it_is_delivered_without_mlflow(workspace: Workspace, two: Store):
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", QUEUE, str(workspace.root)])
    assert done.returncode == 0, "MLflow was imported"
    assert time.perf_counter() - began < 20
    assert in_mlflow(workspace) == {}
    assert registry.flush_aliases(workspace, two) == 1
    assert {name: int(number) for name, number in in_mlflow(workspace).items()} == {"champion": 2}


def test_a_wish_for_a_version_that_is_gone_is_dropped(workspace: Workspace, two: Store):
    registry.queue_alias(two, "churn", "champion", "1.1.0")
    registry.client(workspace).delete_model_version("churn", "2")
    registry.flush_aliases(workspace, two)
    assert queued(two) == []


def test_only_what_is_registered_bears_an_alias(workspace: Workspace, two: Store):
    with pytest.raises(NotFoundError, match=r"no version '3\.0\.0' of churn"):
        registry.move_alias(workspace, two, "churn", "champion", "3.0.0")
    with pytest.raises(UsageError, match="reserves latest"):
        registry.move_alias(workspace, two, "churn", "latest", "1.0.0")
    registry.client(workspace).set_model_version_tag("churn", "2", "mlops.state", "incomplete")
    registry.refresh(workspace, two)
    with pytest.raises(RefusedError, match="registered in part"):
        registry.move_alias(workspace, two, "churn", "champion", "1.1.0")


def test_the_mirror_follows_what_was_done_elsewhere(
    workspace: Workspace, two: Store, other: tuple[Workspace, Store]
):
    registry.move_alias(workspace, two, "churn", "champion", "1.1.0")
    registry.client(workspace).create_registered_model("somebody-elses")
    assert registry.refresh(*other) == 2
    seen = {each.version: each.aliases for each in list_versions(other[1])}
    assert seen == {"1.0.0": (), "1.1.0": ("champion",)}
    registry.client(workspace).delete_registered_model("churn")
    registry.refresh(*other)
    assert list_versions(other[1]) == []


def test_the_mirror_is_refreshed_from_a_process_of_its_own(
    workspace: Workspace, two: Store, other: tuple[Workspace, Store]
):
    registry.queue_alias(two, "churn", "champion", "1.1.0")
    registry.flush_aliases(workspace, two)
    began = time.perf_counter()
    assert registry.refresh_in_background(other[0])
    assert time.perf_counter() - began < 5
    assert not registry.refresh_in_background(other[0])
    for _ in range(300):
        if len(list_versions(other[1])) == 2:
            break
        time.sleep(0.1)
    assert find_version(other[1], "churn", "@champion").version == "1.1.0"


def test_nothing_is_started_for_an_empty_workspace(workspace: Workspace, store: Store):
    (workspace.root / "mlflow.db").unlink()
    assert not registry.refresh_in_background(workspace)
