"""Named locks that outlive nobody: each bears its owner's process, and a dead owner's lock is taken over."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mlops_jupyter.errors import ConflictError

from .database import metadata
from .owners import Owner, is_living, me

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .database import Store

POLL_SECONDS = 0.1

lock_rows = sa.Table(
    "locks",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("create_time", sa.Float, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("since", sa.String, nullable=False),
)


@contextmanager
def hold(store: Store, name: str, wait: float = 0) -> Iterator[Owner]:
    """Hold the lock `name` for the length of the block.

    Parameters
    ----------
    store : Store
        The workspace's store.
    name : str
        What is locked, in words: ``register churn``.
    wait : float
        Seconds to wait for it.

    Raises
    ------
    ConflictError
        When a living process has it; the message says which, where and since when.
    """
    owner = take(store, name, time.monotonic() + wait)
    try:
        yield owner
    finally:
        with store.begin() as connection:
            mine = (lock_rows.c.name == name) & (lock_rows.c.token == owner.token)
            connection.execute(lock_rows.delete().where(mine))


def take(store: Store, name: str, deadline: float) -> Owner:
    """Try until `deadline` (of the monotonic clock) to become the owner."""
    while True:
        holder = try_take(store, name, mine := me())
        if holder is None:
            return mine
        if time.monotonic() >= deadline:
            raise ConflictError(
                f"somebody else is at it: {name}",
                f"process {holder.pid} on {holder.host} since {holder.since}",
                "wait until it is done, and run it again",
            )
        time.sleep(POLL_SECONDS)


def try_take(store: Store, name: str, mine: Owner) -> Owner | None:
    """Write `mine` unless a living owner is there, who is returned."""
    with store.begin() as connection:
        row = connection.execute(sa.select(lock_rows).where(lock_rows.c.name == name)).first()
        holder = Owner(row.token, row.pid, row.create_time, row.host, row.since) if row else None
        if holder and is_living(holder):
            return holder
        connection.execute(lock_rows.delete().where(lock_rows.c.name == name))
        connection.execute(lock_rows.insert().values(name=name, **vars(mine)))
        return None
