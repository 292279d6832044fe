"""One run of a pipeline at a time: who runs it holds its lock, first the caller, then the runner.

The lock is a row of `store.locks`, written by the driver alone: a run that finds nothing to do ends before
SQLAlchemy would be imported.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.store.direct import reading, writing
from mlops_jupyter.store.owners import Owner, is_living, me

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_jupyter.store.direct import Kept

LOCK: Final = "running.lock"
LAST_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.1
_given_up: set[str] = set()  # tokens of locks that could not be released


def lock_name(pipeline: str) -> str:
    """Return what the lock of a pipeline is called."""
    return f"run pipeline {pipeline}"


def who_runs(store: Kept, pipeline: str) -> Owner | None:
    """Return who runs a pipeline now; None when nobody living does."""
    with reading(store) as connection:
        holder = holder_of(connection, pipeline)
    return holder if holder and is_living(holder) else None


@contextmanager
def claimed(store: Kept, pipeline: str) -> Iterator[Owner]:
    """Be the only one to run a pipeline, for the length of the block.

    Raises
    ------
    ConflictError
        When somebody living runs it; the message says who, and since when.
    """
    mine = claim(store, pipeline)
    try:
        yield mine
    finally:
        try:
            release(store, pipeline, mine)
        except MlopsError:  # a full disk: nobody else is locked out for longer than this process lives
            _given_up.add(mine.token)


def claim(store: Kept, pipeline: str) -> Owner:
    """Become the one who runs a pipeline, or say who does."""
    mine = me()
    with writing(store) as connection:
        holder = holder_of(connection, pipeline)
        if holder is None or holder.token in _given_up or not is_living(holder):
            row = {"name": lock_name(pipeline), **vars(mine)}
            connection.execute(
                "INSERT OR REPLACE INTO locks (name, token, pid, create_time, host, since) "
                "VALUES (:name, :token, :pid, :create_time, :host, :since)",
                row,
            )
            return mine
    raise ConflictError(
        f"{pipeline} is being run",
        f"by process {holder.pid} on {holder.host} since {holder.since}",
        "wait until it is done, or stop it there",
    )


@contextmanager
def taken_over(store: Kept, pipeline: str, owner: Owner) -> Iterator[None]:
    """Hold in this process what a caller claimed, so that it stays claimed when the caller is gone.

    Raises
    ------
    ConflictError
        When the caller is gone already, and somebody else has it.
    """
    here = me()
    with writing(store) as connection:
        now_here = (here.pid, here.create_time, lock_name(pipeline), owner.token)
        taken = connection.execute(
            "UPDATE locks SET pid = ?, create_time = ? WHERE name = ? AND token = ?", now_here
        )
        if taken.rowcount != 1:
            raise ConflictError(f"{pipeline} is being run by somebody else")
    try:
        yield
    finally:
        with suppress(MlopsError):
            release(store, pipeline, owner)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait for the last processes of a run whose runner was killed; forks of this one hold on as it does.

    A lock that a process and its forks have in common ends with the last of them. A step that is being ended
    must not write into the files of the next run.
    """
    with (folder / LOCK).open("ab") as file:
        until = time.monotonic() + LAST_SECONDS
        while not locked(file.fileno()) and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        yield


def locked(descriptor: int) -> bool:
    """Lock a file for this process and its forks, or say that others have it."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # neither Windows nor every network's file system has it
        return True
    return True


def release(store: Kept, pipeline: str, owner: Owner) -> None:
    """Give up the lock of a pipeline, when it is still this owner's."""
    with writing(store) as connection:
        mine = (lock_name(pipeline), owner.token)
        connection.execute("DELETE FROM locks WHERE name = ? AND token = ?", mine)


def holder_of(connection: sqlite3.Connection, pipeline: str) -> Owner | None:
    """Return who is written down as running a pipeline, living or not."""
    row = connection.execute(
        "SELECT token, pid, create_time, host, since FROM locks WHERE name = ?", (lock_name(pipeline),)
    ).fetchone()
    return Owner(**dict(row)) if row else None
