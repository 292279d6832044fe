"""Aliases to be moved in the registry later, so that a rollback need not wait for MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .database import metadata
from .versions import changing, check_alias, one, point_alias
from .versions import select as select_versions

if TYPE_CHECKING:
    from .database import Store

queued_rows = sa.Table(
    "queued_aliases",
    metadata,
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("alias", sa.String, primary_key=True),
    sa.Column("registry_version", sa.Integer),
    sa.Column("turn", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class QueuedAlias:
    """An alias and MLflow's number of the version it is to point to; None to take it away."""

    model: str
    alias: str
    registry_version: int | None
    turn: int


def queue_alias(store: Store, model: str, alias: str, version: str | None) -> None:
    """Move an alias in the mirror at once, and in the registry when next it is asked; the last wish wins.

    Parameters
    ----------
    store : Store
        The workspace's store.
    model, alias : str
        What to move.
    version : str, optional
        The version to point to; None takes the alias away.
    """
    check_alias(alias)
    with changing(store) as connection:
        found = one(select_versions(connection, model), model, version) if version is not None else None
        number = found.registry_version if found else None
        turn = (connection.scalar(sa.select(sa.func.max(queued_rows.c.turn))) or 0) + 1
        connection.execute(queued_rows.delete().where(is_alias(model, alias)))
        row = {"model": model, "alias": alias, "registry_version": number, "turn": turn}
        connection.execute(queued_rows.insert().values(row))
        point_alias(connection, model, alias, number)


def queued(store: Store) -> list[QueuedAlias]:
    """Return what is to be done, in the order it was asked for."""
    with store.read() as connection:
        rows = connection.execute(sa.select(queued_rows).order_by(queued_rows.c.turn))
        return [QueuedAlias(row.model, row.alias, row.registry_version, row.turn) for row in rows]


def delivered(store: Store, item: QueuedAlias) -> None:
    """Strike out what was done, unless something else was asked for in between."""
    with store.begin() as connection:
        mine = is_alias(item.model, item.alias) & (queued_rows.c.turn == item.turn)
        connection.execute(queued_rows.delete().where(mine))


def is_alias(model: str, alias: str) -> sa.ColumnElement[bool]:
    """Return the condition for one alias."""
    return (queued_rows.c.model == model) & (queued_rows.c.alias == alias)
