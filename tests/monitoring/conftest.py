"""A workspace with a deployment in it that has been called for six hours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.monitoring.endpoints import NOON, flights, make_endpoint


@pytest.fixture(scope="session")
def called(tmp_path_factory):
    """A deployment whose callers came ever later in the day, from 06:00 to 12:00 UTC; read by many tests."""
    from mlops_jupyter.store.workspace import Workspace

    root = tmp_path_factory.mktemp("called")
    workspace = Workspace(root / ".mlops")
    endpoint = make_endpoint(workspace.deployments, root, roles=("stable", "candidate"))
    for hour in range(6):
        rows = flights(500, seed=hour + 1, later=0.9 * hour)
        endpoint.send(rows, NOON - timedelta(hours=6 - hour))
    return endpoint


@pytest.fixture
def endpoint(called, monkeypatch):
    """The same, as the deployment `late` of the workspace that verbs find."""
    monkeypatch.setenv("MLOPS_HOME", str(called.folder.parents[1]))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return called
