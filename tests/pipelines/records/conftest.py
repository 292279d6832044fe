"""A project with a store of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import Workspace
from tests.pipelines.records.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    root = tmp_path / ".mlops"
    root.mkdir()
    return Ledger(Workspace(root))


@pytest.fixture
def project(tmp_path: Path, ledger: Ledger) -> Project:
    return Project(tmp_path / "delays", ledger)
