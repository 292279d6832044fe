"""The files that servers capture into, found and read while they are written.

`mlops_jupyter.serving.recording` says what is in them. A file that grows, or whose writer was killed, ends
in the midst of a record batch: it is read up to the last whole one.
"""

from __future__ import annotations

import glob
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_jupyter.serving.recording import feedback, recorder
from mlops_jupyter.serving.recording.streams import LONGEST, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from .windows import Window

_NAME = re.compile(rf"(?P<begun>\d{{8}}T\d{{6}}\.\d{{6}})Z-(?P<writer>.+)-(?P<pid>\d+){re.escape(SUFFIX)}")
_BEGUN = "%Y%m%dT%H%M%S.%f"
_LATE = timedelta(minutes=1)  # what a row may wait until it is written


@dataclass(frozen=True)
class CapturedFile:
    """One file of one writer.

    Parameters
    ----------
    path : Path
        Where it is.
    begun : datetime
        When its first row came, in UTC. What requests say of their own time may be earlier.
    writer : str
        Which process of the server.
    pid : int
        Its process id then.
    version, digest : str
        The version of the model and the beginning of its content digest; empty for feedback.
    """

    path: Path
    begun: datetime
    writer: str
    pid: int
    version: str = ""
    digest: str = ""

    @property
    def replayed(self) -> bool:
        """Whether its rows say themselves when they were: it may be any time."""
        return self.writer.startswith(recorder.REPLAYED)

    def overlaps(self, window: Window) -> bool:
        """Return whether rows of a window may be in it, as its name and its last change tell."""
        if self.replayed:
            return True
        try:
            changed = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except OSError:  # just removed
            return False
        last = min(changed, self.begun + timedelta(seconds=LONGEST)) + _LATE
        return window.overlaps(self.begun - _LATE, last)


def captured_files(deployment: Path, version: str | None = None) -> list[CapturedFile]:
    """Return the files of requests and answers, the earliest first.

    Parameters
    ----------
    deployment : Path
        The deployment's folder.
    version : str, optional
        Only those of this version.
    """
    found = _files(deployment / recorder.FOLDER, f"*/*{SUFFIX}")
    return [file for file in found if version in (None, file.version)]


def feedback_files(deployment: Path) -> list[CapturedFile]:
    """Return the files of feedback, the earliest first."""
    return _files(deployment / feedback.FOLDER, f"*{SUFFIX}")


def read_schema(path: Path) -> pa.Schema | None:
    """Return the schema of a file; None while nothing whole is in it, or when it was just removed."""
    import pyarrow as pa

    with suppress(OSError, pa.ArrowInvalid), pa.OSFile(str(path)) as source:
        return pa.ipc.read_schema(source)
    return None


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the whole record batches of a file; none when it was just removed.

    Parameters
    ----------
    path : Path
        The file. It may be written to meanwhile.
    """
    import pyarrow as pa

    with (
        suppress(OSError, pa.ArrowInvalid),
        pa.OSFile(str(path)) as source,
        pa.ipc.open_stream(source) as reader,
    ):
        yield from _whole(reader)


def _whole(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        batch.validate()
        yield batch


def _files(folder: Path, pattern: str) -> list[CapturedFile]:
    names = glob.iglob(pattern, root_dir=folder)  # noqa: PTH207 - bears that a folder goes meanwhile
    found = [file for name in names if (file := _file(folder / name)) is not None]
    return sorted(found, key=lambda file: (file.begun, file.path))


def _file(path: Path) -> CapturedFile | None:
    name = _NAME.fullmatch(path.name)
    if name is None:
        return None
    begun = datetime.strptime(name["begun"], _BEGUN).replace(tzinfo=UTC)
    version, digest = "", ""
    if path.parent.name != feedback.FOLDER:
        version, _, digest = path.parent.name.rpartition("-")
    return CapturedFile(path, begun, name["writer"], int(name["pid"]), version, digest)
