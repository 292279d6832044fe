from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import IntegrityError, MlopsError, NotFoundError, RefusedError
from mlops_jupyter.serving.manifest import verify
from mlops_jupyter.store import audit
from mlops_jupyter.store.versions import find_version, get_version, list_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace


@pytest.fixture
def record(workspace: Workspace, store: Store, package: Callable[..., Path]) -> VersionRecord:
    return registry.publish(workspace, store, package())


def retag(workspace: Workspace, tag: str, value: str) -> None:
    registry.client(workspace).set_model_version_tag("churn", "1", tag, value)


def stored(workspace: Workspace) -> Path:
    return registry.fetching.local_path(registry.client(workspace).get_model_version("churn", "1").source)


def test_a_package_that_lies_here_is_taken(workspace: Workspace, store: Store, record: VersionRecord):
    assert (
        registry.obtain(workspace, store, record) == record.package_path == registry.cached(workspace, record)
    )


def test_one_that_does_not_is_downloaded_and_verified(
    workspace: Workspace, store: Store, record: VersionRecord
):
    shutil.rmtree(workspace.packages)
    folder = registry.obtain(workspace, store, record)
    assert verify(folder, record.digest).version == "1.0.0"
    assert folder == workspace.packages / record.digest[:16] / "churn_v1.0.0_20261120T101500Z"
    assert find_version(store, "churn").package_path == folder
    assert [each.name for each in workspace.packages.iterdir()] == [record.digest[:16]]


def test_a_damaged_one_is_replaced(workspace: Workspace, store: Store, record: VersionRecord):
    (record.package_path / "model" / "weights.bin").write_text("evil")
    assert registry.cached(workspace, record) is None
    assert verify(registry.obtain(workspace, store, record), record.digest)


def test_tags_that_were_changed_are_refused_though_the_files_lie_here(
    workspace: Workspace, store: Store, record: VersionRecord
):
    retag(workspace, "mlops.digest", "f" * 64)
    with pytest.raises(IntegrityError, match=r"is not the package it was.*ffff"):
        registry.obtain(workspace, store, record)
    registry.refresh(workspace, store)
    with pytest.raises(IntegrityError, match="is not the package it was"):
        registry.obtain(workspace, store, get_version(store, "churn"))


def test_a_version_tag_that_was_changed_is_refused(workspace: Workspace, store: Store, record: VersionRecord):
    retag(workspace, "mlops.version", "9.0.0")
    with pytest.raises(IntegrityError, match=r"tags of churn 1\.0\.0 in MLflow were changed"):
        registry.obtain(workspace, store, record)


def test_a_version_marked_incomplete_is_refused(workspace: Workspace, store: Store, record: VersionRecord):
    retag(workspace, "mlops.state", "incomplete")
    with pytest.raises(RefusedError, match="registered in part"):
        registry.obtain(workspace, store, record)


def test_files_that_were_changed_in_mlflow_are_refused_by_name(
    workspace: Workspace, store: Store, record: VersionRecord
):
    (stored(workspace) / "code" / "answer.py").write_text("import os")
    shutil.rmtree(workspace.packages)
    with pytest.raises(IntegrityError, match=r"not what was registered: code/answer\.py: changed"):
        registry.obtain(workspace, store, record)
    assert list(workspace.packages.iterdir()) == []


def test_another_content_with_a_true_manifest_is_refused(
    workspace: Workspace, store: Store, record: VersionRecord, package: Callable[..., Path]
):
    shutil.rmtree(stored(workspace))
    shutil.copytree(package(weight=2), stored(workspace))
    shutil.rmtree(workspace.packages)
    with pytest.raises(IntegrityError, match="the package has digest"):
        registry.obtain(workspace, store, record)


def test_another_manifest_over_the_same_content_is_refused(
    workspace: Workspace, store: Store, record: VersionRecord, package: Callable[..., Path]
):
    shutil.rmtree(stored(workspace))
    shutil.copytree(package(metrics={"on": "test data", "values": {"accuracy": 1.0}}), stored(workspace))
    shutil.rmtree(workspace.packages)
    with pytest.raises(IntegrityError, match="is not the one its tags name"):
        registry.obtain(workspace, store, record)


def test_a_version_first_seen_here_is_pinned_and_that_is_audited(
    workspace: Workspace, store: Store, record: VersionRecord, other: tuple[Workspace, Store]
):
    registry.refresh(*other)
    seen = get_version(other[1], "churn")
    registry.obtain(*other, seen)
    (entry,) = audit.records(other[1])
    assert (entry.verb, entry.result, entry.arguments["digest"]) == (
        "pin",
        "pinned on first use",
        record.digest,
    )
    retag(workspace, "mlops.digest", "f" * 64)
    with pytest.raises(IntegrityError):
        registry.obtain(*other, seen)


def test_a_version_removed_from_mlflow_is_told(workspace: Workspace, store: Store, record: VersionRecord):
    registry.client(workspace).delete_model_version("churn", "1")
    with pytest.raises(NotFoundError, match=r"churn 1\.0\.0 is not in the registry any more"):
        registry.obtain(workspace, store, record)


def test_removing_a_model_leaves_nothing_of_it_but_the_record(
    workspace: Workspace, store: Store, record: VersionRecord
):
    files = stored(workspace)
    with pytest.raises(RefusedError, match=r"churn 1\.0\.0 is deployed"):
        registry.remove_model(workspace, store, "churn", deployed={record.digest})
    registry.remove_model(workspace, store, "churn")
    assert list_versions(store) == []
    assert not files.exists()
    assert not record.package_path.exists()
    assert registry.client(workspace).search_registered_models() == []
    with pytest.raises(NotFoundError):
        registry.remove_model(workspace, store, "churn")
    assert audit.records(store, 1)[0].verb == "unpin"


def test_a_version_can_be_removed_and_its_number_given_again(
    workspace: Workspace, store: Store, record: VersionRecord, package: Callable[..., Path]
):
    registry.publish(workspace, store, package(version="1.1.0", weight=2))
    removed = registry.remove_version(workspace, store, "churn", "1.1.0")
    assert (removed.version, [each.version for each in list_versions(store)]) == ("1.1.0", ["1.0.0"])
    assert registry.publish(workspace, store, package(version="1.1.0", weight=3)).version == "1.1.0"


def test_every_refusal_is_one_line(workspace: Workspace, store: Store, record: VersionRecord):
    shutil.rmtree(stored(workspace))
    shutil.rmtree(workspace.packages)
    with pytest.raises(MlopsError, match="the files are gone from the registry") as failure:
        registry.obtain(workspace, store, record)
    assert "\n" not in str(failure.value)
