"""The store by its driver alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.errors import ConflictError, WorkspaceError
from mlops_jupyter.store import direct
from mlops_jupyter.store.direct import Ledger, connected, reading, writing

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace

READ = """
import sys
from pathlib import Path
from mlops_jupyter.store.direct import Ledger, reading
from mlops_jupyter.store.workspace import Workspace
with reading(Ledger(Workspace(Path(sys.argv[1])))) as connection:
    connection.execute("SELECT * FROM pipeline_runs").fetchall()
print("sqlalchemy" in sys.modules)
"""
DIGEST = "INSERT INTO file_digests VALUES ('a', 'content', '1', '2')"


def digests(store: Store | Ledger) -> int:
    with reading(store) as connection:
        return connection.execute("SELECT count(*) FROM file_digests").fetchone()[0]


def test_a_ledger_makes_the_store_on_first_use(workspace: Workspace):
    assert digests(Ledger(workspace)) == 0


def test_a_store_that_is_there_is_read_without_sqlalchemy(store: Store):
    command = [sys.executable, "-c", READ, str(store.workspace.root)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_what_is_written_is_there_for_everybody(store: Store):
    with writing(Ledger(store.workspace)) as connection:
        connection.execute(DIGEST)
    assert digests(store) == 1


def test_writing_that_fails_leaves_nothing(store: Store):
    with pytest.raises(ZeroDivisionError), writing(store) as connection:
        assert connection.execute(DIGEST).rowcount / 0
    assert digests(store) == 0


def test_two_writers_at_once_are_told_in_one_line(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(direct, "BUSY_SECONDS", 0.1)
    with writing(store):
        with pytest.raises(ConflictError, match=r"is busy.*run it again"), writing(store):
            pytest.fail("two writers at once")
        assert digests(store) == 0


def test_a_damaged_store_is_told_in_one_line(workspace: Workspace):
    workspace.database.write_bytes(b"not a database" * 100)
    with (
        pytest.raises(WorkspaceError, match="cannot be used: file is not a database"),
        connected(Ledger(workspace)),
    ):
        pytest.fail("opened a damaged store")


def test_rows_of_a_run_go_with_the_run(store: Store):
    run = "INSERT INTO pipeline_runs VALUES (1, 'r', 'p', 'f', 'RUNNING', 'run', 'now', NULL, '', '{}')"
    with writing(store) as connection:
        connection.execute(run)
        connection.execute("INSERT INTO pipeline_steps VALUES ('r', 's', 0, 'p', 'WAITING', NULL, '{}')")
        connection.execute("DELETE FROM pipeline_runs")
        assert connection.execute("SELECT count(*) FROM pipeline_steps").fetchone()[0] == 0
