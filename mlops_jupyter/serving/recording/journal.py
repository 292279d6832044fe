"""The thread that writes: entries out of the backlog, record batches onto the disk.

It writes a crowd at once, and otherwise what came within half a second; what takes long is done more seldom.
Python work is done in short pieces, since while it lasts nobody is answered.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from .backlog import Backlog
from .pieces import step_aside
from .releasing import Releaser
from .ring import RingRows
from .slabs import Filled
from .streams import StreamFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .messages import Laid
    from .retention import Retention
    from .ring import Ring
    from .slabs import Slabs

log = logging.getLogger("model_server")

PAUSE = 0.5  # seconds
_LONGEST_PAUSE = 5.0
_SHARE = 20  # of the time goes by between two writings, measured by what one took
_SAY_AGAIN = 300.0


class Converter(Protocol):
    """Turns entries into record batches of one schema."""

    schema: pa.Schema

    def batches(self, entries: Sequence[Any]) -> Iterable[pa.RecordBatch | Laid | Filled]:
        """Yield them; any exception when an entry cannot be turned."""
        ...


class Journal:
    """Writes what is added to it, or drops and counts it.

    Parameters
    ----------
    folder : Path
        Of its files.
    writer : str
        Which process, in the names of the files.
    converter : callable
        Makes the `Converter`, in the thread: it may import what is heavy.
    retention : Retention
        What is kept.
    """

    def __init__(
        self, folder: Path, writer: str, converter: Callable[[], Converter], retention: Retention
    ) -> None:
        self._folder, self._writer, self._convert, self._retention = folder, writer, converter, retention
        self._backlog: Backlog[Any] = Backlog()
        self._lost, self._said, self._failing = 0, float("-inf"), False
        self._closing, self._until = False, float("inf")
        self._others: list[Ring | Slabs] = []
        self.add, self.awake = self._backlog.add, self._backlog.awake
        self._thread = threading.Thread(target=self._run, name=f"capture-{folder.name}", daemon=True)
        self._thread.start()

    def write_also(self, other: Ring | Slabs) -> None:
        """Write what waits there as well."""
        self._others.append(other)

    @property
    def dropped(self) -> int:
        """How many entries found no room, in memory or on the disk."""
        return self._backlog.refused + self._lost + sum(other.refused for other in self._others)

    def close(self, seconds: float) -> None:
        """Take no more, and write what waits; what is not written after so many seconds is dropped."""
        self._until = time.monotonic() + seconds
        self._closing = True
        self._shut()
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            converter = self._convert()
            files = StreamFiles(self._folder, self._writer, converter.schema, self._retention.largest)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on without a record
            self._say(f"nothing is captured: {error}")
            self._shut()
            self._lose_all()
            return
        releaser = Releaser()
        while not self._closing:
            took = self._write_waiting(converter, files)
            self._tidy(files)
            releaser.look(files.written)
            self._wait(took)
        self._write_waiting(converter, files)
        self._lose_all()
        files.close(self._until)

    def _shut(self) -> None:
        for other in self._others:
            other.shut()
        self._backlog.shut()

    @property
    def _places(self) -> list[Ring | Slabs | Backlog[Any]]:
        """Where entries wait."""
        return [*self._others, self._backlog]

    @property
    def _crowded(self) -> bool:
        return any(place.crowded for place in self._places)

    def _wait(self, took: float) -> None:
        if not self._crowded:
            self._backlog.awake.wait(min(_LONGEST_PAUSE, max(PAUSE, took * _SHARE)))
        self._backlog.awake.clear()

    def _write_waiting(self, converter: Converter, files: StreamFiles) -> float:
        """Write what waits now, and return how many seconds the last part of it took."""
        took = 0.0
        for place in self._places:
            while time.monotonic() < self._until and (entries := _taken(place)):
                begun = time.perf_counter()
                self._write(entries, converter, files)
                for other in self._others:
                    other.give_back()
                took = time.perf_counter() - begun
                if not self._closing and not place.crowded:
                    break
        return took

    def _write(self, entries: list[Any], converter: Converter, files: StreamFiles) -> None:
        try:
            batches = list(converter.batches(entries))
        except Exception as error:  # noqa: BLE001 - one entry of a strange form must not end the record
            self._write_each(entries, error, converter, files)
            return
        try:
            for batch in batches:
                files.append(batch)
                if not isinstance(batch, Filled):  # which takes no time but the disk's
                    step_aside()
        except OSError as error:
            self._failing = True
            self._lose(_rows_in(entries), f"cannot be written: {error}")
        else:
            self._recover()

    def _write_each(
        self, entries: list[Any], error: Exception, converter: Converter, files: StreamFiles
    ) -> None:
        """Write entries one by one, of which some cannot be turned: the others are not to be lost."""
        if len(entries) == 1:
            self._lose(
                _rows_in(entries), f"do not fit the schema: {type(error).__name__}"
            )  # which may quote a value
            return
        for entry in entries:
            self._write([entry], converter, files)
            step_aside()

    def _tidy(self, files: StreamFiles) -> None:
        try:
            files.tidy()
            if self._retention.due(files.written):
                self._retention.apply(files.written, files.path)
        except Exception as error:  # noqa: BLE001 - what is there stays as it is; tried again at the next turn
            self._say(f"captured files cannot be tidied: {error}")

    def _lose(self, count: int, why: str) -> None:
        self._lost += count
        self._say(f"captured requests {why}; they are dropped ({self.dropped} so far)")

    def _lose_all(self) -> None:
        for place in self._places:
            while entries := _taken(place):
                self._lost += _rows_in(entries)

    def _recover(self) -> None:
        if self._failing:
            self._failing, self._said = False, float("-inf")
            log.warning("captured requests are written again; %d were dropped", self.dropped)

    def _say(self, what: str) -> None:
        """Log a line, but not the same trouble again and again."""
        if time.monotonic() - self._said > _SAY_AGAIN:
            self._said = time.monotonic()
            log.warning("%s", what)


def _taken(place: Ring | Slabs | Backlog[Any]) -> list[Any]:
    """Take entries out of where they wait; none when there are none."""
    taken = place.take()
    if isinstance(taken, list):
        return taken
    return [] if taken is None else [taken]


def _rows_in(entries: Sequence[Any]) -> int:
    """Return how many requests some entries are."""
    return sum(len(entry) if isinstance(entry, RingRows | Filled) else 1 for entry in entries)
