"""Every change of a step goes into the store, and then to whoever listens."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.pipelines.records.history import end_run, save_step
from mlops_jupyter.store.workspace import explained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.store.direct import Kept

    from .events import Telling

PROGRESS_SECONDS: Final = 1.0
RESERVE: Final = "room-for-the-end"
RESERVED_BYTES: Final = 512 * 1024


class Keeper:
    """Keeps the records of one run, also on a disk that fills up meanwhile.

    Parameters
    ----------
    store : Kept
        Where they stand.
    run : str
        The run's id.
    reserve : Path
        A file that is given up when the disk is full, so that the end can still be recorded.
    telling : Telling
        Who is told of each.
    """

    def __init__(self, store: Kept, run: str, reserve: Path, telling: Telling) -> None:
        self._store, self._run, self._reserve, self._telling = store, run, reserve, telling
        self._saved: dict[str, tuple[str, float]] = {}
        self.trouble: MlopsError | None = None

    def keep(self, record: StepRecord) -> None:
        """Save a step as it stands, unless only its progress is new, and tell it."""
        state, when = self._saved.get(record.name, ("", 0.0))
        now = time.monotonic()
        if state != record.state or now - when > PROGRESS_SECONDS:
            self._saved[record.name] = (record.state, now)
            self._save(partial(save_step, self._store, self._run, record))
        self._telling.tell(record)

    def end(self, record: RunRecord) -> None:
        """Save how the run ended."""
        self._save(partial(end_run, self._store, self._run, record.state, record.ended))
        self._reserve.unlink(missing_ok=True)

    def _save(self, write: Callable[[], object]) -> None:
        try:
            write()
        except ConflictError:  # the store was busy for longer than one waits for it
            self._save_at_last(write)
        except MlopsError as failure:
            self.trouble = failure
            self._reserve.unlink(missing_ok=True)
            self._save_at_last(write)

    def _save_at_last(self, write: Callable[[], object]) -> None:
        try:
            write()
        except MlopsError as failure:
            self.trouble = failure


def reserve_room(folder: Path) -> Path:
    """Make the file that is given up when the disk is full.

    Raises
    ------
    WorkspaceError
        When there is no room even for that.
    """
    file = folder / RESERVE
    with explained(folder):
        file.write_bytes(b"\0" * RESERVED_BYTES)
    return file
