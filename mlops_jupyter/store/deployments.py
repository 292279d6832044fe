"""Deployments: what should run, and the journal of every change to it.

The record says what is intended; whether it runs is never read from here but probed. Each change is
journalled before its first effect and closed after its last, so that what a crash interrupted can be told.
A record has a revision: whoever changes what is stable does so only from the revision it had read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from mlops_jupyter.errors import ConflictError

from .audit import user_name
from .database import metadata

if TYPE_CHECKING:
    from .database import Store

Intent = Literal["serving", "stopped"]

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("intent", sa.String, nullable=False),
    sa.Column("version", sa.String),
    sa.Column("previous", sa.String),
    sa.Column("generation", sa.Integer),
    sa.Column("allotted", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("isolated", sa.Boolean, nullable=False),
)

deployment_events = sa.Table(
    "deployment_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("deployment", sa.String, nullable=False, index=True),
    sa.Column("verb", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("began", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("version", sa.String),
    sa.Column("previous", sa.String),
    sa.Column("generation", sa.Integer),
    sa.Column("seconds", sa.Float),
    sa.Column("reason", sa.String),
    sa.Column("error", sa.String),
)


@dataclass(frozen=True)
class DeploymentRecord:
    """What is intended of one deployment.

    Parameters
    ----------
    name, model : str
        The endpoint, and the model it serves.
    intent : str
        ``serving`` or ``stopped``: what `start` brings back.
    version, previous : str or None
        The stable version, and the one that was stable before it.
    generation : int or None
        The generation that serves.
    allotted : int
        The highest generation number given out.
    revision : int
        Grows with every change of what is stable.
    host, port : str, int
        Where it listens.
    workers : int
        Processes per generation.
    isolated : bool
        Whether they run in an environment made of the package's pins.
    """

    name: str
    model: str
    host: str
    port: int
    workers: int = 1
    isolated: bool = False
    intent: Intent = "serving"
    version: str | None = None
    previous: str | None = None
    generation: int | None = None
    allotted: int = 0
    revision: int = 0


@dataclass(frozen=True)
class DeploymentEvent:
    """One line of a deployment's journal; ``intended`` until it is ``done``, ``failed`` or ``refused``."""

    deployment: str
    verb: str
    version: str | None = None
    previous: str | None = None
    generation: int | None = None
    reason: str | None = None
    outcome: str = "intended"
    seconds: float | None = None
    error: str | None = None
    began: str = ""
    who: str = ""
    id: int | None = None


def find_deployment(store: Store, name: str) -> DeploymentRecord | None:
    """Return the record of a deployment, or None."""
    with store.read() as connection:
        return _find(connection, name)


def is_stopped(store: Store, name: str) -> bool:
    """Return whether a deployment is meant not to run."""
    record = find_deployment(store, name)
    return record is None or record.intent == "stopped"


def list_deployments(store: Store) -> list[DeploymentRecord]:
    """Return all records, by name."""
    with store.read() as connection:
        rows = connection.execute(sa.select(deployments).order_by(deployments.c.name))
        return [DeploymentRecord(**row._mapping) for row in rows]


def put_deployment(store: Store, record: DeploymentRecord) -> None:
    """Enter a deployment, or what is intended of it other than its versions."""
    with store.begin() as connection:
        if _find(connection, record.name) is None:
            connection.execute(sa.insert(deployments).values(**_values(record)))
        else:
            kept = ("host", "port", "workers", "isolated", "intent")
            values = {name: getattr(record, name) for name in kept}
            connection.execute(_update(record.name).values(**values))


def allot_generation(store: Store, name: str) -> int:
    """Give out the next generation number; none is given twice."""
    with store.begin() as connection:
        query = _update(name).values(allotted=deployments.c.allotted + 1).returning(deployments.c.allotted)
        return int(connection.execute(query).scalar_one())


def advance_deployment(store: Store, record: DeploymentRecord, **changes: Any) -> DeploymentRecord:
    """Change what is stable, if nobody has since `record` was read.

    Raises
    ------
    ConflictError
        When somebody has; it names what is stable now.
    """
    following = replace(record, **changes, revision=record.revision + 1)
    with store.begin() as connection:
        condition = deployments.c.revision == record.revision
        values = {name: value for name, value in _values(following).items() if name != "allotted"}
        if connection.execute(_update(record.name).where(condition).values(**values)).rowcount == 1:
            return following
        found = _find(connection, record.name)
    stable = f"{found.version} is stable now" if found else "it was removed"
    raise ConflictError(
        f"{record.name} was changed in the meantime", stable, "look at `status`, then try again"
    )


def remove_deployment(store: Store, name: str) -> None:
    """Forget a deployment; its journal stays."""
    with store.begin() as connection:
        connection.execute(sa.delete(deployments).where(deployments.c.name == name))


def begin_event(store: Store, event: DeploymentEvent) -> DeploymentEvent:
    """Journal an intent, and return it with its number."""
    with store.begin() as connection:
        return insert_event(connection, event)


def insert_event(connection: sa.Connection, event: DeploymentEvent) -> DeploymentEvent:
    """Add a line to the journal within the caller's transaction."""
    event = replace(event, began=event.began or now(), who=event.who or user_name())
    row = connection.execute(sa.insert(deployment_events).values(**_values(event)))
    return replace(event, id=row.inserted_primary_key[0])  # type: ignore[index]


def close_event(connection: sa.Connection, event: DeploymentEvent, outcome: str, **facts: Any) -> None:
    """Close an intent within the caller's transaction: ``done``, ``failed`` or ``refused``."""
    query = sa.update(deployment_events).where(deployment_events.c.id == event.id)
    connection.execute(query.values(outcome=outcome, **facts))


def finish_event(store: Store, event: DeploymentEvent, outcome: str, **facts: Any) -> None:
    """Close an intent: ``done``, ``failed`` or ``refused``."""
    with store.begin() as connection:
        close_event(connection, event, outcome, **facts)


def note_swap(connection: sa.Connection, name: str, version: str, previous: str | None) -> None:
    """Record what the weights already say is stable; whoever read the record before must read it again."""
    revision = deployments.c.revision + 1
    connection.execute(_update(name).values(version=version, previous=previous, revision=revision))


def list_events(store: Store, name: str, limit: int = 100) -> list[DeploymentEvent]:
    """Return the journal of a deployment, newest first."""
    query = sa.select(deployment_events).where(deployment_events.c.deployment == name)
    with store.read() as connection:
        rows = connection.execute(query.order_by(deployment_events.c.id.desc()).limit(limit))
        return [DeploymentEvent(**row._mapping) for row in rows]


def _find(connection: sa.Connection, name: str) -> DeploymentRecord | None:
    row = connection.execute(sa.select(deployments).where(deployments.c.name == name)).first()
    return DeploymentRecord(**row._mapping) if row else None


def _update(name: str) -> sa.Update:
    return sa.update(deployments).where(deployments.c.name == name)


def _values(record: DeploymentRecord | DeploymentEvent) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if name != "id"}


def now() -> str:
    """Return the time as the journal writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
