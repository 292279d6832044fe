"""Arrow streams that grow at their end, and lose at most that.

A stream is the schema's message and then one message per record batch. Each is put behind the last by its
offset; what could be written only in part is cut off again, so whatever happens to the disk, what follows is
readable. When the process is killed a torn message may be left at the very end, which a reader passes over.
Nothing is synced: what the machine had not yet written when it lost its power is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .condensing import condense
from .direct import DirectWriter
from .messages import Laid, MessageWriter
from .slabs import Filled

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

SUFFIX = ".arrows"
LONGEST = 3600.0  # seconds that one file is written to
LARGEST = 64 * 2**20
SMALL_BATCH = 64  # rows: a batch of fewer costs more for its description than for its values
MOST_SMALL = 1024
_TRIES = 10  # for a file, while others remove its folder
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


@dataclass
class _Open:
    """The file that is written to."""

    path: Path
    descriptor: int
    begun: float
    size: int = 0
    small: int = 0


class StreamFiles:
    """The files of one writer, one after the other.

    Parameters
    ----------
    folder : Path
        Where they are; made when need be, for its owner alone.
    writer : str
        Named in the files' names, beside the time and the process.
    schema : pyarrow.Schema
        Of all record batches.
    largest : int
        Bytes after which the next file is begun.
    """

    def __init__(self, folder: Path, writer: str, schema: pa.Schema, largest: int = LARGEST) -> None:
        self._folder, self._writer, self._largest = folder, writer, largest
        self._head = schema.serialize()
        self._file: _Open | None = None
        self._direct, self._messages = DirectWriter(), MessageWriter(schema)
        self.written = 0

    @property
    def path(self) -> Path | None:
        """The file that is written to, if any."""
        return self._file.path if self._file else None

    def append(self, batch: pa.RecordBatch | Laid | Filled) -> None:
        """Add a record batch, or as many as are written already.

        Raises
        ------
        OSError
            When it could not be written; then nothing of it is there.
        """
        file = self._current()
        if isinstance(batch, Laid):
            self._put(file, self._messages.write(batch, file.size))
        elif isinstance(batch, Filled):
            self._put(file, batch.message(file.size))
        else:
            self._put(file, batch.serialize())
        file.small += batch.num_rows < SMALL_BATCH

    def _current(self) -> _Open:
        if self._file is not None and os.fstat(self._file.descriptor).st_nlink == 0:
            self._let_go()  # removed under our hands: what is written there nobody would find
        if self._file is None:
            self._file = self._begin()
        return self._file

    def _begin(self) -> _Open:
        file = self._make()
        try:
            self._put(file, self._head)
        except OSError:
            self._direct.close()
            os.close(file.descriptor)
            file.path.unlink(missing_ok=True)
            raise
        return file

    def _make(self) -> _Open:
        self._direct.try_again()
        now = time.time()
        moment = datetime.fromtimestamp(now, UTC)
        path = self._folder / f"{moment:%Y%m%dT%H%M%S.%fZ}-{self._writer}-{os.getpid()}{SUFFIX}"
        for _ in range(_TRIES):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another writer has just found the folder empty
                return _Open(path, os.open(path, _NEW, 0o600), now)
        raise FileNotFoundError(errno.ENOENT, "its folder is removed again and again", str(path))

    def _put(self, file: _Open, data: bytes | memoryview | pa.Buffer) -> None:
        left, offset = memoryview(data), file.size
        try:
            while left:
                written = self._direct.write(file.descriptor, left, offset)
                left, offset = left[written:], offset + written
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
            raise
        self.written += offset - file.size
        file.size = offset

    def tidy(self) -> None:
        """End the file when it has had its time or size; else put many small record batches together."""
        file = self._file
        if file is None:
            return
        if file.size >= self._largest or not 0 <= time.time() - file.begun < LONGEST:
            self.close()
        elif file.small >= MOST_SMALL:
            self._condense(file)

    def close(self, until: float | None = None) -> None:
        """End the file; small record batches are put together while `time.monotonic` is below `until`."""
        file = self._file
        if file is None:
            return
        if file.small > 1:
            self._condense(file, until)
        with contextlib.suppress(OSError):
            self._put(file, _END)
        self._let_go()

    def _condense(self, file: _Open, until: float | None = None) -> None:
        file.small = 0  # when it fails now, it need not be tried at once again
        with contextlib.suppress(OSError):
            if not condense(file.path, until):
                return
            descriptor = os.open(file.path, os.O_WRONLY)
            self._direct.close()
            os.close(file.descriptor)
            file.descriptor, file.size = descriptor, os.fstat(descriptor).st_size

    def _let_go(self) -> None:
        if self._file is not None:
            self._direct.close()
            with contextlib.suppress(OSError):
                os.close(self._file.descriptor)
            self._file = None
