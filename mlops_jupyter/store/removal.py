"""Forgetting a version, on the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .audit import append
from .outbox import queued_rows
from .pins import pin_rows
from .versions import alias_rows, changing, version_rows

if TYPE_CHECKING:
    from .database import Store
    from .versions import VersionRecord


def forget_version(store: Store, registry: str, record: VersionRecord) -> None:
    """Take a version out of the mirror and free its number: its pin is lifted, which the audit log says."""
    arguments = {"model": record.model, "version": record.version, "digest": record.digest}
    with changing(store) as connection:
        for rows in (alias_rows, queued_rows):
            number = rows.c.registry_version == record.registry_version
            connection.execute(rows.delete().where((rows.c.model == record.model) & number))
        mine = (version_rows.c.model == record.model) & (version_rows.c.version == record.version)
        connection.execute(version_rows.delete().where(mine))
        pin = (pin_rows.c.model == record.model) & (pin_rows.c.version == record.version)
        connection.execute(pin_rows.delete().where(pin & (pin_rows.c.registry == registry)))
        append(connection, "unpin", arguments | {"registry": registry}, result="removed")
