"""MLflow's database in SQLite, made once and as a whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.registry import connection

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.workspace import Workspace


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the database is to be."""
    monkeypatch.setenv("MLOPS_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return tmp_path / "mlflow.db"


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as opened:
        return {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_one_that_was_not_made_to_the_end_is_not_there(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
):
    make = connection.connect

    def interrupted(uri: str) -> None:
        make(uri)
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "connect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        connection.client(workspace)
    assert not file.exists()
    monkeypatch.undo()
    monkeypatch.setenv("MLOPS_TRACKING_URI", f"sqlite:///{file}")
    assert connection.client(workspace).search_experiments()[0].name == "Default"
    assert {each.name for each in file.parent.glob("mlflow.db*")} <= {"mlflow.db", "mlflow.db.lock"}


def test_one_that_others_keep_their_tables_in_is_added_to(workspace: Workspace, file: Path):
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("CREATE TABLE mine (x)")
    connection.client(workspace)
    assert {"mine", "experiments", "registered_models"} <= tables(file)
