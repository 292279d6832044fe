"""The agent's log: one file that does not grow without end."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mlops_jupyter.store.direct import Kept

LOG_BYTES = 1_000_000


class Log:
    """Looks after the log of an agent that runs behind: its output, and that of what it starts."""

    name = "log"
    every = 3600.0

    def look(self, store: Kept, now: datetime) -> None:  # noqa: ARG002 - as every kind of work
        """Begin a new log when the old one is large; one old one is kept."""
        make_room(store.workspace.root / "agent" / "agent.log")


def make_room(file: Path, descriptors: tuple[int, ...] = (1, 2)) -> None:
    """Begin a new file when the old one is large, and write to that from now on."""
    with suppress(OSError):
        if file.stat().st_size < LOG_BYTES:
            return
        file.replace(file.with_suffix(".log.1"))
        fresh = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        sys.stdout.flush()
        for descriptor in descriptors:
            os.dup2(fresh, descriptor)
        os.close(fresh)
