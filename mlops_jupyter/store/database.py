"""The SQLite file of the workspace, through SQLAlchemy.

Write-ahead log on a local disk, a rollback journal on a network file system (where shared memory fails);
foreign keys on; `store.begin()` takes the write lock at once (BEGIN IMMEDIATE), so that what it reads is what
it changes.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import filelock
import psutil
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from mlops_jupyter.errors import ConflictError, WorkspaceError

from .direct import BUSY_SECONDS, SCHEMA_VERSION, explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .workspace import Workspace

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "afpfs", "afs", "ceph", "davfs", "fuse.sshfs"}
    | {"fuse.glusterfs", "glusterfs", "gpfs", "lustre", "beegfs", "ncpfs"}
)

metadata = sa.MetaData()

workspace_facts = sa.Table(
    "workspace_facts",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)


@dataclass(frozen=True)
class Store:
    """The open database of one workspace."""

    workspace: Workspace
    engine: sa.Engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Yield a connection that holds the write lock; commit at the end, roll back on an error."""
        with self._connected("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one moment of the store."""
        with self._connected("BEGIN DEFERRED") as connection:
            yield connection

    @contextmanager
    def _connected(self, how: str) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect().execution_options(begin=how) as connection, connection.begin():
                yield connection
        except DatabaseError as failure:
            raise explained(self.workspace, failure) from failure


def open_store(workspace: Workspace) -> Store:
    """Open the store, making the tables it lacks: all on first use, the new ones after an upgrade.

    Two processes may do so at once.

    Raises
    ------
    WorkspaceError
        When the file cannot be written, is damaged, or was made by a newer release.
    """
    store = Store(workspace, make_engine(workspace.database))
    found = schema_version(store) if workspace.database.exists() else None
    if found is None or found < SCHEMA_VERSION:
        found = make_tables(store)
    if found > SCHEMA_VERSION:
        raise WorkspaceError(
            f"the workspace {workspace.root} was made by a newer mlops_jupyter",
            f"its schema is version {found}, this release knows {SCHEMA_VERSION}",
            "pip install -U mlops_jupyter",
        )
    return store


def make_engine(file: Path) -> sa.Engine:
    """Build an engine that opens a connection per use: nothing is left open in a kernel or after a fork."""
    url = sa.URL.create("sqlite+pysqlite", database=str(file))
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", start)
    return engine


def prepare(connection: Any, _record: object) -> None:
    """Leave transactions to `start`: the driver would begin them late, and deferred."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def start(connection: sa.Connection) -> None:
    """Begin as the caller asked."""
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN DEFERRED"))


def schema_version(store: Store) -> int | None:
    """Read the version of the tables; None where they were not made yet."""
    with store.read() as connection:
        made = connection.scalar(sa.text("SELECT 1 FROM sqlite_schema WHERE name = 'workspace_facts'"))
        if not made:
            return None
        value = connection.scalar(
            sa.select(workspace_facts.c.value).where(workspace_facts.c.name == "schema")
        )
        return int(value) if value else None


def make_tables(store: Store) -> int:
    """Make the tables that are missing under a file lock, and say which version stands there after it."""
    # every table of the store must be known before they are made
    from . import agents, audit, deployments, locks, outbox, pins, runs, versions  # noqa: F401

    try:
        with filelock.FileLock(store.workspace.root / "store.lock", timeout=BUSY_SECONDS):
            set_journal(store.workspace.database)
            found = schema_version(store)
            if found is not None and found >= SCHEMA_VERSION:
                return found
            with store.begin() as connection:
                metadata.create_all(connection)
                connection.execute(workspace_facts.delete().where(workspace_facts.c.name == "schema"))
                connection.execute(workspace_facts.insert().values(name="schema", value=str(SCHEMA_VERSION)))
            return SCHEMA_VERSION
    except filelock.Timeout as failure:
        raise ConflictError(
            "another process is making the workspace's store", hint="run it again"
        ) from failure
    except (OSError, sqlite3.Error) as failure:
        raise explained(store.workspace, failure) from failure


def set_journal(file: Path) -> None:
    """Choose the journal mode, which the file then keeps."""
    mode = "DELETE" if on_network(file) else "WAL"
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        connection.execute(f"PRAGMA journal_mode={mode}")
    finally:
        connection.close()


def on_network(file: Path) -> bool:
    """Whether the file lies on a network file system, by the longest mount point above it."""
    above = {str(at) for at in file.resolve().parents}
    mounts = [part for part in psutil.disk_partitions(all=True) if part.mountpoint in above]
    nearest = max(mounts, key=lambda part: len(part.mountpoint), default=None)
    return nearest is not None and nearest.fstype.lower() in NETWORK_FILE_SYSTEMS
