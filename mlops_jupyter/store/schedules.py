"""What is done by itself, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .direct import reading, writing
from .rows import as_row, as_text, from_row, insertion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .direct import Kept

Missed: TypeAlias = Literal["run-once", "skip"]


@dataclass(frozen=True)
class Schedule:
    """What is done by itself, and when.

    Parameters
    ----------
    name : str
        Unique in the workspace.
    kind : str
        The kind of work: ``pipeline``.
    subject : mapping
        What is worked on; of a pipeline ``pipeline`` (its name), ``file`` and ``parameters``, as given.
    cron, timezone : str
        When, by the clock of which place.
    missed : str
        What becomes of times that passed while nobody could: ``run-once`` or ``skip``.
    hook : str
        The command to call when a run did not succeed; empty for none.
    python : str
        The interpreter it was made with, and is run by.
    created : datetime
        In UTC.
    next_due : datetime or None
        The first time that nothing was decided about yet, in UTC; None when there is none left.
    """

    name: str
    kind: str
    subject: Mapping[str, Any]
    cron: str
    timezone: str
    missed: Missed
    hook: str
    python: str
    created: datetime
    next_due: datetime | None


def save_schedule(store: Kept, schedule: Schedule) -> None:
    """Write a schedule, in place of the one of its name."""
    row = as_row(vars(schedule))
    with writing(store) as connection:
        connection.execute(insertion("schedules", row, otherwise="REPLACE"), row)


def remove_schedule(store: Kept, name: str, now: datetime) -> bool:
    """Take a schedule away, and what of it was due and not begun; return whether there was one."""
    waiting = "schedule = :name AND state = 'DUE' AND NOT closed"
    ends = "state = 'STOPPED', reason = 'it was unscheduled', closed = 1, ended = :now, token = ''"
    row = {"name": name, "now": as_text(now)}
    with writing(store) as connection:
        connection.execute(f"UPDATE firings SET {ends} WHERE {waiting}", row)
        return connection.execute("DELETE FROM schedules WHERE name = :name", row).rowcount == 1


def all_schedules(store: Kept) -> list[Schedule]:
    """Return every schedule, the next first."""
    asked = "SELECT * FROM schedules ORDER BY next_due IS NULL, next_due, name"
    with reading(store) as connection:
        return [from_row(Schedule, row) for row in connection.execute(asked)]


def schedules_due(store: Kept, now: datetime) -> list[Schedule]:
    """Return the schedules that came due, the longest ago first."""
    asked = "SELECT * FROM schedules WHERE next_due <= ? ORDER BY next_due, name"
    with reading(store) as connection:
        return [from_row(Schedule, row) for row in connection.execute(asked, (as_text(now),))]


def find_schedule(store: Kept, name: str) -> Schedule | None:
    """Return a schedule by its name; None when there is none."""
    with reading(store) as connection:
        row = connection.execute("SELECT * FROM schedules WHERE name = ?", (name,)).fetchone()
        return from_row(Schedule, row) if row else None
