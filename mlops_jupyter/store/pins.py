"""Which content a version had when this workspace first saw it: trusted then, held to ever after.

A pin is a record of the audit chain; the table only finds it again. So whoever changes a pin breaks the
chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from mlops_jupyter.errors import IntegrityError

from .audit import append, genuine_record
from .database import metadata

if TYPE_CHECKING:
    from .database import Store

PINNED = "pin"

pin_rows = sa.Table(
    "pins",
    metadata,
    sa.Column("registry", sa.String, primary_key=True),
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("record", sa.Integer, nullable=False),
)


def pin_digest(
    store: Store, model: str, version: str, digest: str, *, registry: str = "", result: str = ""
) -> bool:
    """Hold a version to its content digest, from the first time it is seen on.

    Parameters
    ----------
    store : Store
        The workspace's store.
    model, version, digest : str
        What was seen.
    registry : str
        The registry it was seen in: another registry has versions of its own.
    result : str
        How it was seen, for the audit log.

    Returns
    -------
    bool
        Whether it was seen for the first time.

    Raises
    ------
    IntegrityError
        When another digest is pinned, or the record of the pin was changed.
    """
    with store.begin() as connection:
        pinned = pinned_digest(connection, registry, model, version)
        if pinned is not None:
            agree(model, version, digest, pinned)
            return False
        arguments = {"model": model, "version": version, "digest": digest, "registry": registry}
        entry = append(connection, PINNED, arguments, result=result)
        row = {"registry": registry, "model": model, "version": version, "record": entry.number}
        connection.execute(pin_rows.insert().values(row))
        return True


def pinned_digest(connection: sa.Connection, registry: str, model: str, version: str) -> str | None:
    """Return the digest of a pin from its audit record; None where there is no pin."""
    which = (pin_rows.c.registry == registry) & (pin_rows.c.model == model) & (pin_rows.c.version == version)
    number = connection.scalar(sa.select(pin_rows.c.record).where(which))
    if number is None:
        return None
    entry = genuine_record(connection, number)
    named = entry.arguments if entry and entry.verb == PINNED else {}
    if (named.get("model"), named.get("version")) != (model, version):
        raise IntegrityError(
            f"the pin of {model} {version} is not what was recorded",
            f"record {number} of the audit log was changed",
            "%mlops audit shows the chain",
        )
    return str(named["digest"])


def agree(model: str, version: str, digest: str, pinned: str) -> None:
    """Refuse a version that is not the content it was."""
    if digest != pinned:
        raise IntegrityError(
            f"{model} {version} is not the package it was",
            f"its tags say digest {digest[:12]}…, this workspace saw {pinned[:12]}…",
            "find out who changed it, and register the right content as a new version",
        )
