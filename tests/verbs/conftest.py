"""A workspace of its own for each test, and a store in it."""

import pytest


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / ".mlops"))
    monkeypatch.chdir(tmp_path)
    from mlops_jupyter.store.workspace import open_workspace

    return open_workspace()


@pytest.fixture
def store(workspace):
    from mlops_jupyter.store.database import open_store

    return open_store(workspace)
