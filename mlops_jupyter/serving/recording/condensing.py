"""Many small record batches as few larger ones.

What is asked once a second is written twice a second, so that it can be looked at at once; each record batch
describes all its columns, which takes ten times the room of the one row in it. So now and then a stream is
written anew beside itself, and put in its own place.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from .pieces import step_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

ROWS = 1024
BATCHES = 128
BESIDE = ".new"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def condense(path: Path, until: float | None = None) -> bool:
    """Put the record batches of a stream together.

    Parameters
    ----------
    path : Path
        The stream. It has no end mark, so more can be added to it.
    until : float, optional
        By `time.monotonic`; when it is not done by then the stream is left as it was.

    Returns
    -------
    bool
        Whether it was done.

    Raises
    ------
    OSError
        When it could not be read or written; then it is as it was.
    """
    beside = path.with_name(path.name + BESIDE)
    try:
        with os.fdopen(os.open(beside, _NEW, 0o600), "wb") as stream:
            for message in _messages(path):
                stream.write(message)
                step_aside()
                if until is not None and time.monotonic() > until:
                    return False
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
        return True
    finally:
        beside.unlink(missing_ok=True)


def _messages(path: Path) -> Iterator[pa.Buffer]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
        yield reader.schema.serialize()
        group: list[pa.RecordBatch] = []
        for batch in _whole(reader):
            if group and (len(group) == BATCHES or sum(map(len, group)) + batch.num_rows > ROWS):
                yield _together(group)
                group = []
            group.append(batch)
            step_aside()
        if group:
            yield _together(group)


def _whole(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield what can be read, up to a torn message at the end."""
    import pyarrow as pa

    with contextlib.suppress(StopIteration, OSError, pa.ArrowInvalid):
        while True:
            yield reader.read_next_batch()


def _together(batches: list[pa.RecordBatch]) -> pa.Buffer:
    import pyarrow as pa

    return pa.concat_batches(batches).serialize()
