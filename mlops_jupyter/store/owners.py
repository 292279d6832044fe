"""Which process it is that holds something, and whether it still lives."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil

# the processes of another host cannot be asked, so what they hold ends by age
ELSEWHERE = timedelta(hours=1)


@dataclass(frozen=True)
class Owner:
    """Who holds a lock, since when (UTC, ISO 8601)."""

    token: str
    pid: int
    create_time: float
    host: str
    since: str


def me() -> Owner:
    """Describe this process as an owner."""
    pid = os.getpid()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Owner(uuid.uuid4().hex, pid, psutil.Process(pid).create_time(), socket.gethostname(), now)


def is_living(owner: Owner) -> bool:
    """Whether the very process that took the lock is still there; a reused pid has another start time."""
    if owner.host != socket.gethostname():
        return datetime.now(UTC) - datetime.fromisoformat(owner.since) < ELSEWHERE
    try:
        # the clock's resolution, and its drift between two readings on macOS
        process = psutil.Process(owner.pid)
        same = abs(process.create_time() - owner.create_time) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
