"""A store of its own for each test, and a pipeline's file to schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import open_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "ws"))
    return Ledger(open_workspace())
