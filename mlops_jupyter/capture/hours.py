"""Which hours are in which captured files: kept beside, so that a file is looked through once.

Rows are added at the end of a file and never taken out or moved, so how many of an hour were seen says which
are new. The name of a file tells roughly when its rows were, but not of replayed traffic.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from .files import read_batches
from .storing import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from .files import CapturedFile
    from .windows import Window

HOURS: Final = "hours.json"
_MICROSECONDS: Final = 3_600_000_000


class Seen(msgspec.Struct, frozen=True):
    """What was in a file when it had a size.

    Parameters
    ----------
    size : int
        Bytes of the file then.
    rows : dict of int to int
        Rows of each hour, counted from 1970 in UTC.
    """

    size: int
    rows: dict[int, int]


def seen_in(files: Iterable[CapturedFile], folder: Path, window: Window) -> dict[str, Seen]:
    """Return what is in files that may have something of a window, by their names.

    Only those that have changed are opened.

    Parameters
    ----------
    files : iterable of CapturedFile
        All there are.
    folder : Path
        Where this is remembered.
    window : Window
        What is looked for.
    """
    known = _read(folder / HOURS)
    found = {file.path.name: known[file.path.name] for file in files if file.path.name in known}
    for file in files:
        if file.overlaps(window) and _size(file.path) != getattr(found.get(file.path.name), "size", -1):
            found[file.path.name] = _look(file.path)
    if found != known:
        with suppress(OSError):  # then they are looked through again the next time
            write_whole(folder / HOURS, msgspec.json.encode(found))
    return found


def hours_of(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the hour of each row, counted from 1970 in UTC."""
    import pyarrow as pa

    moments: NDArray[np.int64] = batch["time"].cast(pa.timestamp("us", "UTC")).view(pa.int64()).to_numpy()
    return moments // _MICROSECONDS


def _look(path: Path) -> Seen:
    size, rows = _size(path), Counter[int]()  # the size first: what is added meanwhile is looked for again
    for batch in read_batches(path):
        hours, counts = np.unique(hours_of(batch), return_counts=True)
        rows.update(dict(zip(hours.tolist(), counts.tolist(), strict=True)))
    return Seen(size, dict(rows))


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _read(path: Path) -> dict[str, Seen]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])
    except (OSError, msgspec.DecodeError):  # none yet, or none that can be read: it is made again
        return {}
