"""The agent's lease: which process looks after a workspace from this host, and how it does.

One row a host, written by compare-and-set: of two processes that start at once one becomes the agent. A
process is known by its id and a token on its command line, never by its id alone. A host that cannot be asked
is judged by when its agent was last heard of.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_jupyter.serving.processes import find_process

from .direct import reading, writing
from .rows import as_row, as_text, from_row, insertion

if TYPE_CHECKING:
    import sqlite3

    from .direct import Kept

#: How long another host may be silent before it is taken for dead.
SILENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Lease:
    """Who looks after the workspace from a host.

    Parameters
    ----------
    host : str
        The machine's name.
    pid : int
        The process.
    token : str
        What the process bears on its command line.
    started : float
        When the process started, in seconds of the epoch; shown, not trusted: it moves with the clock.
    since, beat : datetime
        When it took the lease, and when it was last heard of; in UTC.
    version : str
        Its release of mlops_jupyter.
    stays : bool
        Whether it goes on when there is nothing to do.
    trouble : str
        What kept it from its work when it last looked, in one line; empty when nothing did.
    """

    host: str
    pid: int
    token: str
    started: float
    since: datetime
    beat: datetime
    version: str
    stays: bool = False
    trouble: str = ""


def this_host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def take_lease(store: Kept, mine: Lease) -> Lease | None:
    """Become the agent of this host, or return the living one that is."""
    with writing(store) as connection:
        holder = _held(connection, mine.host)
        if holder and lives(holder, mine.since):
            return holder
        row = as_row(vars(mine))
        connection.execute(insertion("agents", row, otherwise="REPLACE"), row)
        return None


def beat(store: Kept, mine: Lease, now: datetime, trouble: str = "") -> bool:
    """Say that the agent lives; return whether the lease is still its own."""
    row = {"host": mine.host, "token": mine.token, "beat": as_text(now), "trouble": trouble}
    say = "UPDATE agents SET beat = :beat, trouble = :trouble WHERE host = :host AND token = :token"
    with writing(store) as connection:
        return connection.execute(say, row).rowcount == 1


def end_lease(store: Kept, mine: Lease) -> None:
    """Give the lease back, unless somebody else has it."""
    with writing(store) as connection:
        connection.execute("DELETE FROM agents WHERE host = ? AND token = ?", (mine.host, mine.token))


def end_idle_lease(store: Kept, mine: Lease) -> bool:
    """Give the lease back if there is nothing to do; return whether there was nothing.

    Who makes a schedule writes it first and looks for an agent then, so one of the two sees the other.
    """
    busy = "SELECT 1 FROM schedules UNION ALL SELECT 1 FROM firings WHERE NOT closed"
    with writing(store) as connection:
        if connection.execute(busy).fetchone():
            return False
        connection.execute("DELETE FROM agents WHERE host = ? AND token = ?", (mine.host, mine.token))
        return True


def leases(store: Kept) -> list[Lease]:
    """Return what every host's agent last said of itself, living or not."""
    with reading(store) as connection:
        return [from_row(Lease, row) for row in connection.execute("SELECT * FROM agents ORDER BY host")]


def living_agent(store: Kept, now: datetime | None = None) -> Lease | None:
    """Return the agent of this host if it lives."""
    with reading(store) as connection:
        holder = _held(connection, this_host())
    return holder if holder and lives(holder, now or datetime.now(UTC)) else None


def lives(lease: Lease, now: datetime) -> bool:
    """Whether an agent lives, as far as this host can tell."""
    return bears(lease.host, lease.pid, lease.token, lease.beat, now)


def bears(host: str, pid: int | None, token: str, last: datetime | None, now: datetime) -> bool:
    """Whether a process lives: one of this host by its token, one elsewhere by when it was last heard of."""
    if host == this_host():
        return pid is not None and find_process({"pid": pid, "token": token}) is not None
    return last is not None and now - last < SILENCE


def _held(connection: sqlite3.Connection, host: str) -> Lease | None:
    row = connection.execute("SELECT * FROM agents WHERE host = ?", (host,)).fetchone()
    return from_row(Lease, row) if row else None
