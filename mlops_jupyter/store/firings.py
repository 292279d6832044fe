"""Each time that a schedule came due: written before anything is done for it, closed after all is.

Whoever attends to a firing bears its token; a token that is not the row's any more may change nothing. So a
process that died is replaced, and one that was thought dead and is not does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - read from the fields of the noun
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .direct import reading, writing
from .leases import bears, this_host
from .rows import as_row, as_text, changes, from_row, insertion

if TYPE_CHECKING:
    import sqlite3

    from .direct import Kept
    from .schedules import Schedule

FiringState: TypeAlias = Literal["DUE", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED", "MISSED"]
OPEN: tuple[FiringState, ...] = ("DUE", "RUNNING")
KEPT = 200


@dataclass(frozen=True)
class Firing:
    """One time that a schedule came due.

    Parameters
    ----------
    id : int
        Its number.
    schedule : str
        Whose.
    due : datetime
        When it was to begin, in UTC.
    state : str
        ``DUE``, ``RUNNING``, or how it ended.
    reason : str
        Why it stands so, in one line.
    result : str
        What came of it: of a pipeline the id of the run.
    passed_over : int
        How many times before it were missed, for which it stands.
    attempts : int
        How often a process was started for it.
    hook : str
        ``due`` while the hook is still to be called; then how that ended; empty when there is none to call.
    closed : bool
        Whether nothing is left to do.
    host, pid, token : str, int or None, str
        The process that attends to it; an empty token for none.
    beat, not_before, began, ended : datetime or None
        When that process was last heard of, when to look again, when the work began and ended; in UTC.
    """

    id: int
    schedule: str
    due: datetime
    state: FiringState = "DUE"
    reason: str = ""
    result: str = ""
    passed_over: int = 0
    attempts: int = 0
    hook: str = ""
    closed: bool = False
    host: str = ""
    pid: int | None = None
    token: str = ""
    beat: datetime | None = None
    not_before: datetime | None = None
    began: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Ended:
    """How the work for a firing ended, or why it did not.

    Parameters
    ----------
    state : str
        How it ended; ``DUE`` or ``RUNNING`` to look again later.
    reason : str
        Why, in one line.
    result : str
        What came of it: of a pipeline the id of the run.
    """

    state: FiringState
    reason: str = ""
    result: str = ""


def enter(store: Kept, schedule: Schedule, firing: Firing, next_due: datetime | None) -> bool:
    """Write a firing and its schedule's next time, unless somebody did; return whether it was written.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    schedule : Schedule
        As it was read.
    firing : Firing
        What to write; its number is given here.
    next_due : datetime or None
        The schedule's first time after the firing.
    """
    same = {"name": schedule.name, "read": schedule.next_due, "created": schedule.created, "next": next_due}
    move = "UPDATE schedules SET next_due = :next WHERE name = :name AND next_due = :read"
    row = as_row({name: value for name, value in vars(firing).items() if name != "id"})
    with writing(store) as connection:
        if connection.execute(f"{move} AND created = :created", as_row(same)).rowcount != 1:
            return False
        # a schedule that was made anew may have had this very time already
        connection.execute(insertion("firings", row, otherwise="IGNORE"), row)
        return True


def firings(
    store: Kept, schedule: str | None = None, *, closed: bool | None = None, limit: int = KEPT
) -> list[Firing]:
    """Return firings, the newest first.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    schedule : str, optional
        Only those of one schedule.
    closed : bool, optional
        Only those that nothing is left to do for, or only those that something is.
    limit : int
        Not more than so many.
    """
    asked = (
        "SELECT * FROM firings WHERE coalesce(:schedule, schedule) = schedule"
        " AND coalesce(:closed, closed) = closed ORDER BY due DESC, id DESC LIMIT :limit"
    )
    row = {"schedule": schedule, "closed": closed, "limit": limit}
    with reading(store) as connection:
        return [from_row(Firing, found) for found in connection.execute(asked, row)]


def claim(store: Kept, firing: Firing, token: str, now: datetime) -> bool:
    """Give a firing to a process that is to be started, unless somebody did; return whether it was given."""
    row = {"id": firing.id, "before": firing.token, "token": token, "host": this_host(), "now": as_text(now)}
    give = "token = :token, host = :host, pid = NULL, beat = :now, attempts = attempts + 1"
    where = "id = :id AND token = :before AND NOT closed"
    with writing(store) as connection:
        return connection.execute(f"UPDATE firings SET {give} WHERE {where}", row).rowcount == 1


def change(store: Kept, firing: int, token: str, **values: Any) -> Firing | None:
    """Change a firing as the process that bears its token; return it, or None when it is another's now."""
    row = as_row(values)
    say = f"UPDATE firings SET {changes(row)} WHERE id = :_id AND token = :_token AND NOT closed"
    with writing(store) as connection:
        if connection.execute(say, row | {"_id": firing, "_token": token}).rowcount != 1:
            return None
        return _one(connection, firing)


def attended(firing: Firing, now: datetime) -> bool:
    """Whether a living process attends to a firing, as far as this host can tell."""
    return bool(firing.token) and bears(firing.host, firing.pid, firing.token, firing.beat, now)


def forget_old(store: Kept, schedule: str) -> None:
    """Keep the newest firings of a schedule, and those that are open."""
    newest = "SELECT id FROM firings WHERE schedule = :schedule ORDER BY due DESC LIMIT :kept"
    old = f"DELETE FROM firings WHERE schedule = :schedule AND closed AND id NOT IN ({newest})"
    with writing(store) as connection:
        connection.execute(old, {"schedule": schedule, "kept": KEPT})


def _one(connection: sqlite3.Connection, firing: int) -> Firing:
    row = connection.execute("SELECT * FROM firings WHERE id = ?", (firing,)).fetchone()
    return from_row(Firing, row)
