"""Taking what the registry lists into the mirror."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .outbox import queued_rows
from .versions import alias_rows, changing, new_row, version_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .database import Store


@dataclass(frozen=True)
class Entry:
    """A version of ours as the registry lists it.

    Parameters
    ----------
    model, version, digest : str
        The model's name, the semantic version, the content digest.
    manifest_digest : str, optional
        SHA-256 of its MANIFEST.json.
    number : int
        The registry's number.
    complete : bool
        Whether registering came to its end.
    source : str
        Where the registry has the files.
    run_id : str, optional
        The run that trained it.
    created : str
        UTC, ISO 8601.
    tags : dict
        All of its tags.
    """

    model: str
    version: str
    digest: str
    manifest_digest: str | None
    number: int
    complete: bool
    source: str
    run_id: str | None
    created: str
    tags: dict[str, str] = field(repr=False)


def note_entry(store: Store, entry: Entry) -> None:
    """Write down one version as the registry has it now."""
    with changing(store) as connection:
        take(connection, entry)


def take_listing(
    store: Store, seen: Sequence[Entry], aliases: Mapping[tuple[str, str], int], began: int
) -> None:
    """Make the mirror what the registry listed.

    Parameters
    ----------
    store : Store
        The workspace's store.
    seen : sequence of Entry
        Every version of ours, in the order of the registry's numbers.
    aliases : mapping
        The registry's number by model and alias.
    began : int
        When the listing began, in nanoseconds since the epoch: what this workspace did after that is newer.
    """
    with changing(store) as connection:
        names: set[tuple[str, str]] = set()
        for entry in seen:
            # two workspaces without a common lock can give one number twice: the first one has it
            if (entry.model, entry.version) not in names:
                names.add((entry.model, entry.version))
                take(connection, entry, began)
        drop_unseen(connection, names, began)
        take_aliases(connection, aliases, began)


def take(connection: sa.Connection, entry: Entry, began: int | None = None) -> None:
    """Write one version, unless this workspace changed it after the listing began."""
    mine = is_version(entry.model, entry.version)
    old = connection.execute(sa.select(version_rows).where(mine)).first()
    if old is not None and began is not None and old.changed >= began:
        return
    row = new_row(entry.model, entry.version, entry.digest, "registered" if entry.complete else "incomplete")
    row |= {
        "manifest_digest": entry.manifest_digest,
        "registry_version": entry.number,
        "package_path": old.package_path if old is not None and old.digest == entry.digest else None,
        "created": entry.created,
        "run_id": entry.run_id,
        "tags": json.dumps(entry.tags),
    }
    # a number that was reserved here for a content that bears another one in the registry is free again
    twin = (version_rows.c.digest == entry.digest) & version_rows.c.registry_version.is_(None)
    connection.execute(version_rows.delete().where((version_rows.c.model == entry.model) & twin))
    connection.execute(version_rows.delete().where(mine))
    connection.execute(version_rows.insert().values(row))


def drop_unseen(connection: sa.Connection, seen: set[tuple[str, str]], began: int) -> None:
    """Forget versions that left the registry; one whose package lies here is merely packaged again."""
    known = sa.select(version_rows).where(
        version_rows.c.registry_version.is_not(None), version_rows.c.changed < began
    )
    for row in connection.execute(known).all():
        if (row.model, row.version) in seen:
            continue
        mine = is_version(row.model, row.version)
        if row.package_path and Path(row.package_path).is_dir():
            facts: dict[str, Any] = {"state": "packaged", "registry_version": None, "tags": "{}"}
            connection.execute(version_rows.update().where(mine).values(facts | {"changed": time.time_ns()}))
        else:
            connection.execute(version_rows.delete().where(mine))


def take_aliases(connection: sa.Connection, aliases: Mapping[tuple[str, str], int], began: int) -> None:
    """Make the aliases what was listed, but for those moved since and those that wait to be moved."""
    waiting = connection.execute(sa.select(queued_rows.c.model, queued_rows.c.alias))
    ours = {(row.model, row.alias) for row in waiting}
    moved = sa.select(alias_rows.c.model, alias_rows.c.alias).where(alias_rows.c.changed >= began)
    ours |= {(row.model, row.alias) for row in connection.execute(moved)}
    for row in connection.execute(sa.select(alias_rows)).all():
        if (row.model, row.alias) not in ours:
            which = (alias_rows.c.model == row.model) & (alias_rows.c.alias == row.alias)
            connection.execute(alias_rows.delete().where(which))
    for (model, alias), number in aliases.items():
        if (model, alias) not in ours:
            row_ = {"model": model, "alias": alias, "registry_version": number, "changed": time.time_ns()}
            connection.execute(alias_rows.insert().values(row_))


def is_version(model: str, version: str) -> sa.ColumnElement[bool]:
    """Return the condition for one version."""
    return (version_rows.c.model == model) & (version_rows.c.version == version)
