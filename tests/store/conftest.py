"""A store of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.store.database import Store, open_store
from mlops_jupyter.store.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "ws"))
    return open_workspace()


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace)
