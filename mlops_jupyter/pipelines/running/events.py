"""What the runner tells whoever waits for it: each step as it changes, and the run as it ended.

Both ends are processes of ours on a pipe that nobody else can write to, so that what is told is pickled.
"""

from __future__ import annotations

import io
import os
import pickle
import select
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.errors import MlopsError
    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord


@dataclass(frozen=True)
class StepChanged:
    """A step stands otherwise than before."""

    record: StepRecord


@dataclass(frozen=True)
class RunEnded:
    """The run is over; `trouble` is what kept its record from being written, in one line."""

    record: RunRecord
    trouble: MlopsError | None = None


PIECE = 1 << 20
Event: TypeAlias = "StepChanged | RunEnded"


def events(stream: IO[bytes] | None, every: float | None = None) -> Iterator[Event | None]:
    """Yield what a runner tells until it ends, well or not.

    Parameters
    ----------
    stream : file or None
        What it writes to.
    every : float, optional
        Seconds after which None is yielded where nothing was told: whoever shows a clock moves it then.
    """
    told = b""
    while stream is not None:
        if not select.select([stream], [], [], every)[0]:
            yield None
            continue
        piece = os.read(stream.fileno(), PIECE)
        if not piece:
            return
        told += piece
        while (event := first_event(told)) is not None:
            told = told[event[1] :]
            yield event[0]


def first_event(told: bytes) -> tuple[Event, int] | None:
    """Return the first event and where it ends, or None while not all of it is there."""
    start = io.BytesIO(told)
    try:
        return pickle.load(start), start.tell()
    except (EOFError, pickle.UnpicklingError):
        return None


class Telling:
    """What is yet to be told: of each step only the newest, so that a slow listener holds up nobody.

    Parameters
    ----------
    descriptor : int
        The writing end of a pipe.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._changed: dict[str, StepRecord] = {}
        self._written = b""
        self._nobody = False

    @property
    def waits(self) -> bool:
        """Whether there is something that the pipe did not take yet."""
        return bool(self._changed or self._written)

    def tell(self, record: StepRecord) -> None:
        """Tell that a step changed, now or when the listener has time."""
        if not self._nobody:
            self._changed[record.name] = record
            self.write()

    def write(self) -> None:
        """Write what the pipe takes without waiting."""
        try:
            while self.waits:
                self._next()
                self._written = self._written[os.write(self._descriptor, self._written) :]
        except BlockingIOError:
            return
        except OSError:
            self._leave()

    def end(self, event: RunEnded) -> None:
        """Tell all that is left and the end, however long the listener takes."""
        with suppress(OSError):
            os.set_blocking(self._descriptor, True)
        self.write()
        with suppress(OSError), os.fdopen(self._descriptor, "wb") as stream:
            pickle.dump(event, stream)

    def _next(self) -> None:
        if not self._written:
            name = next(iter(self._changed))
            self._written = pickle.dumps(StepChanged(self._changed.pop(name)))

    def _leave(self) -> None:
        self._nobody = True
        self._changed.clear()
        self._written = b""
