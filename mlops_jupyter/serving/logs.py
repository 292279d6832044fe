"""Logs that cannot fill the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 10 * 2**20


def cap_logs(folder: Path, limit: int = LIMIT) -> None:
    """Empty each log that has grown beyond `limit` bytes; its last `limit` bytes are kept beside it.

    Emptied and not renamed, for processes hold it open, to append. A line written in between is lost.
    """
    for log in folder.glob("*.log"):
        with contextlib.suppress(OSError):
            if log.stat().st_size > limit:
                _empty(log, limit)


def earlier(log: Path) -> Path:
    """Return where the last part of what a log had before is kept."""
    return log.with_name(f"{log.name}.1")


def _empty(log: Path, limit: int) -> None:
    try:
        with log.open("rb") as full, earlier(log).open("wb") as kept:
            full.seek(-limit, os.SEEK_END)
            shutil.copyfileobj(full, kept)
    finally:  # on a full disk nothing can be kept, and room is what is wanted
        os.truncate(log, 0)
