"""Captured files that have had their time, or that there is no room for any more."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .condensing import BESIDE
from .streams import LARGEST, LONGEST, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = 86_400.0
_PARTS = 16  # of what may be kept: a file is so large at most, and so much is left free for what comes
_LOOKS = 4  # while a writer writes that much
_EACH = 60.0  # seconds between two looks


@dataclass(frozen=True)
class _Kept:
    """One file."""

    changed: float
    size: int
    path: Path


class Retention:
    """What is kept of a folder, over all writers and versions.

    Every writer looks after all files. It takes no lock: two that look at once see the same files as the
    oldest, and one that is gone counts for nothing. Between two looks each writer adds at most a 64th of what
    may be kept, for which a 16th is left free: up to four writers keep to it, more may exceed it by that, and
    by what they were writing when one looked.

    Parameters
    ----------
    folder : Path
        Where the files are, at any depth.
    days : float
        How long after its last record batch a file is kept.
    most : int
        Bytes of all files together.
    """

    def __init__(self, folder: Path, days: float, most: int) -> None:
        self._folder, self._seconds, self._most = folder, days * _DAY, most
        self.largest = max(1, min(LARGEST, most // _PARTS))
        self._looked, self._written = float("-inf"), 0

    def due(self, written: int) -> bool:
        """Return whether it is time to look again, now that a writer has written so many bytes in all."""
        return time.monotonic() - self._looked > _EACH or written - self._written > self.largest / _LOOKS

    def apply(self, written: int = 0, open_path: Path | None = None) -> int:
        """Remove what is too old, then the oldest of what is too much.

        Parameters
        ----------
        written : int
            What the writer has written in all.
        open_path : Path, optional
            The file it is writing to, which stays.

        Returns
        -------
        int
            How many files were removed.
        """
        self._looked, self._written = time.monotonic(), written
        files = sorted(self._files(), key=lambda kept: kept.changed)
        before, over = time.time() - self._seconds, sum(kept.size for kept in files) - self._room
        removed = 0
        for kept in files:
            if kept.path != open_path and (kept.changed < before or over > 0):
                over -= kept.size
                removed += _remove(kept.path)
        self._remove_litter()
        return removed

    @property
    def _room(self) -> int:
        """What may be there now, so that it is not too much when somebody looks again."""
        return self._most - self.largest

    def _files(self) -> list[_Kept]:
        found = []
        for path in self._paths(SUFFIX):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append(_Kept(about.st_mtime, about.st_size, path))
        return found

    def _paths(self, suffix: str) -> Iterator[Path]:
        """Yield files; unlike a glob this bears that another writer removes a folder meanwhile."""
        for folder, _, names in os.walk(self._folder):
            yield from (Path(folder, name) for name in names if name.endswith(suffix))

    def _remove_litter(self) -> None:
        """Remove what a killed writer left half done, and the folders of versions that left nothing."""
        for path in self._paths(BESIDE):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - LONGEST:
                    path.unlink()
        for folder, _, _ in os.walk(self._folder):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()  # only when it is empty


def _remove(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False
