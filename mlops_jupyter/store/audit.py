"""The audit log: append-only, each record bearing the hash of the one before it.

Triggers refuse UPDATE and DELETE, for accidents. Against intent there is the chain: changing, removing or
adding a record breaks every hash after it, and a separate head (number and hash of the last record) shows
that the tail was cut. What it cannot show: somebody who can write the file and rewrites *every* hash from the
change on, and the head. Keep the hash that `verify_chain` returns somewhere else to see that too.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from .database import metadata
from .masking import masked, masked_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .database import Store

Outcome: TypeAlias = Literal["begun", "done", "failed", "refused"]
START = "0" * 64

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("verb", sa.String, nullable=False),
    sa.Column("begun", sa.Integer),
    sa.Column("arguments", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("result", sa.String, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("only", sa.Integer, sa.CheckConstraint("only = 1"), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
for change in ("UPDATE", "DELETE"):
    sa.event.listen(
        audit_log,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER audit_log_no_{change.lower()} BEFORE {change} ON audit_log "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ),
    )
HASHED = tuple(column.name for column in audit_log.columns if column.name != "hash")


@dataclass(frozen=True)
class AuditEntry:
    """One record of the log.

    Parameters
    ----------
    number : int
        Its place, from 1 without gaps.
    at : str
        When, UTC, ISO 8601.
    who, host : str
        The user and the machine.
    pid : int
        The process.
    verb : str
        What was done.
    begun : int, optional
        For the end of a verb: the number of the record of its beginning.
    arguments : dict
        What it was done with, secrets masked.
    outcome : str
        ``begun``, ``done``, ``failed`` or ``refused``.
    result : str
        What came of it, in words.
    previous, hash : str
        SHA-256 of the record before, and of this one.
    """

    number: int
    at: str
    who: str
    host: str
    pid: int
    verb: str
    begun: int | None
    arguments: dict[str, Any]
    outcome: str
    result: str
    previous: str
    hash: str


@dataclass(frozen=True)
class ChainReport:
    """Whether the log is what was written.

    Parameters
    ----------
    whole : bool
        No record was changed, removed or added.
    records : int
        How many were read.
    broken : int, optional
        The number of the first record that is not what was written.
    why : str
        What is wrong with it, in words.
    head : str
        The hash of the last good record: kept elsewhere, it proves the log up to here.
    """

    whole: bool
    records: int
    broken: int | None
    why: str
    head: str


def begin(store: Store, verb: str, arguments: Mapping[str, Any]) -> AuditEntry:
    """Record that a verb begins, before it has any effect."""
    with store.begin() as connection:
        return append(connection, verb, arguments, outcome="begun")


def finish(store: Store, entry: AuditEntry, result: str, outcome: Outcome = "done") -> AuditEntry:
    """Record how the verb ended."""
    with store.begin() as connection:
        return append(connection, entry.verb, {}, outcome=outcome, result=result, begun=entry.number)


def append(
    connection: sa.Connection,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    outcome: Outcome = "done",
    result: str = "",
    begun: int | None = None,
) -> AuditEntry:
    """Add a record within the caller's transaction: what it tells and the change are one, or neither is.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        From `store.begin()`, which holds the write lock.
    """
    last = connection.execute(sa.select(audit_head.c.number, audit_head.c.hash)).first()
    row: dict[str, Any] = {
        "number": last.number + 1 if last else 1,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "who": user_name(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "verb": verb,
        "begun": begun,
        "arguments": canonical(masked(dict(arguments))),
        "outcome": outcome,
        "result": masked_text(result),
        "previous": last.hash if last else START,
    }
    row["hash"] = hash_of(row)
    connection.execute(audit_log.insert().values(row))
    head = {"number": row["number"], "hash": row["hash"]}
    connection.execute(
        audit_head.update().values(head) if last else audit_head.insert().values(only=1, **head)
    )
    return entry_of(row)


def records(store: Store, limit: int | None = None) -> list[AuditEntry]:
    """Return the last `limit` records, from new to old; all of them when left out."""
    with store.read() as connection:
        found = connection.execute(sa.select(audit_log).order_by(audit_log.c.number.desc()).limit(limit))
        return [entry_of(row._asdict()) for row in found]


def verify_chain(store: Store) -> ChainReport:
    """Read every record and say whether the log is whole, else which record is the first that is not."""
    with store.read() as connection:
        head = connection.execute(sa.select(audit_head.c.number, audit_head.c.hash)).first()
        rows = connection.execute(sa.select(audit_log).order_by(audit_log.c.number))
        count, last, fault = follow(row._asdict() for row in rows)
    if fault:
        return ChainReport(False, count, count + 1, fault, last)
    number, expected = (head.number, head.hash) if head else (0, START)
    if count < number:
        why = f"the records {count + 1} to {number} are gone"
        return ChainReport(False, count, count + 1, why, last)
    if (count, last) != (number, expected):
        return ChainReport(False, count, count, "the head of the chain names another record", last)
    return ChainReport(True, count, None, "", last)


def follow(rows: Iterable[Mapping[str, Any]]) -> tuple[int, str, str]:
    """Return how many records are good from the start, the hash of the last, what is wrong with the next."""
    count, last = 0, START
    for row in rows:
        if row["number"] != count + 1:
            return count, last, f"record {count + 1} is gone"
        if row["previous"] != last:
            return count, last, f"record {count + 1} does not follow from the one before it"
        if not is_genuine(row):
            return count, last, f"record {count + 1} was changed"
        count, last = count + 1, row["hash"]
    return count, last, ""


def genuine_record(connection: sa.Connection, number: int) -> AuditEntry | None:
    """Return a record whose hash is its own; None when it is gone or was changed."""
    row = connection.execute(sa.select(audit_log).where(audit_log.c.number == number)).first()
    return entry_of(row._asdict()) if row and is_genuine(row._asdict()) else None


def is_genuine(row: Mapping[str, Any]) -> bool:
    """Whether a row's hash is that of its content."""
    return bool(hash_of(row) == row["hash"])


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a record, which holds the hash before it."""
    return hashlib.sha256(canonical({name: row[name] for name in HASHED}).encode()).hexdigest()


def canonical(value: Any) -> str:
    """One JSON text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def entry_of(row: Mapping[str, Any]) -> AuditEntry:
    """Make a record of a row."""
    return AuditEntry(**{**row, "arguments": json.loads(row["arguments"])})


def user_name() -> str:
    """Who it is; a container may run under a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
