"""The store's file by its driver alone, for what must begin at once: SQLAlchemy alone takes half a second.

What is read and written so are pipelines' runs and the digests of files. Tables are declared, made and
migrated in one place all the same: a file that is missing, or of another release, is opened by `database`.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Protocol

from mlops_jupyter.errors import ConflictError, MlopsError, WorkspaceError

from .workspace import has_no_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workspace import Workspace

SCHEMA_VERSION = 2
BUSY_SECONDS = 10


class Kept(Protocol):
    """What belongs to a workspace: its open store, or the `Ledger` where that would be too slow to open."""

    @property
    def workspace(self) -> Workspace:
        """The workspace."""


class Ledger:
    """The store of a workspace, not opened yet.

    Parameters
    ----------
    workspace : Workspace
        Whose store it is.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace


@contextmanager
def connected(store: Kept) -> Iterator[sqlite3.Connection]:
    """Yield a connection that commits each statement by itself.

    Raises
    ------
    ConflictError
        When another process keeps the store busy.
    WorkspaceError
        When the file cannot be written, is damaged, or was made by a newer release.
    """
    try:
        with closing(opened(store.workspace)) as connection:
            yield connection
    except sqlite3.Error as failure:
        raise explained(store.workspace, failure) from failure


@contextmanager
def reading(store: Kept) -> Iterator[sqlite3.Connection]:
    """Yield a connection that sees one moment of the store."""
    with connected(store) as connection, connection:
        connection.execute("BEGIN DEFERRED")
        yield connection


@contextmanager
def writing(store: Kept) -> Iterator[sqlite3.Connection]:
    """Yield a connection that holds the write lock; commit at the end, roll back on an error."""
    with connected(store) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def opened(workspace: Workspace) -> sqlite3.Connection:
    """Connect to the file, after its tables were brought up to this release."""
    if not workspace.database.exists():
        bring_up(workspace)
    connection = connect(workspace)
    try:
        if written_version(connection) != SCHEMA_VERSION:
            bring_up(workspace)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(workspace: Workspace) -> sqlite3.Connection:
    """Connect to the file as it is; its journal mode stands in it."""
    connection = sqlite3.connect(workspace.database, timeout=BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    # the last record of a step may be lost with the power, never the file: it runs again
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def written_version(connection: sqlite3.Connection) -> int | None:
    """Read the version of the tables; None where they were not made yet."""
    made = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'workspace_facts'").fetchone()
    if not made:
        return None
    found = connection.execute("SELECT value FROM workspace_facts WHERE name = 'schema'").fetchone()
    return int(found["value"]) if found else None


def bring_up(workspace: Workspace) -> None:
    """Make what tables are missing, or refuse a store of a newer release."""
    from .database import open_store

    open_store(workspace)


def explained(workspace: Workspace, failure: Exception) -> MlopsError:
    """Say in one line what SQLite or the disk refuses."""
    words = str(getattr(failure, "orig", failure))
    where = f"the workspace {workspace.root}"
    if "locked" in words:
        return ConflictError(
            f"the store of {where} is busy", f"locked for over {BUSY_SECONDS} s", "run it again"
        )
    # without room for its index file, SQLite speaks of an I/O error
    if "full" in words or "No space" in words or has_no_room(workspace.root):
        return WorkspaceError(f"the disk of {where} is full", hint="free some space: %mlops clean")
    if "readonly" in words or "Permission" in words or not os.access(workspace.root, os.W_OK):
        return WorkspaceError(f"{where} is read-only", hint="set MLOPS_HOME to a folder you can write")
    return WorkspaceError(f"the store of {where} cannot be used", words, "%mlops doctor says more")
