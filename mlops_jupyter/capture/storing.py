"""Files that are there whole or not at all, for whoever reads them meanwhile."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in the place of the one that is there, for its owner alone; two who do so do not mix.

    It is not synced: what is written so can be made again.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
