"""A workspace of an older release is brought up to this one when it is opened."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.store import audit
from mlops_jupyter.store.database import metadata, open_store
from mlops_jupyter.store.direct import SCHEMA_VERSION, Ledger, reading, writing

if TYPE_CHECKING:
    from mlops_jupyter.store.workspace import Workspace

OLD = Path(__file__).parent / "workspaces" / "schema_1.sql"
OPEN = """
import sys
from pathlib import Path
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import Workspace
open_store(Workspace(Path(sys.argv[1])))
"""


@pytest.fixture
def old(workspace: Workspace) -> Workspace:
    with closing(sqlite3.connect(workspace.database)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return workspace


def tables(workspace: Workspace) -> set[str]:
    with closing(sqlite3.connect(workspace.database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def version(workspace: Workspace) -> list[tuple[str]]:
    with closing(sqlite3.connect(workspace.database)) as connection:
        return connection.execute("SELECT value FROM workspace_facts WHERE name = 'schema'").fetchall()


def test_an_old_workspace_gains_every_table(old: Workspace):
    assert "pipeline_runs" not in tables(old)
    open_store(old)
    assert metadata.tables.keys() <= tables(old)
    assert version(old) == [(str(SCHEMA_VERSION),)]


def test_an_old_workspace_gains_them_also_without_sqlalchemy_being_asked(old: Workspace):
    with reading(Ledger(old)) as connection:
        assert connection.execute("SELECT count(*) FROM pipeline_runs").fetchone()[0] == 0
    assert version(old) == [(str(SCHEMA_VERSION),)]


def test_what_an_old_workspace_knew_is_kept(old: Workspace):
    store = open_store(old)
    assert [(entry.verb, entry.who) for entry in audit.records(store)] == [
        ("deploy", "ana"),
        ("register", "ana"),
    ]
    assert audit.verify_chain(store).whole


def test_the_audit_log_of_an_old_workspace_stays_append_only(old: Workspace):
    ledger = Ledger(open_store(old).workspace)
    with pytest.raises(WorkspaceError, match="append-only"), writing(ledger) as connection:
        connection.execute("DELETE FROM audit_log")


def test_processes_that_migrate_at_once_make_each_table_once(old: Workspace):
    processes = [subprocess.Popen([sys.executable, "-c", OPEN, str(old.root)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert version(old) == [(str(SCHEMA_VERSION),)]


def test_a_newer_workspace_is_refused_also_without_sqlalchemy_being_asked(old: Workspace):
    open_store(old)
    with closing(sqlite3.connect(old.database)) as connection, connection:
        connection.execute("UPDATE workspace_facts SET value = '99'")
    with pytest.raises(WorkspaceError, match=r"newer mlops_jupyter.*pip install -U"), reading(Ledger(old)):
        pytest.fail("opened a newer store")
