from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from mlops_jupyter.errors import ConflictError, WorkspaceError
from mlops_jupyter.store import audit, database
from mlops_jupyter.store.database import Store, open_store, workspace_facts

if TYPE_CHECKING:
    from mlops_jupyter.store.workspace import Workspace

COUNT_IN = """
import sys
from mlops_jupyter.store import audit
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import Workspace
from pathlib import Path
store = open_store(Workspace(Path(sys.argv[1])))
for number in range(20):
    audit.begin(store, "count", {"number": number})
"""


def pragma(store: Store, name: str) -> object:
    with store.read() as connection:
        return connection.scalar(sa.text(f"PRAGMA {name}"))


def test_a_local_store_has_a_write_ahead_log_and_foreign_keys(store: Store):
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "foreign_keys") == 1


def test_a_network_file_system_gets_a_rollback_journal(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    mount = SimpleNamespace(mountpoint=str(workspace.root), fstype="nfs4")
    monkeypatch.setattr(database.psutil, "disk_partitions", lambda **_: [mount])
    assert pragma(open_store(workspace), "journal_mode") == "delete"


def test_a_newer_workspace_is_refused_in_one_line(store: Store):
    with store.begin() as connection:
        connection.execute(workspace_facts.update().values(value="99"))
    with pytest.raises(WorkspaceError, match=r"newer mlops_jupyter.*version 99.*pip install -U"):
        open_store(store.workspace)


def test_a_damaged_store_is_told_in_one_line(workspace: Workspace):
    workspace.database.write_bytes(b"not a database" * 100)
    with pytest.raises(WorkspaceError, match="cannot be used: file is not a database"):
        open_store(workspace)


def test_a_transaction_that_fails_leaves_nothing(store: Store):
    with pytest.raises(ZeroDivisionError), store.begin() as connection:
        assert audit.append(connection, "deploy", {}).number / 0
    assert audit.records(store) == []


def test_begin_takes_the_write_lock_at_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    impatient = open_store(store.workspace)
    with store.begin():
        with pytest.raises(ConflictError, match=r"is busy.*run it again"), impatient.begin():
            pytest.fail("two writers at once")
        with impatient.read() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1


def test_processes_that_open_it_first_at_once_write_one_chain(workspace: Workspace):
    command = [sys.executable, "-c", COUNT_IN, str(workspace.root)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    report = audit.verify_chain(open_store(workspace))
    assert (report.whole, report.records) == (True, 60)


def test_threads_share_a_store(store: Store):
    threads = [threading.Thread(target=audit.begin, args=(store, "count", {})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify_chain(store).records == 8


def test_no_connection_stays_open(store: Store):
    audit.begin(store, "deploy", {})
    with closing(sqlite3.connect(store.workspace.database)) as connection:
        # only the sole user of a database may leave write-ahead mode
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
