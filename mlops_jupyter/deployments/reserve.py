"""Room kept for the record of a rollback: it must be possible on a full disk, and must not go unrecorded.

The file has its full size from the first deploy. What is written there goes into the journal and the audit
chain when the store can next be written.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, Any

from mlops_jupyter.store import audit
from mlops_jupyter.store.deployments import DeploymentEvent, insert_event, note_swap
from mlops_jupyter.store.outbox import queue_alias

from .folder import CHAMPION, read_model

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.database import Store

RESERVE = "rollback.record"
SIZE = 16384
_CHECKSUM = 8  # hex digits


def create_reserve(folder: Path) -> None:
    """Make the file, unless it is there."""
    path = folder / RESERVE
    if not path.exists():
        path.write_bytes(_encode([]))


def keep_record(folder: Path, record: dict[str, Any]) -> None:
    """Write one more record into the room kept for it; the oldest give way when there are very many."""
    records = [*read_records(folder), record]
    while len(data := _encode(records)) > SIZE:
        del records[0]
    _overwrite(folder / RESERVE, data)


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records that wait."""
    try:
        data = (folder / RESERVE).read_bytes()
    except OSError:
        return []
    text = data[_CHECKSUM:].rstrip(b"\0")
    if data[:_CHECKSUM] != _checksum(text):
        return []
    records = json.loads(text)
    return records if isinstance(records, list) else []


def take_in(store: Store, folder: Path) -> int:
    """Enter what waits into the journal and the audit chain, and return how many records that were."""
    records = read_records(folder)
    if not records:
        return 0
    with store.begin() as connection:
        for event in (DeploymentEvent(**{**record, "id": None}) for record in records):
            insert_event(connection, event)
            note_swap(connection, event.deployment, str(event.version), event.previous)
            told = {"model": event.deployment, "to": event.version, "reason": event.reason, "at": event.began}
            audit.append(connection, "rollback", told, result="done while the store could not be written")
    model = read_model(folder)
    if folder.name == model:
        queue_alias(store, model, CHAMPION, str(records[-1]["version"]))
    _overwrite(folder / RESERVE, _encode([]))
    return len(records)


def _encode(records: list[dict[str, Any]]) -> bytes:
    text = json.dumps(records).encode()
    return (_checksum(text) + text).ljust(SIZE, b"\0")


def _checksum(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode()


def _overwrite(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
